package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const ms = time.Millisecond

// A crystal is a source of frames: by how much it is fast, in millionths, and
// how its frames arrive.
type crystal struct {
	rate int
	ppm  float64

	burst  time.Duration // they come together, this far apart; 0: each by itself
	jitter time.Duration // each is up to this late,
	rare   time.Duration // and one in a hundred up to this
}

// taken is when frame k was taken: its first sample.
func (c crystal) taken(k int64) float64 {
	return 1e9 + float64(k)*1024e9/(float64(c.rate)*(1+c.ppm*1e-6))
}

// arrivals calls f with each frame that arrives up to length.
func (c crystal) arrivals(length time.Duration, f func(k int64, arrival time.Duration)) {
	rnd := rand.New(rand.NewPCG(1, 2))
	last := time.Duration(0)
	for k := int64(0); ; k++ {
		at := time.Duration(math.Ceil(c.taken(k + 1)))
		if c.burst > 0 {
			at = (at + c.burst - 1) / c.burst * c.burst
		}
		if c.jitter > 0 && (c.burst == 0 || at > last) {
			at += time.Duration(rnd.Int64N(int64(c.jitter)))
		}
		if c.rare > 0 && rnd.IntN(100) == 0 {
			at += time.Duration(rnd.Int64N(int64(c.rare)))
		}
		last = max(last, at)
		if last > length {
			return
		}
		f(k, last)
	}
}

// TestTheClockFollowsTheSource: a source off by as much as crystals are stays
// within a frame of the time at which its sound was taken, and its frames are
// evenly apart.
func TestTheClockFollowsTheSource(t *testing.T) {
	for _, test := range []struct {
		crystal
		length time.Duration
		heard  time.Duration // from when on everything is
	}{
		{crystal{rate: 44100, ppm: 200}, 24 * time.Hour, time.Second + 150*ms},
		{crystal{rate: 44100, ppm: -200, jitter: 8 * ms}, 24 * time.Hour, time.Second + 150*ms},
		{crystal{rate: 44100, ppm: 200, burst: time.Second, jitter: 5 * ms}, 24 * time.Hour, 5 * time.Second},
		{crystal{rate: 44100, ppm: -200, burst: 100 * ms}, 24 * time.Hour, 2 * time.Second},
		{crystal{rate: 48000, ppm: 200, jitter: 8 * ms, rare: 100 * ms}, time.Hour, time.Second + 300*ms},
		{crystal{rate: 32000, ppm: -500, burst: 2030 * ms}, time.Hour, 10 * time.Second},
		{crystal{rate: 8000, ppm: 50, jitter: 20 * ms}, time.Hour, time.Second + 400*ms},
		{crystal{rate: 96000, jitter: 10 * ms}, time.Hour, time.Second + 150*ms},
	} {
		t.Run(fmt.Sprintf("%+v", test.crystal), func(t *testing.T) {
			t.Parallel()
			period := 1024e9 / float64(test.rate)
			var c clock
			var worst, steepest float64
			var before time.Duration
			left := 0
			test.arrivals(test.length, func(k int64, arrival time.Duration) {
				at, _, ok := c.time(arrival, test.rate)
				switch {
				case !ok && arrival > test.heard:
					left++
				case !ok:
					return
				}
				if before != 0 {
					steepest = max(steepest, math.Abs(float64(at-before)/period-1))
				}
				if at <= before {
					t.Fatalf("frame %d at %v is not after %v", k, at, before)
				}
				before = at
				worst = max(worst, math.Abs(float64(at)-test.taken(k)))
			})
			if worst > period {
				t.Errorf("up to %.2f ms from where the sound was taken, want a frame at most, %.2f ms", worst/1e6, period/1e6)
			}
			if steepest > 0.005 && left == 0 {
				t.Errorf("frames up to %.2f %% off their spacing", 100*steepest)
			}
			if left > 0 {
				t.Errorf("%d frames were left out", left)
			}
			if learnt := -c.pull * 1e6; math.Abs(learnt-test.ppm) > 50 {
				t.Errorf("learnt that the source is %.0f ppm fast, and it is %.0f", learnt, test.ppm)
			}
			t.Logf("%v: within %.2f ms, spacing within %.4f %%, learnt %+.0f ppm", test.length, worst/1e6, 100*steepest, -c.pull*1e6)
		})
	}
}

// feed gives the clock the frames of from..to, each when it is over, and returns
// the times of those that were heard, and how often the clock was anchored.
func feed(c *clock, rate int, from, to time.Duration) (times []time.Duration, anew int) {
	for k := 0; ; k++ {
		at := from + time.Duration(float64(k+1)*1024e9/float64(rate))
		if at > to {
			return times, anew
		}
		dts, fresh, ok := c.time(at, rate)
		if fresh {
			anew++
		}
		if ok {
			times = append(times, dts)
		}
	}
}

func TestWhatAnEncoderHeldBackIsNotOfNow(t *testing.T) {
	var c clock
	// 1.5 s of sound at once, then in time.
	for range 65 {
		if at, _, ok := c.time(2*time.Second, 44100); ok {
			t.Fatalf("a frame of the past is heard at %v", at)
		}
	}
	times, _ := feed(&c, 44100, 2*time.Second, 10*time.Second)
	if first := times[0]; first > 2*time.Second+settleFor+25*ms {
		t.Errorf("heard from %v on", first)
	}
	for i, at := range times {
		k := len(times) - i // from the end
		want := 2*time.Second + time.Duration(float64(344-k)*1024e9/44100)
		if d := (at - want).Abs(); d > ms {
			t.Fatalf("frame %d: %v off", i, d)
		}
	}
}

func TestARealGapAnchorsAnew(t *testing.T) {
	for _, test := range []struct {
		name  string
		count int // frames held back, which come at once
	}{
		{"samples were lost", 0},
		{"samples were held back", 30},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c clock
			feed(&c, 44100, 0, 10*time.Second)
			before := c.given
			for range test.count {
				if at, _, ok := c.time(11*time.Second, 44100); ok {
					t.Fatalf("what was held back is heard, at %v", at)
				}
			}
			times, _ := feed(&c, 44100, 11*time.Second, 13*time.Second)
			if len(times) < 75 || times[0] <= before {
				t.Fatalf("%d frames are heard after the gap, of 86", len(times))
			}
			for i, at := range times {
				want := 11*time.Second + time.Duration(float64(86-len(times)+i)*1024e9/44100)
				if d := (at - want).Abs(); d > 10*ms {
					t.Fatalf("frame %d after the gap is %v off", i, d)
				}
			}
		})
	}
}

func TestLostSamplesAreMadeUpFor(t *testing.T) {
	var c clock
	feed(&c, 44100, 0, 10*time.Second)
	// 0.1 s is missing, and no pause tells of it.
	times, anew := feed(&c, 44100, 10*time.Second+100*ms, 30*time.Second)
	if off := (times[len(times)-1] - 30*time.Second).Abs(); off > 50*ms || anew != 0 {
		t.Errorf("20 s later: %v off, anchored %d times", off, anew)
	}
	for i := range times[1:] {
		if times[i+1] <= times[i] {
			t.Fatalf("%v after %v", times[i+1], times[i])
		}
	}
}

// TestADelayThatEnds: what was late for 10 s turns out to be of before, and no
// time is given twice.
func TestADelayThatEnds(t *testing.T) {
	var c clock
	last := time.Duration(0)
	out := 0
	for k := range 3000 {
		at := time.Duration(float64(k) * 1024e9 / 44100)
		arrival := at + 23220*time.Microsecond
		if at < 10*time.Second {
			arrival += 300 * ms
		}
		dts, _, ok := c.time(max(arrival, c.arrived), 44100)
		switch {
		case ok && dts <= last:
			t.Fatalf("frame %d at %v is not after %v", k, dts, last)
		case ok && at > 10*time.Second+400*ms && (dts-at).Abs() > maxError, ok && at > 60*time.Second && (dts-at).Abs() > 5*ms:
			t.Fatalf("frame %d is %v off", k, dts-at)
		case ok:
			last = dts
		case at > time.Second:
			out++
		}
	}
	if out > 16 {
		t.Errorf("%d frames are left out for 300 ms", out)
	}
}

func TestOnePauseIsNoRhythm(t *testing.T) {
	var p pauses
	for i := range 100 {
		p.saw(23*ms, time.Duration(i)*23*ms)
	}
	p.saw(900*ms, 3*time.Second)
	if r := p.rhythm(); r != 23*ms {
		t.Errorf("after one long pause: %v", r)
	}
	// A command that is stopped again and again has sound in between.
	for i := range 10 {
		at := 5*time.Second + time.Duration(i)*5*time.Second
		p.saw(23*ms, at-time.Second)
		p.saw(900*ms, at)
	}
	if r := p.rhythm(); r != 23*ms {
		t.Errorf("after ten that are seconds apart: %v", r)
	}
	p.saw(time.Millisecond, 50*time.Second+50*ms)
	p.saw(800*ms, 50*time.Second+850*ms)
	if r := p.rhythm(); r != 800*ms {
		t.Errorf("after two with nothing in between: %v", r)
	}
	p.saw(longestRhythm+1, 53*time.Second+351*ms)
	p.saw(longestRhythm+1, 55*time.Second+852*ms)
	if r := p.rhythm(); r != 800*ms {
		t.Errorf("after two that are none: %v", r)
	}
	for i := range 100 {
		p.saw(23*ms, 140*time.Second+time.Duration(i)*time.Second)
	}
	if r := p.rhythm(); r != 23*ms {
		t.Errorf("minutes later: %v", r)
	}
}

func TestARateThatChangesIsTaken(t *testing.T) {
	var c clock
	feed(&c, 44100, 0, 5*time.Second)
	before := c.given
	times, anew := feed(&c, 48000, 5*time.Second, 25*time.Second)
	if anew != 0 || times[0]-before < 20*ms || times[0]-before > 50*ms {
		t.Errorf("anchored %d times; %v after %v", anew, times[0], before)
	}
	if off := 25*time.Second - times[len(times)-1] - 21*ms; off.Abs() > 21*ms {
		t.Errorf("20 s later %v off", off)
	}
}

func TestPace(t *testing.T) {
	for _, test := range []struct {
		name  string
		speed float64
		want  bool
	}{
		{"in time", 1, false}, {"200 ppm fast", 1.0002, false}, {"as a file is read", 100, true},
		{"a tenth fast", 1.1, true}, {"half", 0.5, true},
	} {
		var p pace
		named := false
		for k := range 3 * 60 * 43 {
			now := time.Duration(float64(k) * 1024e9 / 44100 / test.speed)
			ahead, over := p.frame(now, 44100, k == 0)
			named = named || ahead != 0
			if ahead != 0 && (ahead > 0) != (test.speed > 1) || over < 0 {
				t.Errorf("%s: %v ahead in %v", test.name, ahead, over)
			}
		}
		if named != test.want {
			t.Errorf("%s: named: %v", test.name, named)
		}
	}
	var p pace
	for k := range 1000 { // an hour's gap is none of its business
		at := time.Duration(k) * time.Hour
		if ahead, _ := p.frame(at, 44100, true); ahead != 0 {
			t.Fatal("a gap is named")
		}
	}
}
