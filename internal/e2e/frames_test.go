//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A stream is a source for the tests of exactness.
type stream struct {
	name string
	fps  float64
	make func(t *testing.T, file string)

	pictures int // that the file has
	lead     int // by how many periods the first is shown late
}

func x264(e encode) func(*testing.T, string) {
	return func(t *testing.T, file string) { encodeH264(t, file, e) }
}

// joined is one stream after the other, as of a camera that is set up anew.
func joined(parts ...encode) func(*testing.T, string) {
	return func(t *testing.T, file string) {
		var all []byte
		for i, e := range parts {
			part := fmt.Sprintf("%s.%d", file, i)
			encodeH264(t, part, e)
			b, err := os.ReadFile(part)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		if err := os.WriteFile(file, all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// shortCodes rewrites a file to start codes of three bytes.
func shortCodes(make func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, file string) {
		make(t, file)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var short []byte
		for _, n := range nalus(b) {
			short = append(append(short, 0, 0, 1), n...)
		}
		if bytes.Contains(short, []byte{0, 0, 0, 1}) || len(short) >= len(b) {
			t.Fatal("start codes are as they were")
		}
		if err := os.WriteFile(file, short, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	plain   = "keyint=30:scenecut=0:bframes=0"
	bFrames = "keyint=30:scenecut=0:bframes=2:b-adapt=0:b-pyramid=normal"
)

var streams = []stream{
	{"baseline", 30, x264(encode{size: "176x144", fps: 30, seconds: 2, profile: "baseline", params: plain}), 60, 0},
	{"main with B pictures", 30, x264(encode{size: "320x180", fps: 30, seconds: 2, profile: "main", params: bFrames}), 60, 2},
	{"high", 25, x264(encode{size: "320x240", fps: 25, seconds: 2, profile: "high", params: "keyint=25:bframes=3:8x8dct=1"}), 50, -1},
	{"8 slices", 30, x264(encode{size: "320x256", fps: 30, seconds: 2, profile: "main", params: plain + ":slices=8"}), 60, 0},
	{"short start codes", 30, shortCodes(x264(encode{size: "176x144", fps: 30, seconds: 2, profile: "main", params: bFrames})), 60, 2},
	{"other parameter sets", 30, joined(
		encode{size: "320x180", fps: 30, seconds: 1, profile: "baseline", params: plain},
		encode{size: "176x144", fps: 30, seconds: 1, profile: "high", params: plain, pattern: "testsrc"},
		encode{size: "320x180", fps: 30, seconds: 1, profile: "baseline", params: plain},
	), 90, 0},
	{"access unit delimiters", 30, x264(encode{size: "176x144", fps: 30, seconds: 2, profile: "main", params: bFrames + ":aud=1"}), 60, 2},
	{"1 fps", 1, x264(encode{size: "176x144", fps: 1, seconds: 4, profile: "main", params: plain}), 4, 0},
	{"60 fps", 60, x264(encode{size: "320x180", fps: 60, seconds: 2, profile: "high", params: "keyint=60:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal"}), 120, 2},
	// x264 announces a reorder depth of 2 with two B pictures, and keeps to 1.
	{"reorders less than it says", 30, x264(encode{size: "176x144", fps: 30, seconds: 3, profile: "main", params: "keyint=90:scenecut=0:bframes=2:b-adapt=0"}), 90, 2},
}

// source makes the stream, and says what its pictures are.
func (s stream) source(t *testing.T) (file string, want []string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), strings.ReplaceAll(s.name, " ", "-")+".h264")
	s.make(t, file)
	want = frames(t, file)
	if len(want) != s.pictures {
		t.Fatalf("the source has %d pictures, want %d", len(want), s.pictures)
	}
	return file, want
}

// ingests runs a test against those that others wrote. It is handed a
// destination's URL, and what waits for the recording.
func ingests(t *testing.T, test func(t *testing.T, url string, recorded func(*testing.T) string)) {
	t.Run("nginx", func(t *testing.T) {
		t.Parallel()
		in := startNginx(t, freePort(t))
		test(t, in.url(), in.recorded)
	})
	t.Run("ffmpeg", func(t *testing.T) {
		t.Parallel()
		in := startFFmpegIngest(t)
		test(t, in.url(), in.recorded)
	})
}

// What a file's pictures are, the ingest has: each of them, in order, a period
// apart, with silence to go with them, and a goodbye.
func TestFile(t *testing.T) {
	for _, s := range streams {
		t.Run(s.name, func(t *testing.T) {
			need(t, "ffmpeg")
			t.Parallel()
			file, want := s.source(t)
			ingests(t, func(t *testing.T, url string, recorded func(*testing.T) string) {
				playFile(t, file, url, "")
				rec := recorded(t)
				r := readFLV(t, rec)
				requireFrames(t, "the recording", frames(t, rec), want)
				requireMonotonic(t, "the recording", r)
				requireSpacing(t, "the recording", r, s.fps)
				requireSilence(t, "the recording", rec, r)
				if s.lead >= 0 && len(r.video) > 0 {
					if lead := float64(r.video[0].cts) * s.fps / 1000; lead < float64(s.lead)-0.1 || lead > float64(s.lead)+0.1 {
						t.Errorf("the first picture is shown %.1f periods after its decoding time, want %d", lead, s.lead)
					}
				}
				if !r.ended {
					t.Error("the recording has no end of sequence")
				}
			})
		})
	}
}

// playFile broadcasts a file to its end; more is YAML for the camera section.
func playFile(t *testing.T, file, url, more string) *process {
	t.Helper()
	dir := t.TempDir()
	p := broadcast(t, dir, fmt.Sprintf("camera: {source: file, file: {path: %q}%s}", file, more),
		[]string{destination(t, dir, "venue", url)})
	if code := p.wait(t, 30*time.Second); code != 0 {
		t.Errorf("exit code %d at the end of the file, want 0", code)
	}
	for _, want := range []string{"on air", "everything has been sent", "venuecast has stopped"} {
		if len(p.lines(want)) != 1 {
			t.Errorf("%q is logged %d times, want once", want, len(p.lines(want)))
		}
	}
	return p
}

// Where the encoder stops reordering pictures in mid-stream, or begins to, no
// picture may be shown before one that precedes it.
func TestFileReorderingChanges(t *testing.T) {
	reordered := encode{size: "320x180", fps: 30, seconds: 1, profile: "main", params: bFrames}
	straight := encode{size: "176x144", fps: 30, seconds: 1, profile: "baseline", params: plain}
	for _, c := range []struct {
		name  string
		parts []encode
	}{
		{"ends", []encode{reordered, straight}},
		{"begins", []encode{straight, reordered}},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, "ffmpeg")
			t.Parallel()
			file := filepath.Join(t.TempDir(), "joined.h264")
			joined(c.parts...)(t, file)
			want := frames(t, file)
			in := startNginx(t, freePort(t))
			playFile(t, file, in.url(), "")
			rec := in.recorded(t)
			requireFrames(t, "the recording", frames(t, rec), want)
			r := readFLV(t, rec)
			requireMonotonic(t, "the recording", r)
			if len(r.video) != 60 || len(r.headers) != 2 {
				t.Fatalf("%d pictures and %d sequence headers, want 60 and 2", len(r.video), len(r.headers))
			}
			latest := int64(-1) // of the first part
			for _, v := range r.video[:30] {
				latest = max(latest, v.pts())
			}
			for i, v := range r.video[30:] {
				if v.pts() <= latest {
					t.Errorf("picture %d of the second part is shown at %d ms, when the first part goes on up to %d ms", i, v.pts(), latest)
					break
				}
			}
		})
	}
}

// The streams of the folder VENUECAST_CORPUS arrive as they are.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("VENUECAST_CORPUS")
	if corpus == "" {
		t.Skip("VENUECAST_CORPUS names no folder of streams")
	}
	need(t, "ffmpeg")
	files, err := filepath.Glob(filepath.Join(corpus, "*.*264"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no .h264 and no .264 in %s (%v)", corpus, err)
	}
	const fps = 60 // faster than they were: it is the order that counts
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			want := frames(t, file)
			leads := leadsKeyframes(t, file)
			if leads {
				t.Log("pictures are shown before the keyframe that they follow: when that is due cannot be known as it passes, so times are not compared")
			}
			ingests(t, func(t *testing.T, url string, recorded func(*testing.T) string) {
				playFile(t, file, url, fmt.Sprintf(", fps: %d", fps))
				rec := recorded(t)
				r := readFLV(t, rec)
				requireFrames(t, "the recording", frames(t, rec), want)
				requireSilence(t, "the recording", rec, r)
				if leads {
					return
				}
				requireMonotonic(t, "the recording", r)
				shown := r.shown()
				for i := 1; i < len(shown); i++ {
					// Fields come twice as often as frames.
					if step := shown[i] - shown[i-1]; step < 1000/fps/2-1 || step > 1000/fps+2 {
						t.Errorf("%d ms from picture %d of %d to the next", step, i-1, len(shown))
						break
					}
				}
			})
		})
	}
}

// A file with times of its own keeps them, composition times too.
func TestFLVFile(t *testing.T) {
	need(t, "ffmpeg")
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "clip.flv")
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-f", "lavfi", "-i", "sine=d=2",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-threads", "1", "-preset", "veryfast", "-x264-params", "keyint=30:bframes=3:b-adapt=0",
		"-c:a", "aac", "-shortest", "-y", file)
	source := readFLV(t, file)
	want := frames(t, file)
	if len(source.audio) == 0 || !slices.ContainsFunc(source.video, func(v tag) bool { return v.cts > 100 }) {
		t.Fatal("the clip has no sound or no reordered pictures")
	}
	ingests(t, func(t *testing.T, url string, recorded func(*testing.T) string) {
		playFile(t, file, url, "")
		rec := recorded(t)
		r := readFLV(t, rec)
		requireFrames(t, "the recording", frames(t, rec), want)
		requireMonotonic(t, "the recording", r)
		requireSilence(t, "the recording", rec, r) // the clip's own sound is not sent
		for i := range min(len(r.video), len(source.video)) {
			got, want := r.video[i], source.video[i]
			want.dts -= source.video[0].dts
			if d := got.dts - want.dts; d < -1 || d > 1 || got.cts < want.cts-1 || got.cts > want.cts+1 {
				t.Errorf("picture %d: decoding time %d ms and composition time %d ms, in the clip %d and %d",
					i, got.dts, got.cts, want.dts, want.cts)
				break
			}
		}
	})
}

// A command's pictures arrive as it wrote them. Their times are those of their
// arrival, smoothed, so of the spacing only the order is certain.
func TestExec(t *testing.T) {
	for _, s := range streams {
		if !slices.Contains([]string{"baseline", "main with B pictures", "8 slices", "short start codes", "other parameter sets", "60 fps", "reorders less than it says"}, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			need(t, "ffmpeg")
			t.Parallel()
			file, want := s.source(t)
			ingests(t, func(t *testing.T, url string, recorded func(*testing.T) string) {
				dir := t.TempDir()
				length := time.Duration(float64(s.pictures) / s.fps * float64(time.Second))
				p := broadcast(t, dir, camera(file, s.fps, "-hold"), []string{destination(t, dir, "venue", url)},
					"--for", (length + 1500*time.Millisecond).String())
				if code := p.wait(t, 30*time.Second); code != 0 {
					t.Errorf("exit code %d at the end of --for, want 0", code)
				}
				rec := recorded(t)
				r := readFLV(t, rec)
				requireFrames(t, "the recording", frames(t, rec), want)
				requireMonotonic(t, "the recording", r)
				requireSilence(t, "the recording", rec, r)
				if n := len(p.lines("camera command started")); n != 1 {
					t.Errorf("the command was started %d times, want once", n)
				}
			})
		})
	}
}

// ffmpeg as the command: the one that most will try first.
func TestExecFFmpeg(t *testing.T) {
	need(t, "ffmpeg")
	t.Parallel()
	file := filepath.Join(t.TempDir(), "long.h264")
	encodeH264(t, file, encode{size: "320x180", fps: 30, seconds: 10, profile: "main", params: bFrames})
	want := frames(t, file)
	in := startNginx(t, freePort(t))
	dir := t.TempDir()
	p := broadcast(t, dir, fmt.Sprintf(`camera: {source: exec, exec: {command: [ffmpeg, -nostdin, -v, error, -re, -framerate, "30", -f, h264, -i, %q, -c, copy, -f, h264, -]}}`, file),
		[]string{destination(t, dir, "venue", in.url())}, "--for", "4s")
	if code := p.wait(t, 30*time.Second); code != 0 {
		t.Errorf("exit code %d at the end of --for, want 0", code)
	}
	rec := in.recorded(t)
	got := frames(t, rec)
	if len(got) < 80 || len(got) > 130 {
		t.Errorf("%d pictures in 4 s", len(got))
	}
	// Where it was cut off, pictures are missing that were to be shown between
	// those sent last.
	n := max(0, len(got)-4)
	requireFrames(t, "the recording", got[:n], want[:n])
	requireMonotonic(t, "the recording", readFLV(t, rec))
}

// leadsKeyframes reports whether a keyframe of the file is shown after pictures
// that follow it in the stream.
func leadsKeyframes(t *testing.T, file string) bool {
	t.Helper()
	need(t, "ffprobe")
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=key_frame,coded_picture_number",
		"-of", "csv=p=0", file).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	latest := -1
	for line := range strings.Lines(string(out)) {
		var key, number int
		if _, err := fmt.Sscanf(line, "%d,%d", &key, &number); err != nil {
			continue
		}
		if key == 1 && number < latest {
			return true
		}
		latest = max(latest, number)
	}
	return false
}
