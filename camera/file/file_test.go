package file

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cards gives n test card pictures.
func cards(t *testing.T, n int, fps float64) (units []h264.AccessUnit) {
	t.Helper()
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180, FPS: fps, KeyframeInterval: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		var au h264.AccessUnit
		enc.Encode(&au, int64(i), time.Unix(int64(i), 0), i%30 == 0)
		for k := range au.NALUs {
			au.NALUs[k] = bytes.Clone(au.NALUs[k])
		}
		au.Keyframe = i%30 == 0
		units = append(units, au)
	}
	return units
}

func annexB(units []h264.AccessUnit) (b []byte) {
	for _, au := range units {
		for _, n := range au.NALUs {
			b = append(append(b, 0, 0, 0, 1), n...)
		}
	}
	return b
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shot is a picture as it was given, and when.
type shot struct {
	dts, pts, given time.Duration
	keyframe        bool
	slice           string
}

// play plays until the end or n pictures.
func play(t *testing.T, cfg Config, rate float64, n int) (shots []shot, err error) {
	t.Helper()
	log, _ := logtest.NewNullLogger()
	epoch := time.Now()
	s, err := New(cfg, rate, epoch, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = s.Run(ctx, func(au *h264.AccessUnit) {
		shots = append(shots, shot{au.DTS, au.PTS, time.Since(epoch), au.Keyframe, string(au.NALUs[len(au.NALUs)-1])})
		if len(shots) == n {
			cancel()
		}
	})
	return shots, err
}

func TestAnnexBIsPacedByItsRate(t *testing.T) {
	for _, test := range []struct {
		said, configured float64
		period           time.Duration
	}{{30, 0, time.Second / 30}, {25, 0, 40 * time.Millisecond}, {30, 10, 100 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			units := cards(t, 61, test.said)
			shots, err := play(t, Config{Path: write(t, "x.h264", annexB(units))}, test.configured, 0)
			if err != nil || len(shots) != 61 {
				t.Fatalf("%d pictures of 61, %v", len(shots), err)
			}
			for i, s := range shots {
				want := time.Duration(float64(i) * float64(test.period))
				if d := (s.dts - shots[0].dts - want).Abs(); d > time.Microsecond {
					t.Errorf("picture %d at %v, want %v", i, s.dts-shots[0].dts, want)
				}
				if s.given != s.dts || s.pts != s.dts || s.keyframe != (i%30 == 0) {
					t.Errorf("picture %d: DTS %v, PTS %v, given at %v, keyframe %v", i, s.dts, s.pts, s.given, s.keyframe)
				}
				if last := units[i].NALUs[len(units[i].NALUs)-1]; s.slice != string(last) {
					t.Errorf("picture %d has another slice", i)
				}
			}
		})
	}
}

func TestLoopGoesOnInTime(t *testing.T) {
	units := cards(t, 40, 30)
	var file bytes.Buffer
	w := flv.NewWriter(&file, false, true)
	var m flv.VideoMuxer
	for i := range units {
		units[i].DTS = time.Duration(i) * 40 * time.Millisecond
		units[i].PTS = units[i].DTS
		tags, err := m.Mux(nil, &units[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			if err := w.WriteTag(tag); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, path := range map[string]string{
		"annexb": write(t, "x.264", annexB(units)),
		"flv":    write(t, "x.flv", file.Bytes()),
	} {
		synctest.Test(t, func(t *testing.T) {
			shots, err := play(t, Config{Path: path, Loop: true}, 25, 200)
			if err != nil || len(shots) != 200 {
				t.Fatalf("%s: %d pictures, %v", name, len(shots), err)
			}
			for i, s := range shots {
				if want := shots[0].dts + time.Duration(i)*40*time.Millisecond; s.dts != want {
					t.Fatalf("%s: picture %d at %v, want %v", name, i, s.dts, want)
				}
				if first := i%40 == 0; first && !s.keyframe {
					t.Errorf("%s: the loop begins without a keyframe", name)
				}
			}
		})
	}
}

func TestLoopOfOnePicture(t *testing.T) {
	var file bytes.Buffer
	w := flv.NewWriter(&file, false, true)
	var m flv.VideoMuxer
	tags, err := m.Mux(nil, &cards(t, 1, 30)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		if err := w.WriteTag(tag); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		shots, err := play(t, Config{Path: write(t, "x.flv", file.Bytes()), Loop: true}, 25, 50)
		if err != nil || len(shots) != 50 {
			t.Fatalf("%d pictures, %v", len(shots), err)
		}
		if span := shots[49].given - shots[0].given; span != 49*40*time.Millisecond {
			t.Errorf("50 pictures took %v", span)
		}
	})
}

func TestFLVKeepsCompositionTimes(t *testing.T) {
	units := cards(t, 9, 30)
	delays := []int{1, 3, 0, 0, 3, 0, 0, 2, 0}
	var file bytes.Buffer
	w := flv.NewWriter(&file, false, true)
	var m flv.VideoMuxer
	for i := range units {
		units[i].DTS = time.Duration(i) * 40 * time.Millisecond
		units[i].PTS = units[i].DTS + time.Duration(delays[i])*40*time.Millisecond
		tags, err := m.Mux(nil, &units[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			if err := w.WriteTag(tag); err != nil {
				t.Fatal(err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		shots, err := play(t, Config{Path: write(t, "x.flv", file.Bytes())}, 0, 0)
		if err != nil || len(shots) != 9 {
			t.Fatalf("%d pictures, %v", len(shots), err)
		}
		for i, s := range shots {
			if got := s.pts - s.dts; got != time.Duration(delays[i])*40*time.Millisecond {
				t.Errorf("picture %d waits %v, want %d periods", i, got, delays[i])
			}
		}
	})
}

func TestFallingBehindDoesNotBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := logtest.NewNullLogger()
		s, err := New(Config{Path: write(t, "x.h264", annexB(cards(t, 90, 30)))}, 0, time.Now(), log)
		if err != nil {
			t.Fatal(err)
		}
		var given []time.Time
		if err := s.Run(t.Context(), func(*h264.AccessUnit) {
			given = append(given, time.Now())
			if len(given) == 30 {
				time.Sleep(5 * time.Second) // the machine slept
			}
		}); err != nil {
			t.Fatal(err)
		}
		for i := 32; i < len(given); i++ {
			if d := given[i].Sub(given[i-1]); d < 30*time.Millisecond {
				t.Fatalf("picture %d came %v after the one before", i, d)
			}
		}
		if len(hook.AllEntries()) != 1 {
			t.Errorf("%d log entries, want 1", len(hook.AllEntries()))
		}
	})
}

func TestWhatCannotBePlayed(t *testing.T) {
	aac := []byte("FLV\x01\x04\x00\x00\x00\x09\x00\x00\x00\x00")
	hevc := append(aac, "\x09\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x91hvc1\x00\x00\x00\x00\x11"...)
	for name, test := range map[string]struct {
		path, want string
	}{
		"missing":      {filepath.Join(t.TempDir(), "x.h264"), "no such file"},
		"not h264":     {write(t, "x.h264", []byte("MPEG transport stream")), "no H.264 picture"},
		"empty":        {write(t, "x.264", nil), "no H.264 picture"},
		"HEVC":         {write(t, "x.h264", []byte("\x00\x00\x00\x01\x40\x01\x0c\x01\xff\xff")), "it holds HEVC (H.265), want H.264"},
		"no SPS":       {write(t, "x.h264", bytes.Repeat([]byte("\x00\x00\x00\x01\x65\x88\x84\x00\x10\xff\xfe"), 9)), "no H.264 picture"},
		"no flv":       {write(t, "x.flv", []byte("this is no FLV file at all")), "FLV"},
		"no video":     {write(t, "x.flv", aac), "no H.264 picture"},
		"another kind": {write(t, "x.mkv", nil), "want .h264, .264, .flv, .mp4, .m4v, .mov"},
		"HEVC in FLV":  {write(t, "x.flv", hevc), "its video is HEVC (hvc1), want H.264"},
	} {
		_, err := play(t, Config{Path: test.path}, 0, 0)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), filepath.Base(test.path)) {
			t.Errorf("%s: error %v, want the file and %q", name, err, test.want)
		}
	}
}
