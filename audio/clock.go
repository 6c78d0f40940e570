package audio

import (
	"math"
	"time"

	"venuecast/aac"
)

const (
	// quietFor is how much longer than its rhythm a stream may pause before
	// what comes then is anchored anew: silence has taken its place meanwhile,
	// and nobody knows whether it held samples back or lost them.
	quietFor = 200 * time.Millisecond

	// settleFor is how long a stream that begins is listened to before it is
	// heard: a pipe or an encoder hands over at once what it held back, and
	// only the last of that is of now.
	settleFor = 100 * time.Millisecond

	// lookOver is the time whose earliest arrival counts: it has to span two
	// bursts of the longest rhythm.
	lookOver = 2 * longestRhythm

	// The loop is a second order one, critically damped: within one lookOver a
	// quarter of the error goes into the time, the quarter's quarter square
	// into the rate. A sound card 200 ppm off makes 1 ms in that time.
	timeGain = 1.0 / 4
	rateGain = timeGain * timeGain / 4

	// maxPull bounds what the loop makes of the rate: no crystal is as far off.
	maxPull = 1e-3

	// maxError is how far the earliest arrival may be from where the samples
	// are before samples must have been lost, or the anchor was wrong.
	maxError = 40 * time.Millisecond
)

// A clock gives the frames of a stream their times on the capture's clock. They
// follow the count of samples, at the rate of the source's own crystal, which it
// learns from the arrivals: the earliest ones, as everything that can happen to
// a frame on its way makes it later. It is not safe for concurrent use.
type clock struct {
	rate   int     // in Hz
	period float64 // of a frame by that rate; all times are in nanoseconds
	pull   float64 // how much longer the source takes for it, as a fraction
	slew   float64 // what each frame is moved by until the next look
	next   float64 // time of the frame to come

	anchored bool
	settled  time.Duration // when the stream is heard
	arrived  time.Duration // the last frame
	given    time.Duration // the last time
	any      bool          // one has been given

	earliest float64       // of the arrivals since looked, against their times
	looked   time.Duration // when the loop was closed last

	pauses pauses
}

// begin says that another stream begins, of the same kind: what was learnt
// stays.
func (c *clock) begin() { c.anchored = false }

// time gives the time of the frame of rate Hz that arrived at arrival: that of
// its first sample, so a frame's length earlier at the least. Calls are in the
// order of the stream. It is false for a frame that cannot be heard: its time
// is not known yet, or is taken. anew says that the clock did not go on.
func (c *clock) time(arrival time.Duration, rate int) (at time.Duration, anew, ok bool) {
	if rate != c.rate {
		c.rate, c.period = rate, aac.SamplesPerFrame*float64(time.Second)/float64(rate)
		c.pull = 0
		c.look(arrival)
	}
	if c.anchored {
		pause := arrival - c.arrived
		c.pauses.saw(pause, arrival)
		c.anchored = pause <= c.pauses.rhythm()+quietFor
	}
	c.arrived = arrival
	anew = !c.anchored
	if anew {
		c.anchored, c.settled = true, arrival+settleFor
		c.anchor(arrival)
	}

	late := float64(arrival) - c.period - c.next
	if late < 0 && arrival < c.settled || late < -float64(maxError) {
		c.anchor(arrival) // it cannot have been taken after it came
		late = 0
	}
	c.earliest = min(c.earliest, late)
	if arrival-c.looked >= lookOver {
		c.correct(arrival)
	}

	at = time.Duration(math.Round(c.next))
	c.next += c.period*(1+c.pull) + c.slew
	if arrival < c.settled || c.any && float64(at-c.given) < c.period/2 {
		return 0, anew, false
	}
	c.given, c.any = at, true
	return at, anew, true
}

// anchor takes the frame that arrived at arrival for one without any delay.
func (c *clock) anchor(arrival time.Duration) {
	c.next = float64(arrival) - c.period
	c.look(arrival)
}

// look begins to look for the earliest arrival.
func (c *clock) look(now time.Duration) {
	c.earliest, c.looked, c.slew = math.Inf(1), now, 0
}

// correct closes the loop.
func (c *clock) correct(now time.Duration) {
	late, over := c.earliest, float64(now-c.looked)
	c.look(now)
	if late > float64(maxError) { // samples were lost
		c.next += late
		return
	}
	c.pull = min(max(c.pull+rateGain*late/over, -maxPull), maxPull)
	c.slew = timeGain * late / over * c.period
}
