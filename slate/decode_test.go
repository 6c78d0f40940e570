package slate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"venuecast/h264"
	"venuecast/internal/tooltest"
)

// A stream is a file of NAL units in the byte stream format [Annex B].
type stream struct {
	t    *testing.T
	path string
	f    *os.File
	w    *bufio.Writer
}

func newStream(t *testing.T) *stream {
	t.Helper()
	path := filepath.Join(t.TempDir(), "card.h264")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &stream{t, path, f, bufio.NewWriter(f)}
}

func (s *stream) write(nalus ...h264.NALU) {
	for _, n := range nalus {
		_, _ = s.w.Write([]byte{0, 0, 0, 1})
		_, _ = s.w.Write(n)
	}
}

func (s *stream) close() {
	s.t.Helper()
	if err := errors.Join(s.w.Flush(), s.f.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// mustDecodeTo decodes the stream with ffmpeg, which has to be silent, and
// compares it byte for byte with the pictures that next draws. next returns
// nil after the last.
func (s *stream) mustDecodeTo(next func() []byte) {
	t := s.t
	t.Helper()
	s.close()
	cmd := exec.Command(tooltest.Path(t, "ffmpeg"),
		"-nostdin", "-v", "warning", "-err_detect", "explode",
		"-probesize", "50M", "-f", "h264", "-i", s.path,
		"-fps_mode", "passthrough", "-f", "rawvideo", "-")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	compare(t, out, next)
	_, _ = io.Copy(io.Discard, out) // so that ffmpeg ends by itself
	if err := cmd.Wait(); err != nil || complaints.Len() > 0 {
		t.Errorf("ffmpeg: %v, and says %q", err, &complaints)
	}
}

func compare(t *testing.T, decoded io.Reader, next func() []byte) {
	t.Helper()
	var got []byte
	for i := 0; ; i++ {
		want := next()
		if want == nil {
			if n, _ := decoded.Read(make([]byte, 1)); n > 0 {
				t.Errorf("more than %d pictures", i)
			}
			return
		}
		got = append(got[:0], want...) // for its size
		if _, err := io.ReadFull(decoded, got); err != nil {
			t.Errorf("picture %d: %v", i, err)
			return
		}
		if !bytes.Equal(got, want) {
			at := 0
			for got[at] == want[at] {
				at++
			}
			t.Errorf("picture %d differs at byte %d: decoded %d, drew %d", i, at, got[at], want[at])
			return
		}
	}
}

// probe is what ffprobe says of the stream.
type probe struct {
	Profile   string `json:"profile"`
	Level     int    `json:"level"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	BFrames   int    `json:"has_b_frames"`
	Rate      string `json:"r_frame_rate"`
	PixFmt    string `json:"pix_fmt"`
	Range     string `json:"color_range"`
	Space     string `json:"color_space"`
	Transfer  string `json:"color_transfer"`
	Primaries string `json:"color_primaries"`
	Aspect    string `json:"sample_aspect_ratio"`
	Order     string `json:"field_order"`
}

func (s *stream) probe() probe {
	t := s.t
	t.Helper()
	s.close()
	out, err := exec.Command(tooltest.Path(t, "ffprobe"), "-v", "error", "-show_streams", "-of", "json", "-f", "h264", s.path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	var found struct{ Streams []probe }
	if err := json.Unmarshal(out, &found); err != nil || len(found.Streams) != 1 {
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	return found.Streams[0]
}
