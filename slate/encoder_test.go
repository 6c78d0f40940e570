package slate

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"venuecast/h264"
)

// start is when the cards of the tests begin: every digit is about to turn.
var start = time.Date(2026, 12, 31, 23, 59, 58, 0, time.UTC)

func newEncoder(t testing.TB, cfg Config) *Encoder {
	t.Helper()
	e, err := NewEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// encode makes picture n at the time it is due.
func encode(e *Encoder, au *h264.AccessUnit, n int64) {
	e.Encode(au, n, start.Add(e.Rate().Time(n)), false)
}

var shapes = []struct {
	width, height int
	fps           float64
	pictures      int64

	level    int
	wantRate string
}{
	{1280, 720, 30, 150, 31, "30/1"},
	{1920, 1080, 60, 75, 42, "60/1"},
	{640, 360, 25, 125, 30, "25/1"},
	{320, 180, 5, 60, 30, "5/1"},
	{854, 480, 29.97, 120, 31, "30000/1001"},
	{1918, 1078, 30, 45, 40, "30/1"},
	{1920, 1080, 59.94, 10, 42, "60000/1001"},
	{1080, 1920, 50, 10, 42, "50/1"},
	{1280, 720, 12.5, 10, 31, "25/2"},
	{176, 144, 1, 10, 30, "1/1"},
	{16, 16, 1, 10, 30, "1/1"},
}

func TestCardDecodesExactly(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("%dx%d@%v", s.width, s.height, s.fps), func(t *testing.T) {
			cfg := Config{Width: s.width, Height: s.height, FPS: s.fps, KeyframeInterval: time.Second, Bitrate: 6_000_000, Name: "Bühne 7"}
			out := newStream(t)
			var au h264.AccessUnit
			e := newEncoder(t, cfg)
			for n := range s.pictures {
				encode(e, &au, n)
				out.write(au.NALUs...)
			}
			e = newEncoder(t, cfg)
			n := int64(0)
			var yuv []byte
			out.mustDecodeTo(func() []byte {
				if n == s.pictures {
					return nil
				}
				encode(e, &au, n)
				n++
				yuv = e.AppendYUV(yuv[:0])
				return yuv
			})
		})
	}
}

func TestProbe(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("%dx%d@%v", s.width, s.height, s.fps), func(t *testing.T) {
			out := newStream(t)
			var au h264.AccessUnit
			e := newEncoder(t, Config{Width: s.width, Height: s.height, FPS: s.fps, Bitrate: 6_000_000})
			for n := range int64(10) {
				encode(e, &au, n)
				out.write(au.NALUs...)
			}
			want := probe{
				Profile: "Constrained Baseline", Level: s.level, Width: s.width, Height: s.height, Rate: s.wantRate,
				PixFmt: "yuv420p", Range: "tv", Space: "bt709", Transfer: "bt709", Primaries: "bt709", Aspect: "1:1", Order: "progressive",
			}
			if got := out.probe(); got != want {
				t.Errorf("ffprobe says\n%+v, want\n%+v", got, want)
			}
		})
	}
}

func TestParameterSets(t *testing.T) {
	for _, s := range shapes {
		var au h264.AccessUnit
		e := newEncoder(t, Config{Width: s.width, Height: s.height, FPS: s.fps, Bitrate: 6_000_000})
		encode(e, &au, 0)
		var sps mch264.SPS
		if err := sps.Unmarshal(au.NALUs[0]); err != nil {
			t.Errorf("%dx%d: %v", s.width, s.height, err)
			continue
		}
		if sps.Width() != s.width || sps.Height() != s.height || math.Abs(sps.FPS()-s.fps) > 0.001 || int(sps.LevelIdc) != s.level {
			t.Errorf("%dx%d@%v, level %d: read as %dx%d@%v, level %d",
				s.width, s.height, s.fps, s.level, sps.Width(), sps.Height(), sps.FPS(), sps.LevelIdc)
		}
		if r := sps.VUI.BitstreamRestriction; r == nil || r.MaxNumReorderFrames != 0 {
			t.Errorf("%dx%d: bitstream restriction %+v, want no reordering", s.width, s.height, r)
		}
	}
}

func TestKeyframes(t *testing.T) {
	e := newEncoder(t, Config{Width: 64, Height: 64, FPS: 10, KeyframeInterval: 2 * time.Second, Bitrate: 100_000})
	var au h264.AccessUnit
	for _, c := range []struct {
		n           int64
		force, want bool
	}{
		{5, false, true}, // the first, wherever it begins
		{6, false, false},
		{19, false, false},
		{20, false, true},
		{21, false, false},
		{22, true, true},
		{39, false, false},
		{40, false, true}, // a forced one does not move the others
		{65, false, true}, // 60 was left out
		{66, false, false},
		{79, false, false},
		{80, false, true},
	} {
		e.Encode(&au, c.n, start, c.force)
		var types []h264.NALUType
		for _, n := range au.NALUs {
			types = append(types, n.Type())
		}
		got, want := fmt.Sprint(types), "[6 1]" // SEI has to stand before the slice [7.4.1.2.3]
		if c.want {
			want = "[7 8 6 5]"
		}
		// A small budget may leave the filler out after a keyframe.
		if got = strings.Replace(got, "6 ", "", 1); got != strings.Replace(want, "6 ", "", 1) || au.Keyframe != c.want {
			t.Errorf("picture %d: keyframe %v with NAL units %s, want %v with %s", c.n, au.Keyframe, got, c.want, want)
		}
		if au.DTS != 0 || au.PTS != 0 {
			t.Errorf("picture %d: times %v and %v were touched", c.n, au.DTS, au.PTS)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Width: 321, Height: 8}, "test card: width 321: must be even, 16 to 1920\ntest card: height 8: must be even, 16 to 1920"},
		{Config{Width: 1922, Height: 1080}, "test card: width 1922: must be even, 16 to 1920"},
		{Config{FPS: 61}, "test card: 61 pictures a second: must be 0.01 to 60"},
		{Config{FPS: math.NaN()}, "test card: NaN pictures a second: must be 0.01 to 60"},
		{Config{FPS: -1}, "test card: -1 pictures a second: must be 0.01 to 60"},
		{Config{KeyframeInterval: -1}, "test card: keyframe interval -1ns: must not be negative"},
		{Config{Bitrate: -5}, "test card: bit rate -5: must not be negative"},
		{Config{Bitrate: 1e12}, "test card: no H.264 level holds 1000000000000 bits a second"},
		{Config{FPS: 0.01, Bitrate: 6e6}, "test card: bit rate 6000000 at 0.01 pictures a second: a picture must not be over 8388608 bytes"},
	} {
		if _, err := NewEncoder(c.cfg); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
		}
	}
	e := newEncoder(t, Config{})
	if got := len(e.AppendYUV(nil)); got != 1280*720*3/2 || e.Rate() != (Rate{30, 1}) || e.interval != 60 {
		t.Errorf("defaults: %d bytes, rate %v, interval %d", got, e.Rate(), e.interval)
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range shapes[:2] {
		b.Run(fmt.Sprintf("%dx%d@%v", s.width, s.height, s.fps), func(b *testing.B) {
			e := newEncoder(b, Config{Width: s.width, Height: s.height, FPS: s.fps, Bitrate: 6_000_000, Name: "venue-7"})
			var au h264.AccessUnit
			n := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				encode(e, &au, n)
				n++
			}
			b.ReportMetric(100*s.fps*b.Elapsed().Seconds()/float64(b.N), "%core")
		})
	}
}

// TestEncodeIsCheap guards the budget, a hundredth of a core at 720p30, tenfold:
// a busy machine passes, and the race detector.
func TestEncodeIsCheap(t *testing.T) {
	e := newEncoder(t, Config{Width: 1280, Height: 720, FPS: 30, Bitrate: 6_000_000, Name: "venue-7"})
	var au h264.AccessUnit
	const pictures = 300
	began := time.Now()
	for n := range int64(pictures) {
		encode(e, &au, n)
	}
	const budget = time.Second / 30 / 100
	if each := time.Since(began) / pictures; each > 10*budget {
		t.Errorf("%v a picture, want no more than ten times %v", each, budget)
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	e := newEncoder(t, Config{Width: 1280, Height: 720, FPS: 30, Bitrate: 6_000_000, Name: "venue-7"})
	var au h264.AccessUnit
	n := int64(0)
	next := func() { encode(e, &au, n); n++ }
	for range 120 { // until the largest slices have been written
		next()
	}
	if allocs := testing.AllocsPerRun(120, next); allocs != 0 {
		t.Errorf("%v allocations a picture, want 0", allocs)
	}
}
