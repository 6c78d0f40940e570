//go:build linux

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A recording is an FLV file taken apart, by other code than venuecast's.
type recording struct {
	video, audio []tag // pictures and AAC frames
	headers      []tag // video sequence headers
	ended        bool  // there is an end of sequence
}

// A tag's times are in milliseconds.
type tag struct {
	dts, cts int64
	key      bool
	size     int
}

func (g tag) pts() int64 { return g.dts + g.cts }

// readFLV reads what there is of a file that may still be written.
func readFLV(t *testing.T, file string) (r recording) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const fileHeader, tagHeader, tagTrailer = 9 + 4, 11, 4
	if len(b) < fileHeader {
		return r
	}
	for b = b[fileHeader:]; len(b) >= tagHeader; {
		kind, size := b[0], int(binary.BigEndian.Uint32(b[0:])&0xffffff)
		dts := int64(b[7])<<24 | int64(binary.BigEndian.Uint32(b[3:])&0xffffff)
		if len(b) < tagHeader+size {
			break
		}
		body := b[tagHeader : tagHeader+size]
		b = b[min(len(b), tagHeader+size+tagTrailer):]
		switch {
		case kind == 8 && size > 2 && body[1] == 1:
			r.audio = append(r.audio, tag{dts: dts, size: size})
		case kind == 9 && size >= 5:
			cts := int64(int32(binary.BigEndian.Uint32(body[1:])<<8) >> 8)
			v := tag{dts: dts, cts: cts, key: body[0]>>4 == 1, size: size}
			switch body[1] {
			case 0:
				r.headers = append(r.headers, v)
			case 1:
				r.video = append(r.video, v)
			case 2:
				r.ended = true
			}
		}
	}
	return r
}

// shown gives the pictures' times on the screen, in that order.
func (r recording) shown() []int64 {
	var pts []int64
	for _, v := range r.video {
		pts = append(pts, v.pts())
	}
	slices.Sort(pts)
	return pts
}

// ffmpeg runs it and gives its stdout.
func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	need(t, "ffmpeg")
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-hide_banner", "-v", "error", "-threads", "1"}, args...)...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, tail(errors.String(), 2000))
	}
	return out
}

// frames decodes a file's pictures and gives a hash of each, in the order of
// the screen.
func frames(t *testing.T, file string) (hashes []string) {
	t.Helper()
	// As they come, each in its own size.
	out := ffmpeg(t, "-i", file, "-map", "0:v", "-fps_mode", "passthrough", "-autoscale", "0", "-f", "framemd5", "-")
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), ","); len(f) == 6 && !strings.HasPrefix(line, "#") {
			hashes = append(hashes, strings.TrimSpace(f[4])+" "+strings.TrimSpace(f[5]))
		}
	}
	if len(hashes) == 0 {
		t.Fatalf("no picture in %s", file)
	}
	return hashes
}

// requireFrames compares decoded pictures, one for one.
func requireFrames(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s: picture %d of %d is another than that of the source", what, i, len(want))
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s has %d pictures, the source %d", what, len(got), len(want))
	}
}

// decodesCleanly fails for every word that ffmpeg has to say on a file.
func decodesCleanly(t *testing.T, file string) {
	t.Helper()
	need(t, "ffmpeg")
	out, err := exec.Command("ffmpeg", "-nostdin", "-hide_banner", "-v", "warning", "-i", file,
		"-fps_mode", "passthrough", "-enc_time_base:v", "1:1000", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg on %s: %v\n%s", filepath.Base(file), err, tail(string(out), 2000))
	}
}

// requireSilence fails unless the recording has a sound track of nothing but
// zeros that ends where the picture does.
func requireSilence(t *testing.T, what, file string, r recording) {
	t.Helper()
	if len(r.audio) == 0 || len(r.video) == 0 {
		t.Errorf("%s has %d pictures and %d frames of sound", what, len(r.video), len(r.audio))
		return
	}
	pcm := ffmpeg(t, "-i", file, "-map", "0:a", "-f", "s16le", "-")
	if at := bytes.IndexFunc(pcm, func(r rune) bool { return r != 0 }); at >= 0 || len(pcm) == 0 {
		t.Errorf("%s: %d bytes of sound, the first that is not silent is %d", what, len(pcm), at)
	}
	const frame = 1024 * 1000 / 44100 // ms
	end := r.audio[len(r.audio)-1].dts + frame
	picture := r.video[len(r.video)-1].dts
	if apart := end - picture; apart < -60 || apart > 60 {
		t.Errorf("%s: sound ends %d ms behind the last picture's decoding time", what, apart)
	}
	shown := r.shown()
	t.Logf("%s: sound ends %+d ms from the last picture sent, %+d ms from the last one shown",
		what, end-picture, end-shown[len(shown)-1])
	for i := range r.audio[1:] {
		if step := r.audio[i+1].dts - r.audio[i].dts; step < frame-1 || step > frame+2 {
			t.Errorf("%s: %d ms from one frame of sound to the next, at %d ms", what, step, r.audio[i].dts)
			return
		}
	}
}

// requireSpacing fails unless the pictures are shown one period apart.
func requireSpacing(t *testing.T, what string, r recording, fps float64) {
	t.Helper()
	shown := r.shown()
	if len(shown) == 0 {
		t.Errorf("%s has no picture", what)
		return
	}
	for i, at := range shown {
		want := float64(shown[0]) + float64(i)*1000/fps
		if d := float64(at) - want; d < -1 || d > 1 {
			t.Errorf("%s: picture %d is shown at %d ms, want %.1f", what, i, at, want)
			return
		}
	}
}

// requireMonotonic fails unless decoding times start at 0 and never go back,
// and no two pictures are shown at the same time.
func requireMonotonic(t *testing.T, what string, r recording) {
	t.Helper()
	if len(r.video) == 0 {
		t.Errorf("%s has no picture", what)
		return
	}
	if first := r.video[0]; first.dts != 0 || !first.key {
		t.Errorf("%s begins with a picture at %d ms, keyframe %v", what, first.dts, first.key)
	}
	for _, tags := range [][]tag{r.video, r.audio} {
		for i := 1; i < len(tags); i++ {
			if tags[i].dts < tags[i-1].dts {
				t.Errorf("%s: from %d ms back to %d ms", what, tags[i-1].dts, tags[i].dts)
				return
			}
		}
	}
	shown := r.shown()
	for i := 1; i < len(shown); i++ {
		if shown[i] == shown[i-1] {
			t.Errorf("%s: two pictures to be shown at %d ms", what, shown[i])
			return
		}
	}
}

// An encode says what x264 makes of a test pattern.
type encode struct {
	size    string
	fps     int
	seconds float64
	profile string
	params  string
	pattern string
}

// encodeH264 writes an Annex B file.
func encodeH264(t *testing.T, file string, e encode) {
	t.Helper()
	pattern := e.pattern
	if pattern == "" {
		pattern = "testsrc2"
	}
	ffmpeg(t, "-f", "lavfi", "-i", fmt.Sprintf("%s=s=%s:r=%d:d=%g", pattern, e.size, e.fps, e.seconds),
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-threads", "1", "-preset", "veryfast", "-profile:v", e.profile,
		"-x264-params", e.params, "-f", "h264", "-y", file)
}

// nalus takes an Annex B stream apart.
func nalus(b []byte) (list [][]byte) {
	code := []byte{0, 0, 1}
	begin := bytes.Index(b, code)
	for begin >= 0 {
		b = b[begin+len(code):]
		end := len(b)
		if begin = bytes.Index(b, code); begin >= 0 {
			end = begin
		}
		list = append(list, bytes.TrimRight(b[:end], "\x00"))
	}
	return list
}

// pictures takes an Annex B stream of frames apart, into what a camera would
// write at a time.
func pictures(b []byte) (list [][]byte) {
	var picture []byte
	sliced := false
	for _, n := range nalus(b) {
		kind := n[0] & 0x1f
		slice := kind == 1 || kind == 5
		first := slice && n[1]&0x80 != 0 // first_mb_in_slice is 0
		if sliced && (first || kind >= 6 && kind <= 9) {
			list = append(list, picture)
			picture, sliced = nil, false
		}
		sliced = sliced || slice
		picture = append(append(picture, 0, 0, 0, 1), n...)
	}
	if sliced {
		list = append(list, picture)
	}
	return list
}

// ffmpegIngest is "ffmpeg -listen 1" that takes one session and stores it.
type ffmpegIngest struct {
	*process
	port int
	file string
}

func startFFmpegIngest(t *testing.T) *ffmpegIngest {
	t.Helper()
	need(t, "ffmpeg")
	in := &ffmpegIngest{port: freePort(t), file: filepath.Join(t.TempDir(), "out.flv")}
	in.process = start(t, nil, "ffmpeg", "-nostdin", "-hide_banner", "-v", "error", "-listen", "1", "-f", "flv",
		"-i", fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s", in.port, testKey), "-c", "copy", "-map", "0:v", "-map", "0:a", "-y", in.file)
	eventually(t, 5*time.Second, "ffmpeg listens", func() bool { return listening(in.port) || !in.running() })
	return in
}

func (f *ffmpegIngest) url() string { return fmt.Sprintf("rtmp://127.0.0.1:%d/live", f.port) }

// recorded waits for ffmpeg to notice the end of the session. How it words
// that, and its exit code, are its own.
func (f *ffmpegIngest) recorded(t *testing.T) string {
	t.Helper()
	f.wait(t, 5*time.Second)
	return f.file
}
