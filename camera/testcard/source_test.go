package testcard_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/camera/testcard"
	"venuecast/h264"
	"venuecast/slate"
)

// small is a card that costs little to draw, for tests of hours.
func small(fps float64) slate.Config {
	return slate.Config{Width: 16, Height: 16, FPS: fps, KeyframeInterval: 2 * time.Second}
}

func newSource(t *testing.T, cfg testcard.Config, log io.Writer) *testcard.Source {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(log)
	s, err := testcard.New(cfg, logger)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A picture is what of an access unit outlives emit, and when it came.
type picture struct {
	dts, pts, came time.Duration // came: after the epoch
	keyframe       bool
}

// run collects a source's pictures for so long; busy is called in emit.
func run(t *testing.T, s *testcard.Source, epoch time.Time, d time.Duration, busy func(n int)) (pictures []picture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := s.Run(ctx, func(au *h264.AccessUnit) {
		pictures = append(pictures, picture{au.DTS, au.PTS, time.Since(epoch), au.Keyframe})
		if busy != nil {
			busy(len(pictures) - 1)
		}
	})
	if err != nil {
		t.Errorf("Run ended with %v, want nil", err)
	}
	return pictures
}

func TestPace(t *testing.T) {
	for _, c := range []struct {
		fps      float64
		d        time.Duration
		pictures int
		group    int // pictures from one keyframe to the next
		last     time.Duration
	}{
		{30, 10*time.Second - 1, 300, 60, 299 * time.Second / 30},
		{25, 10*time.Second - 1, 250, 50, 249 * time.Second / 25},
		{5, 10*time.Second - 1, 50, 10, 49 * time.Second / 5},
		{1, 10*time.Second - 1, 10, 2, 9 * time.Second},
		{0.5, 10*time.Second - 1, 5, 1, 8 * time.Second},
		{60, time.Hour - 1, 216000, 120, 215999 * time.Second / 60},
		// 30000 pictures in 1001 seconds, exactly.
		{29.97, 4*1001*time.Second - 1, 120000, 60, 119999 * 1001 * time.Second / 30000},
	} {
		t.Run(fmt.Sprint(c.fps), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				epoch := time.Now()
				s := newSource(t, testcard.Config{Card: small(c.fps), Epoch: epoch}, io.Discard)
				time.Sleep(1234 * time.Millisecond) // the process is older than the source
				pictures := run(t, s, epoch, c.d, nil)
				if len(pictures) != c.pictures {
					t.Fatalf("%d pictures in %v, want %d", len(pictures), c.d, c.pictures)
				}
				if got := pictures[len(pictures)-1].dts - 1234*time.Millisecond; got != c.last {
					t.Errorf("the last picture is at %v, want %v", got, c.last)
				}
				period := time.Duration(float64(c.last) / float64(c.pictures-1))
				for i, p := range pictures {
					if p.dts != p.came || p.pts != p.dts {
						t.Fatalf("picture %d of DTS %v and PTS %v came at %v", i, p.dts, p.pts, p.came)
					}
					if want := i%c.group == 0; p.keyframe != want {
						t.Fatalf("picture %d: keyframe %v, want %v", i, p.keyframe, want)
					}
					if i == 0 {
						continue
					}
					if step := p.dts - pictures[i-1].dts; step < period-time.Nanosecond || step > period+time.Nanosecond {
						t.Fatalf("picture %d comes %v after the one before, want %v", i, step, period)
					}
				}
			})
		})
	}
}

func TestLateWakeUpSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		epoch := time.Now()
		s := newSource(t, testcard.Config{Card: small(10), Epoch: epoch}, &log)
		pictures := run(t, s, epoch, 30*time.Second-1, func(n int) {
			switch n {
			case 4:
				time.Sleep(150 * time.Millisecond) // 5 comes 50 ms late
			case 9:
				time.Sleep(5*time.Second + 50*time.Millisecond) // 10 to 58 are missed, 59 comes 50 ms late
			case 20:
				time.Sleep(230 * time.Millisecond) // one more, but it was reported just now
			}
		})
		for i, p := range pictures {
			place := i
			if i >= 10 {
				place += 49
			}
			if i >= 21 {
				place++
			}
			if want := time.Duration(place) * 100 * time.Millisecond; p.dts != want {
				t.Errorf("picture %d has DTS %v, want %v", i, p.dts, want)
			}
			if late := p.came - p.dts; late < 0 || late >= 100*time.Millisecond {
				t.Errorf("picture %d of DTS %v came at %v", i, p.dts, p.came)
			}
			// Each two seconds have a keyframe, the first picture there is.
			if want := place%20 == 0 || i == 10; p.keyframe != want {
				t.Errorf("picture %d at place %d: keyframe %v, want %v", i, place, p.keyframe, want)
			}
		}
		if want := 300 - 49 - 1; len(pictures) != want {
			t.Errorf("%d pictures, want %d", len(pictures), want)
		}
		for _, want := range []string{"skipped_pictures=49", "skipped_pictures=1"} {
			if strings.Count(log.String(), want+"\n") != 1 {
				t.Errorf("log says\n%s, want %s once", &log, want)
			}
		}
	})
}

func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now()
		s := newSource(t, testcard.Config{Card: small(10)}, io.Discard)
		run(t, s, epoch, 1050*time.Millisecond, nil)
		time.Sleep(time.Minute)
		p := run(t, s, epoch, 50*time.Millisecond, nil)
		if want := 61050 * time.Millisecond; len(p) != 1 || p[0].dts != want || !p[0].keyframe {
			t.Errorf("the second run begins with %+v, want a keyframe at %v", p, want)
		}
	})
}

func TestRunEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, testcard.Config{Card: small(0.01)}, io.Discard)
		began := time.Now()
		if p := run(t, s, began, 10*time.Second, nil); len(p) != 1 || time.Since(began) != 10*time.Second {
			t.Errorf("%d pictures, ended after %v, want 1 after 10s", len(p), time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.Run(ctx, func(*h264.AccessUnit) { t.Error("a picture after the end") })
		if err != nil {
			t.Error(err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := testcard.New(testcard.Config{Card: slate.Config{Width: 3, Height: 480}}, logrus.New())
	if want := "test card: width 3: must be even, 16 to 1920"; err == nil || err.Error() != want {
		t.Errorf("New: %v, want %s", err, want)
	}
}
