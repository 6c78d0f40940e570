package audio

import "time"

const (
	// longestRhythm is the longest pause that can be a habit: ffmpeg told not
	// to flush (-flush_packets 0) writes 32 KiB at a time, which at 128 kbit/s
	// is 2.03 s of sound.
	longestRhythm = 2500 * time.Millisecond

	// remember is for how long a pause is remembered at the least.
	remember = time.Minute

	// longGap is beyond what frames that come one by one are apart.
	longGap = 60 * time.Millisecond
)

// pauses learns the rhythm in which a stream arrives: encoders and pipes
// deliver several frames at once, and nothing in between. A pause with sound as
// it should be on either side is no rhythm but a stop, however often it happens.
type pauses struct {
	now, before time.Duration // the longest of this minute and of the one before
	since       time.Duration // when this minute began

	last, ended time.Duration // the last long pause, and when it ended
}

// saw takes note of a pause that ended at at.
func (p *pauses) saw(d, at time.Duration) {
	if at-p.since > remember {
		p.before, p.now, p.since = p.now, 0, at
	}
	if d >= longGap {
		// Once is a mishap; twice, with next to nothing in between, is a habit.
		habit := p.last >= d/2 && at-d-p.ended <= d/2
		p.last, p.ended = d, at
		if !habit {
			return
		}
	}
	if d <= longestRhythm {
		p.now = max(p.now, d)
	}
}

// rhythm is the longest pause that is a habit.
func (p *pauses) rhythm() time.Duration { return max(p.now, p.before) }
