//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A told is a line of "venuecast ingest --json".
type told struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	Session int       `json:"session"`
	Role    string    `json:"role"`
	App     string    `json:"app"`
	Remote  string    `json:"remote"`
	Encoder string    `json:"encoder"`
	Status  string    `json:"status"`
	Was     string    `json:"was"`
	Text    string    `json:"text"`
	Servers []string  `json:"servers"`
	CAFile  string    `json:"caFile"`

	Issue  *toldIssue `json:"issue"`
	Report *struct {
		Status string      `json:"status"`
		Issues []toldIssue `json:"issues"`
		Speed  float64     `json:"speed"`
		Video  struct {
			Codec   string  `json:"codec"`
			Profile string  `json:"profile"`
			Width   int     `json:"width"`
			Height  int     `json:"height"`
			FPS     float64 `json:"fps"`
			Bitrate int     `json:"bitrate"`
			GOP     float64 `json:"gop"`
		} `json:"video"`
		Audio struct {
			Codec      string `json:"codec"`
			SampleRate int    `json:"sampleRate"`
			Channels   int    `json:"channels"`
			Bitrate    int    `json:"bitrate"`
		} `json:"audio"`
		Totals struct {
			Seconds  float64 `json:"seconds"`
			Bytes    int64   `json:"bytes"`
			Pictures int     `json:"pictures"`
		} `json:"totals"`
	} `json:"report"`
}

type toldIssue struct {
	Type     string    `json:"type"`
	Severity string    `json:"severity"`
	Measured string    `json:"measured"`
	Limit    string    `json:"limit"`
	Since    time.Time `json:"since"`
	Advice   string    `json:"advice"`
	YouTube  bool      `json:"youtube"`
}

// A rehearsal is the program's own ingest, in a process of its own.
type rehearsal struct {
	*process
	port int
}

// rehearse starts "venuecast ingest --json" and waits until it is there.
func rehearse(t *testing.T, args ...string) *rehearsal {
	t.Helper()
	r := &rehearsal{port: freePort(t)}
	r.process = venuecast(t, environment(), append([]string{"ingest", "--json", "--listen", fmt.Sprintf("127.0.0.1:%d", r.port)}, args...)...)
	r.says(t, 5*time.Second, `"event":"listening"`)
	return r
}

func (r *rehearsal) url() string { return fmt.Sprintf("rtmp://127.0.0.1:%d/live2", r.port) }

// told gives what it has told so far of events of these kinds; of none, of all.
func (r *rehearsal) told(t *testing.T, kinds ...string) (list []told) {
	t.Helper()
	for line := range strings.Lines(r.out.String()) {
		if !strings.HasSuffix(line, "\n") {
			break // still being written
		}
		var e told
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in what should be JSON: %s", err, line)
		}
		if len(kinds) == 0 || slices.Contains(kinds, e.Event) {
			list = append(list, e)
		}
	}
	return list
}

// tells waits for the first event of a kind for which ok.
func (r *rehearsal) tells(t *testing.T, within time.Duration, kind string, ok func(told) bool) told {
	t.Helper()
	var found told
	eventually(t, within, fmt.Sprintf("the ingest tells %q", kind), func() bool {
		for _, e := range r.told(t, kind) {
			if ok == nil || ok(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// stop ends it as Ctrl-C does.
func (r *rehearsal) stop(t *testing.T) {
	t.Helper()
	r.signal(t, syscall.SIGINT)
	if code := r.wait(t, 5*time.Second); code != 0 {
		t.Errorf("the ingest's exit code is %d, want 0", code)
	}
}

// A take is a clip for the tests: what x264 and the audio encoder are told.
type take struct {
	size, x264 string
	seconds    int
	flags      []string // for the video
	audio      []string // nil: none
}

const (
	cbr720 = "nal-hrd=cbr:vbv-maxrate=3800:vbv-bufsize=3800:bitrate=3800:scenecut=0:force-cfr=1"
	gop2s  = ":keyint=60:min-keyint=60"
	closed = gop2s + ":bframes=0"
)

var stereo = []string{"-c:a", "aac", "-b:a", "128k", "-ar", "44100", "-ac", "2"}

// film makes the clip, as FLV. Its sound is noise: no silence.
func film(t *testing.T, file string, c take) {
	t.Helper()
	args := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%s:r=30:d=%d", c.size, c.seconds)}
	if c.audio != nil {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("anoisesrc=a=0.3:r=48000:d=%d", c.seconds))
	}
	args = append(args, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-x264-params", c.x264)
	args = append(append(args, c.flags...), c.audio...)
	ffmpeg(t, append(args, "-f", "flv", "-y", file)...)
}

// resound is a clip with another sound.
func resound(t *testing.T, from, to string, audio ...string) {
	t.Helper()
	args := []string{"-i", from}
	if audio == nil {
		args = append(args, "-an")
	}
	ffmpeg(t, append(append(append(args, "-c:v", "copy"), audio...), "-f", "flv", "-y", to)...)
}

// publishing is an ffmpeg that sends a clip again and again.
func publishing(t *testing.T, file, url string, d time.Duration, options ...string) *process {
	t.Helper()
	return publishingWith(t, file, url, d, nil, options...)
}

// publishingWith is publishing, with options for the output.
func publishingWith(t *testing.T, file, url string, d time.Duration, out []string, options ...string) *process {
	t.Helper()
	args := append([]string{"ffmpeg", "-nostdin", "-hide_banner", "-v", "error"}, options...)
	args = append(args, "-stream_loop", "-1", "-i", file, "-c", "copy", "-t", fmt.Sprint(d.Seconds()), "-f", "flv")
	return start(t, nil, append(append(args, out...), url)...)
}

// What YouTube would name is named, and nothing else: for each stream its one
// name, within 10 s of its being measurable; of a good one nothing, for 60 s.
func TestRehearsalNames(t *testing.T) {
	need(t, "ffmpeg")
	dir := t.TempDir()
	clip := func(name string) string { return filepath.Join(dir, name+".flv") }
	good := take{size: "1280x720", x264: cbr720 + closed, seconds: 10, audio: stereo}
	with := func(change func(*take)) take {
		c := good
		change(&c)
		return c
	}
	var films sync.WaitGroup
	for name, c := range map[string]take{
		"good": good,
		"gop":  with(func(c *take) { c.x264, c.seconds = cbr720+":keyint=240:min-keyint=240:bframes=0", 16 }),
		"starved": with(func(c *take) {
			c.size, c.x264 = "1920x1080", "bitrate=300:vbv-maxrate=300:vbv-bufsize=600:scenecut=0"+closed
		}),
		"interlaced": with(func(c *take) { c.x264, c.flags = cbr720+closed+":tff=1", []string{"-flags", "+ildct+ilme"} }),
		"open":       with(func(c *take) { c.x264 = cbr720 + gop2s + ":bframes=2:b-adapt=0:open-gop=1" }),
	} {
		films.Go(func() { film(t, clip(name), c) })
	}
	films.Wait()
	resound(t, clip("good"), clip("mute"))
	resound(t, clip("good"), clip("22050"), "-c:a", "aac", "-b:a", "128k", "-ar", "22050", "-ac", "2")
	resound(t, clip("good"), clip("mp3"), "-c:a", "libmp3lame", "-b:a", "128k", "-ar", "44100", "-ac", "1")

	r := rehearse(t)
	realtime := []string{"-re"}
	cases := []struct {
		name, clip string
		pace       []string
		want       string        // "": nothing
		measurable time.Duration // behind the session's begin
	}{
		{"good", "good", realtime, "", 0},
		{"GOP 8 s", "gop", realtime, "gopSizeLong", 4 * time.Second}, // when the limit is passed
		{"no audio", "mute", realtime, "noAudioStream", 0},
		{"22.05 kHz", "22050", realtime, "audioSampleRate", 0},
		{"300 kbit/s at 1080p", "starved", realtime, "bitrateLow", 0},
		{"mono mp3", "mp3", realtime, "audioCodec", 0},
		{"interlaced", "interlaced", realtime, "interlacedVideo", 0},
		{"open GOP", "open", realtime, "openGop", 2 * time.Second}, // with the second one
		{"half real time", "good", []string{"-readrate", "0.5"}, "videoIngestionStarved", 0},
		{"double real time", "good", []string{"-readrate", "2"}, "videoIngestionFasterThanRealtime", 0},
	}
	const short, long = 30 * time.Second, 62 * time.Second
	for i, c := range cases {
		d := short
		if c.want == "" {
			d = long
		}
		switch c.pace[len(c.pace)-1] { // -t counts the media's time
		case "0.5":
			d /= 2
		case "2":
			d *= 2
		}
		publishing(t, clip(c.clip), fmt.Sprintf("%s/%s-%d", r.url(), testKey, i), d, c.pace...)
		// In the order of the table, by which they are told apart.
		r.tells(t, 5*time.Second, "connected", func(e told) bool { return e.Session == i+1 })
	}
	eventually(t, long+10*time.Second, "every session ends", func() bool { return len(r.told(t, "disconnected")) == len(cases) })
	r.stop(t)

	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var began, ended, named time.Time
			good := false
			for _, e := range r.told(t) {
				if e.Session != i+1 {
					continue
				}
				switch e.Event {
				case "connected":
					began = e.Time
				case "issue":
					if e.Issue.Type != c.want || !e.Issue.YouTube {
						t.Errorf("%.1f s behind its begin it is named %s: %s, %s", e.Time.Sub(began).Seconds(), e.Issue.Type, e.Issue.Measured, e.Issue.Limit)
						continue
					}
					if named.IsZero() {
						named = e.Time
						t.Logf("%s after %.1f s: %s, %s", e.Issue.Type, e.Time.Sub(began).Seconds(), e.Issue.Measured, e.Issue.Limit)
					}
				case "cleared":
					t.Errorf("%.1f s behind its begin %s is cleared", e.Time.Sub(began).Seconds(), e.Issue.Type)
				case "status":
					good = good || e.Status == "good"
					if c.want == "" && e.Status != "good" {
						t.Errorf("%.1f s behind its begin it is %s", e.Time.Sub(began).Seconds(), e.Status)
					}
				case "disconnected":
					ended = e.Time
					if e.Text != "the encoder said goodbye" || e.Report == nil {
						t.Fatalf("it ended because %s: %+v", e.Text, e.Report)
					}
					v, a := e.Report.Video, e.Report.Audio
					t.Logf("%s after %.1f s: %s %s %dx%d %.2f fps %d bit/s, keyframes %.2f s apart; %s %d Hz %d channels %d bit/s", e.Report.Status,
						ended.Sub(began).Seconds(), v.Codec, v.Profile, v.Width, v.Height, v.FPS, v.Bitrate, v.GOP, a.Codec, a.SampleRate, a.Channels, a.Bitrate)
				}
			}
			switch {
			case began.IsZero() || ended.IsZero():
				t.Fatal("there is no such session")
			case c.want == "":
				if lasted := ended.Sub(began); !good || lasted < time.Minute {
					t.Errorf("it was good: %v, for %v, want 60 s", good, lasted)
				}
			case named.IsZero():
				t.Errorf("it is not named %s", c.want)
			case named.Sub(began) > c.measurable+10*time.Second:
				t.Errorf("it is named %v behind its begin, and can be measured after %v", named.Sub(began), c.measurable)
			}
		})
	}
}
