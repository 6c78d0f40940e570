package rig

import (
	"bytes"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"venuecast/h264"
	"venuecast/internal/tooltest"
)

// TestPlan checks that a feed weighs what a camera's stream does.
func TestPlan(t *testing.T) {
	feed := Feed{Jitter: 5 * time.Millisecond, Rates: []Rate{{3 * time.Second, 15}, {6 * time.Second, 30}}, Duration: 9 * time.Second}.withDefaults()
	frames := feed.plan()
	if len(frames) != 90+45+90 {
		t.Errorf("got %d pictures", len(frames))
	}
	perSecond := make([]int, 9)
	for i, f := range frames {
		perSecond[int(f.taken.Seconds()+1e-6)] += f.size
		if d := (f.due - f.taken).Abs(); d > feed.Jitter {
			t.Errorf("picture %d is %v off its time", i, d)
		}
		if f.keyframe != (i%60 == 0) {
			t.Errorf("picture %d: keyframe %t", i, f.keyframe)
		}
		if i+1 < len(frames) && f.keyframe {
			if ratio := float64(f.size) / float64(frames[i+1].size); ratio < 3 || ratio > 12 {
				t.Errorf("keyframe %d weighs %.1f times what the next picture does", i, ratio)
			}
		}
	}
	for i, n := range perSecond {
		if math.Abs(float64(8*n)/6e6-1) > 0.001 {
			t.Errorf("second %d has %d bits", i, 8*n)
		}
	}
}

// TestPlay checks what the feeder writes: by our own framer, and, where there
// is one, by ffmpeg's decoder.
func TestPlay(t *testing.T) {
	for _, slices := range []int{1, 8} {
		feed := Feed{Width: 1280, Height: 718, FPS: 50, Bitrate: 4e6, KeyEvery: 25, Slices: slices, Duration: time.Second}.withDefaults()
		var stream, log bytes.Buffer
		if err := play(feed, &stream, &log); err != nil {
			t.Fatal(err)
		}
		sent, ended, err := parseLog(log.String())
		if err != nil || !ended || len(sent) != 50 {
			t.Fatalf("logged %d pictures, ended %t, error %v", len(sent), ended, err)
		}
		if bits := 8 * stream.Len(); math.Abs(float64(bits)/4e6-1) > 0.02 {
			t.Errorf("wrote %d bits", bits)
		}
		for i, s := range sent[1:] {
			if late := s.Finished - s.Taken; late < 0 || sent[i].Finished >= s.Finished {
				t.Errorf("picture %d was written %v after its time", s.N, late)
			}
		}

		f := h264.NewFramer()
		var au h264.AccessUnit
		n := 0
		check := func() {
			for ; f.Next(&au); n++ {
				number, fingerprint := identify(au.NALUs)
				if number != n || fingerprint != sent[n].Fingerprint || au.Keyframe != sent[n].Keyframe {
					t.Errorf("picture %d: reads %d, fingerprint %x for %x, keyframe %t", n, number, fingerprint, sent[n].Fingerprint, au.Keyframe)
				}
				count := 0
				for _, u := range au.NALUs {
					if u.Type().IsVCL() {
						count++
					}
				}
				if count != slices {
					t.Errorf("picture %d: %d slices", n, count)
				}
				if _, sps := f.Slice(); sps == nil || sps.Width() != 1280 || sps.Height() != 718 || sps.FrameRate() != 50 {
					t.Errorf("picture %d: sequence parameter set %+v", n, sps)
				}
			}
		}
		for rest := stream.Bytes(); len(rest) > 0; {
			k := copy(f.Space(), rest)
			f.Filled(k, 0)
			rest = rest[k:]
			check()
		}
		f.Flush()
		check()
		if n != len(sent) {
			t.Errorf("the framer found %d pictures", n)
		}

		t.Run("ffmpeg", func(t *testing.T) {
			cmd := exec.Command(tooltest.Path(t, "ffmpeg"), "-v", "warning", "-err_detect", "+crccheck+bitstream+buffer+explode", "-xerror",
				"-f", "h264", "-i", "pipe:", "-f", "framemd5", "-")
			cmd.Stdin = bytes.NewReader(stream.Bytes())
			var out, complaints strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &complaints
			if err := cmd.Run(); err != nil || complaints.Len() > 0 {
				t.Errorf("ffmpeg: %v\n%s", err, complaints.String())
			}
			pictures := 0
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, "#") {
					pictures++
				}
			}
			if pictures != len(sent) {
				t.Errorf("ffmpeg decoded %d pictures", pictures)
			}
		})
	}
}

// TestPieces checks that pieces are a picture's bytes, whatever they are cut by.
func TestPieces(t *testing.T) {
	c := newCoder(Feed{Slices: 3}.withDefaults())
	nalus := c.picture(nil, 0, 100e3, true)
	whole := bytes.Join(Feed{}.withDefaults().pieces(0, nalus), nil)
	tests := []struct {
		feed Feed
		n    int
		want int
	}{
		{Feed{Pieces: 4}, 0, 4},
		{Feed{Pieces: 4, PauseFrom: 10}, 9, 1},
		{Feed{Pieces: 4, PauseFrom: 10}, 10, 4},
		{Feed{BySlice: true}, 0, 3},
	}
	for _, test := range tests {
		got := test.feed.withDefaults().pieces(test.n, nalus)
		if len(got) != test.want || !bytes.Equal(bytes.Join(got, nil), whole) {
			t.Errorf("%+v: picture %d in %d pieces", test.feed, test.n, len(got))
		}
	}
}
