package health

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"venuecast/flv"
)

// tagsOf reads a file as the messages of a session that arrive in real time.
func tagsOf(t *testing.T, file string) (all []message) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := flv.NewReader(bufio.NewReader(f))
	for {
		tag, err := r.ReadTag()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, message{kind: tag.Type, media: tag.DTS, stamp: uint32(tag.DTS / time.Millisecond), body: tag.Body, at: max(0, tag.DTS)})
	}
}

// x264 is how the streams are encoded: fast and at a constant bitrate, with a
// GOP of 2 s at 30 pictures a second unless more says otherwise.
func x264(bitrate, params string) []string {
	if params != "" {
		params = ":" + params
	}
	return []string{
		"-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p",
		"-b:v", bitrate, "-minrate", bitrate, "-maxrate", bitrate, "-bufsize", bitrate,
		"-x264-params", "nal-hrd=cbr:keyint=60:min-keyint=60:scenecut=0" + params,
	}
}

func aacOf(more ...string) []string {
	return append([]string{"-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "44100"}, more...)
}

// TestReal has what ffmpeg makes judged.
func TestReal(t *testing.T) {
	const (
		picture = "testsrc2=s=1280x720:r=30"
		sound   = "sine=f=440:r=44100"
	)
	for _, tt := range []struct {
		name           string
		seconds        string
		picture        string // "": none
		sound          bool
		video, audio   []string
		pace           float64 // seconds of arrival a second of media; 0: 1
		want           []Type
		by             time.Duration // of arrival: measurable, and 10 s
		status         Status
		measured       string
		interlaced     bool
		b              bool
		profile, codec string
	}{
		{
			name: "good", seconds: "62", picture: picture, sound: true, video: x264("4M", ""), audio: aacOf(),
			status: StatusGood, profile: "Constrained Baseline", codec: "AAC-LC",
		},
		{
			name: "GOP 8 s", seconds: "20", picture: picture, sound: true, video: x264("4M", "keyint=240:min-keyint=240"), audio: aacOf(),
			want: []Type{GOPSizeLong}, by: 14 * time.Second, status: StatusOK, measured: "8.0 s", profile: "Constrained Baseline", codec: "AAC-LC",
		},
		{
			name: "no audio", seconds: "16", picture: picture, video: x264("4M", ""),
			want: []Type{NoAudioStream}, by: 10 * time.Second, status: StatusBad, measured: "none for", profile: "Constrained Baseline",
		},
		{
			name: "22.05 kHz", seconds: "12", picture: picture, sound: true, video: x264("4M", ""), audio: aacOf("-ar", "22050"),
			want: []Type{AudioSampleRate}, by: time.Second, status: StatusOK, measured: "22.05 kHz", profile: "Constrained Baseline", codec: "AAC-LC",
		},
		{
			name: "300 kbit/s at 1080p", seconds: "12", picture: "testsrc2=s=1920x1080:r=30", sound: true, video: x264("300k", ""), audio: aacOf(),
			want: []Type{BitrateLow}, by: 10 * time.Second, status: StatusOK, measured: "kbit/s", profile: "Constrained Baseline", codec: "AAC-LC",
		},
		{
			name: "mono mp3", seconds: "12", picture: picture, sound: true, video: x264("4M", ""), audio: []string{"-c:a", "libmp3lame", "-b:a", "64k", "-ac", "1", "-ar", "44100"},
			want: []Type{AudioCodec}, by: time.Second, status: StatusOK, measured: "MP3", profile: "Constrained Baseline", codec: "MP3",
		},
		{
			name: "interlaced", seconds: "12", picture: picture, sound: true, video: append(x264("4M", "tff=1"), "-flags", "+ilme+ildct"), audio: aacOf(),
			want: []Type{InterlacedVideo}, by: time.Second, status: StatusOK, measured: "interlaced", interlaced: true, profile: "Main", codec: "AAC-LC",
		},
		{
			name: "flagged as interlaced, coded progressive", seconds: "12", picture: picture, sound: true, video: x264("4M", "fake-interlaced=1:pic-struct=1"), audio: aacOf(),
			status: StatusGood, profile: "Main", codec: "AAC-LC",
		},
		{
			name: "open GOP with B pictures", seconds: "16", picture: picture, sound: true, video: x264("4M", "open-gop=1:bframes=2:b-adapt=0"), audio: aacOf(),
			want: []Type{OpenGOP}, by: 10 * time.Second, status: StatusOK, measured: "keyframes", b: true, profile: "Main", codec: "AAC-LC",
		},
		{
			name: "closed GOP with B pictures", seconds: "16", picture: picture, sound: true, video: x264("4M", "bframes=3:b-adapt=0:b-pyramid=1"), audio: aacOf(),
			status: StatusGood, b: true, profile: "Main", codec: "AAC-LC",
		},
		{
			name: "half real time", seconds: "16", picture: picture, sound: true, video: x264("4M", ""), audio: aacOf(), pace: 2,
			want: []Type{VideoIngestionStarved}, by: 10 * time.Second, status: StatusBad, measured: "0.5", profile: "Constrained Baseline", codec: "AAC-LC",
		},
		{
			name: "double real time", seconds: "32", picture: picture, sound: true, video: x264("4M", ""), audio: aacOf(), pace: 0.5,
			want: []Type{VideoIngestionFasterThanRealtime}, by: 10 * time.Second, status: StatusBad, measured: "2.0", profile: "Constrained Baseline", codec: "AAC-LC",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "stream.flv")
			args := []string{"-f", "lavfi", "-i", tt.picture}
			if tt.sound {
				args = append(args, "-f", "lavfi", "-i", sound)
			}
			args = append(append(append(args, tt.video...), tt.audio...), "-t", tt.seconds, file)
			ffmpeg(t, args...)

			all := tagsOf(t, file)
			if tt.pace != 0 {
				for i := range all {
					all[i].at = time.Duration(float64(all[i].at) * tt.pace)
				}
			}
			j := NewJudge(Config{})
			var named time.Duration
			for _, v := range play(j, all[:len(all)-4]) { // the last picture or two may have waited for the encoder
				got := names(v.report.Issues)
				if named == 0 && len(got) > 0 {
					named = v.at
				}
				if v.at < tt.by && len(got) == 0 {
					continue
				}
				if !slices.Equal(got, tt.want) {
					t.Fatalf("at %v: %v, want %v", v.at, v.report.Issues, tt.want)
				}
			}
			r := j.Report(epoch.Add(all[len(all)-5].at))
			if r.Status != tt.status {
				t.Errorf("status %s, want %s", r.Status, tt.status)
			}
			if len(tt.want) > 0 && !strings.Contains(r.Issues[0].Measured, tt.measured) {
				t.Errorf("measured %q, want %q", r.Issues[0].Measured, tt.measured)
			}
			v := r.Video
			if v.Interlaced != tt.interlaced || v.BPictures != tt.b || v.Profile != tt.profile || r.Audio.Codec != tt.codec || v.FPS < 29.8 || v.FPS > 30.2 {
				t.Errorf("%+v, %+v", r.Video, r.Audio)
			}
			t.Logf("named after %v: %v; %+v %+v", named, r.Issues, r.Video, r.Audio)
		})
	}
}
