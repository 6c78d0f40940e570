package frameclock

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stream is a camera's pictures: when they were taken and when they arrived.
type stream struct {
	taken, arrived []time.Duration
}

// add appends n pictures at rate frames a second, each arriving up to jitter
// before or after its time.
func (s *stream) add(r *rand.Rand, n int, rate float64, jitter time.Duration) {
	at := 100 * time.Millisecond
	if k := len(s.taken); k > 0 {
		at = s.taken[k-1] + time.Duration(float64(time.Second)/rate)
	}
	for i := range n {
		t := at + time.Duration(float64(i)*float64(time.Second)/rate)
		a := t
		if jitter > 0 {
			a += time.Duration(r.Int64N(int64(2*jitter))) - jitter
		}
		if k := len(s.arrived); k > 0 {
			a = max(a, s.arrived[k-1])
		}
		s.taken = append(s.taken, t)
		s.arrived = append(s.arrived, a)
	}
}

// run gives the clock's times, and fails where one is not after the last.
func run(t testing.TB, c *Clock, arrived []time.Duration) (times []time.Duration, rates []float64) {
	t.Helper()
	for i, a := range arrived {
		at, adopted := c.Time(a)
		if i > 0 && at <= times[i-1] {
			t.Fatalf("picture %d at %v is not after %v", i, at, times[i-1])
		}
		if adopted != 0 {
			rates = append(rates, adopted)
		}
		times = append(times, at)
	}
	return times, rates
}

func furthest(a, b []time.Duration) (most time.Duration) {
	for i := range a {
		most = max(most, (a[i] - b[i]).Abs())
	}
	return most
}

// uneven is the median of how far the spacing is from period.
func uneven(times []time.Duration, period time.Duration) time.Duration {
	var off []time.Duration
	for i := range times[1:] {
		off = append(off, (times[i+1] - times[i] - period).Abs())
	}
	slices.Sort(off)
	return off[len(off)/2]
}

func TestJitterStaysOffTheWire(t *testing.T) {
	for _, test := range []struct {
		name       string
		said, real float64
	}{
		{"30", 30, 30},
		{"29.97 said to be 30", 30, 30000.0 / 1001},
		{"200 ppm fast", 30, 30 * (1 + 200e-6)},
		{"200 ppm slow", 25, 25 * (1 - 200e-6)},
		{"60", 60, 60},
		{"nothing said", 0, 30},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(20) {
				var s stream
				s.add(rand.New(rand.NewPCG(seed, 0)), int(60*test.real), test.real, 5*time.Millisecond)
				times, rates := run(t, New(test.said), s.arrived)
				if len(rates) > 0 {
					t.Errorf("seed %d: adopted %v", seed, rates)
				}
				if d := furthest(times, s.taken); d > 12*time.Millisecond {
					t.Errorf("seed %d: %v from the true time", seed, d)
				}
				period := time.Duration(float64(time.Second) / test.real)
				if d := uneven(times, period); d > time.Millisecond {
					t.Errorf("seed %d: spacing off by %v at the median", seed, d)
				}
			}
		})
	}
}

func TestAnHourWithoutDrift(t *testing.T) {
	var s stream
	s.add(rand.New(rand.NewPCG(1, 0)), 3600*30, 30000.0/1001, 3*time.Millisecond)
	times, _ := run(t, New(30), s.arrived)
	if d := furthest(times[len(times)/2:], s.taken[len(times)/2:]); d > 4*time.Millisecond {
		t.Errorf("%v from the true time in the second half hour", d)
	}
}

func TestAnotherRateIsAdopted(t *testing.T) {
	for _, test := range []struct {
		name  string
		said  float64
		parts []float64
		want  []float64
	}{
		{"dark and light again", 30, []float64{30, 15, 30}, []float64{15, 30}},
		{"25, and nobody said so", 0, []float64{25}, []float64{25}},
		{"5", 0, []float64{5}, []float64{5}},
		{"one a second", 0, []float64{1}, []float64{1}},
		{"60 said to be 30", 30, []float64{60}, []float64{60}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(20) {
				var s stream
				r := rand.New(rand.NewPCG(seed, 1))
				for _, rate := range test.parts {
					s.add(r, int(max(10*rate, 20)), rate, 3*time.Millisecond)
				}
				times, rates := run(t, New(test.said), s.arrived)
				if len(rates) != len(test.want) {
					t.Fatalf("seed %d: adopted %v, want %v", seed, rates, test.want)
				}
				for i, want := range test.want {
					if math.Abs(rates[i]/want-1) > 0.02 {
						t.Errorf("seed %d: adopted %v, want %v", seed, rates, test.want)
					}
				}
				if d := furthest(times, s.arrived); d > 60*time.Millisecond {
					t.Errorf("seed %d: %v from the arrival", seed, d)
				}
			}
		})
	}
}

func TestAGapAnchorsAnew(t *testing.T) {
	var s stream
	r := rand.New(rand.NewPCG(1, 2))
	s.add(r, 100, 30, 2*time.Millisecond)
	before := len(s.taken)
	s.add(r, 1, 1/3.7, 2*time.Millisecond)
	s.add(r, 100, 30, 2*time.Millisecond)
	times, rates := run(t, New(30), s.arrived)
	if len(rates) > 0 {
		t.Errorf("adopted %v", rates)
	}
	if d := (times[before] - s.arrived[before]).Abs(); d > 0 {
		t.Errorf("the first picture after the gap is %v from its arrival", d)
	}
	if d := furthest(times, s.taken); d > 12*time.Millisecond {
		t.Errorf("%v from the true time", d)
	}
}

func TestLostPicturesAreNoOtherRate(t *testing.T) {
	for _, lost := range []int{1, 3, 5, 10} { // of 100
		var s stream
		r := rand.New(rand.NewPCG(uint64(lost), 4))
		s.add(r, 300*30, 30, 3*time.Millisecond)
		var taken, arrived []time.Duration
		for i := range s.taken {
			if r.IntN(100) >= lost {
				taken, arrived = append(taken, s.taken[i]), append(arrived, s.arrived[i])
			}
		}
		times, rates := run(t, New(30), arrived)
		if len(rates) > 0 {
			t.Errorf("%d %% lost: adopted %v", lost, rates)
		}
		if d := furthest(times, taken); d > 60*time.Millisecond {
			t.Errorf("%d %% lost: %v from the true time", lost, d)
		}
	}
}

func TestABurstStaysInOrderAndNear(t *testing.T) {
	var s stream
	s.add(rand.New(rand.NewPCG(1, 3)), 100, 30, 0)
	for i := 40; i < 55; i++ { // the pipe was held up for half a second
		s.arrived[i] = s.arrived[55]
	}
	times, rates := run(t, New(30), s.arrived)
	if len(rates) > 0 {
		t.Errorf("adopted %v", rates)
	}
	if d := furthest(times, s.arrived); d > 60*time.Millisecond {
		t.Errorf("%v from the arrival", d)
	}
}

func TestNeverBackwards(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := New(rapid.Float64Range(0, 120).Draw(rt, "rate"))
		var arrival, last time.Duration
		for i, pause := range rapid.SliceOfN(rapid.Int64Range(0, int64(2*time.Second)), 1, 200).Draw(rt, "pauses") {
			arrival += time.Duration(pause)
			at, _ := c.Time(arrival)
			if i > 0 && at <= last {
				rt.Fatalf("picture %d at %v is not after %v", i, at, last)
			}
			if c.Period() <= 0 {
				rt.Fatalf("period %v", c.Period())
			}
			last = at
		}
	})
}
