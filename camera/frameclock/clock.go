// Package frameclock turns the moments at which pictures arrive into the times
// at which they were taken, near enough: even where the arrivals jitter, true
// to the camera's own rate in the long run, and never backwards.
package frameclock

import (
	"math"
	"slices"
	"time"
)

const (
	// DefaultRate is assumed of a stream that says nothing, in frames a second.
	DefaultRate = 30

	// The loop is a second order one, critically damped: a twentieth of the
	// error goes into the time, its quarter square into the period. 5 ms of
	// jitter on the arrivals leave 0.25 ms on the spacing, and a camera
	// 1000 ppm off (29.97 for 30) is met within some 80 pictures.
	timeGain   = 1.0 / 20
	periodGain = timeGain * timeGain / 4

	// maxError is how far a time may be from its arrival, so that sound, which
	// is bound to it, stays within 60 ms of the picture.
	maxError = 40 * time.Millisecond

	// maxPull is how far the loop may pull the period from the adopted rate
	// before that rate counts as wrong.
	maxPull = 0.02

	// measureOver is the time over which a rate is measured, and for which it
	// must be off to be adopted.
	measureOver = time.Second

	// minIntervals is the least number of pictures to measure a rate by.
	minIntervals = 3

	// slowest is the least rate that is taken for one, in frames a second.
	slowest = 0.01

	// minStep keeps times apart that arrive in a burst.
	minStep = time.Millisecond
)

// A Clock gives each picture its time. It is not safe for concurrent use.
type Clock struct {
	nominal time.Duration // the period of the adopted rate
	period  float64       // what the loop makes of it, in nanoseconds
	last    float64       // the time given last
	started bool

	arrivals []time.Duration // of the last measureOver and a bit
	sorted   []time.Duration // of the intervals between them, reused
	offSince time.Duration   // since when the measured rate is off
	off      bool
}

// New returns a Clock for a camera of rate frames a second; 0, as anything else
// that no camera has, stands for DefaultRate.
func New(rate float64) *Clock {
	if !(rate >= slowest) {
		rate = DefaultRate
	}
	c := &Clock{}
	c.adopt(time.Duration(float64(time.Second) / rate))
	return c
}

// Rate is the rate in force, in frames a second.
func (c *Clock) Rate() float64 { return float64(time.Second) / c.period }

// Period is the time from one picture to the next.
func (c *Clock) Period() time.Duration { return time.Duration(c.period) }

// Expect says that the stream has announced another rate, in frames a second;
// what it was before no longer counts.
func (c *Clock) Expect(rate float64) {
	if rate >= slowest {
		c.adopt(time.Duration(float64(time.Second) / rate))
		c.off = false
	}
}

func (c *Clock) adopt(period time.Duration) {
	c.nominal, c.period = period, float64(period)
}

// Gap is how long a camera may be silent before the next picture anchors the
// clock anew.
func (c *Clock) gap() time.Duration { return max(10*c.nominal, 500*time.Millisecond) }

// Time gives the time of the picture that arrived at arrival, on the same
// clock. Calls are in the order of the stream. adopted is not 0 where the
// camera's rate turned out to be another one, in frames a second: from now on
// that one is in force.
func (c *Clock) Time(arrival time.Duration) (at time.Duration, adopted float64) {
	if !c.started {
		c.started = true
		c.anchor(arrival)
		return arrival, 0
	}
	if arrival-c.arrivals[len(c.arrivals)-1] > c.gap() && !c.slow(arrival) {
		c.anchor(arrival)
		return c.give(float64(arrival)), 0
	}
	adopted = c.measure(arrival)

	next := c.last + c.period
	err := float64(arrival) - next
	next += timeGain * err
	pull := maxPull * float64(c.nominal)
	c.period = min(max(c.period+periodGain*err, float64(c.nominal)-pull), float64(c.nominal)+pull)
	next = min(max(next, float64(arrival-maxError)), float64(arrival+maxError))
	return c.give(next), adopted
}

// give returns t as the next time, moved forward where it would go back.
func (c *Clock) give(t float64) time.Duration {
	c.last = max(t, c.last+float64(minStep))
	return time.Duration(math.Round(c.last))
}

// anchor starts anew at a picture: what was measured before a gap says
// nothing of what comes after.
func (c *Clock) anchor(arrival time.Duration) {
	if c.last == 0 {
		c.last = float64(arrival)
	}
	c.arrivals = append(c.arrivals[:0], arrival)
	c.off = false
}

// slow reports whether a long pause is no gap but the way of a camera that
// gives a picture every so often: the pause before was as long.
func (c *Clock) slow(arrival time.Duration) bool {
	n := len(c.arrivals)
	if n < 2 {
		return n == 1 && arrival-c.arrivals[0] < 5*time.Second
	}
	before := c.arrivals[n-1] - c.arrivals[n-2]
	now := arrival - c.arrivals[n-1]
	return now < 2*before && before < 2*now
}

// measure takes an arrival into account and adopts the measured rate where it
// has been off for long enough.
func (c *Clock) measure(arrival time.Duration) (adopted float64) {
	c.arrivals = append(c.arrivals, arrival)
	drop := 0
	for len(c.arrivals)-drop > minIntervals+1 && arrival-c.arrivals[drop+1] >= measureOver {
		drop++
	}
	c.arrivals = append(c.arrivals[:0], c.arrivals[drop:]...)
	n := len(c.arrivals) - 1
	span := arrival - c.arrivals[0]
	if n < minIntervals || span < measureOver {
		return 0
	}
	period := span / time.Duration(n)
	if c.near(period) || c.near(span/time.Duration(c.periods())) {
		c.off = false
		return 0
	}
	period = span / time.Duration(c.periods())
	if !c.off {
		c.off, c.offSince = true, arrival
		return 0
	}
	if arrival-c.offSince < measureOver {
		return 0
	}
	c.off = false
	c.adopt(period)
	return float64(time.Second) / float64(period)
}

// near reports whether period is that of the adopted rate.
func (c *Clock) near(period time.Duration) bool {
	return math.Abs(float64(period)/float64(c.nominal)-1) <= maxPull
}

// periods is how many periods the arrivals span. A picture that was lost
// leaves an interval of two and is no slower rate, so intervals are counted
// against their median.
func (c *Clock) periods() (n int) {
	c.sorted = c.sorted[:0]
	for i, a := range c.arrivals[1:] {
		c.sorted = append(c.sorted, a-c.arrivals[i])
	}
	slices.Sort(c.sorted)
	median := max(c.sorted[len(c.sorted)/2], minStep)
	for _, d := range c.sorted {
		// Up to 1.75 periods are one: jitter makes that of it.
		n += max(1, int(float64(d)/float64(median)+0.25))
	}
	return n
}
