package audio

import "time"

const (
	// longestRhythm is the longest pause that can be a habit: ffmpeg told not
	// to flush (-flush_packets 0) writes 32 KiB at a time, which at 128 kbit/s
	// is 2.03 s of sound.
	longestRhythm = 2500 * time.Millisecond

	// remember is for how long a pause is remembered at the least.
	remember = time.Minute
)

// pauses learns the rhythm in which a stream arrives: encoders and pipes
// deliver several frames at once, and nothing in between.
type pauses struct {
	now, before [2]time.Duration // the two longest of this minute and of the one before
	since       time.Duration    // when this minute began
}

// saw takes note of a pause that ended at at.
func (p *pauses) saw(d, at time.Duration) {
	if at-p.since > remember {
		p.before, p.now, p.since = p.now, [2]time.Duration{}, at
	}
	switch {
	case d > longestRhythm:
	case d > p.now[0]:
		p.now = [2]time.Duration{d, p.now[0]}
	case d > p.now[1]:
		p.now[1] = d
	}
}

// rhythm is the second longest pause: once is a mishap, twice is a habit.
func (p *pauses) rhythm() time.Duration {
	a, b := p.now, p.before
	if a[0] < b[0] {
		a, b = b, a
	}
	return max(a[1], b[0])
}
