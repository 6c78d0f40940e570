package health

import "time"

const (
	// jumpLimit is how far timestamps may run ahead of what the arrivals, with
	// all that may be queued, account for.
	jumpLimit = time.Second

	// skipLimit is the same for a step that is named only together with others.
	skipLimit = 250 * time.Millisecond

	// maxJumps bounds a sum of jumps, which hostile timestamps make overflow.
	maxJumps = 10_000 * time.Hour

	// hole is from where on a step is no spacing of pictures or frames but a
	// hole: a camera that was gone, what a sender has dropped. It enters no
	// rate and no GOP, and is no media that was delivered. Where the spacing is
	// wide, a hole is more than holeSteps of it.
	hole      = time.Second
	holeSteps = 3

	// sparse is the widest spacing believed of pictures that arrive in one
	// instant, as a newcomer's do.
	sparse = 10 * time.Second
)

// step is how a timestamp follows the one before.
type step struct {
	media time.Duration // that has passed; 0 at the first, at a jump and back
	kind  stepKind
	by    time.Duration // of a jump, beyond what the arrivals account for, or of a step back
	pause time.Duration // that nothing came, or nothing was stamped; 0 where that is usual
}

type stepKind uint8

const (
	stepFirst stepKind = iota
	stepOn
	stepHole // arrivals account for it, but nothing was sent
	stepSkip // a small jump
	stepJump // nothing accounts for it
	stepBack
)

// steady reports whether media of the step belongs into a rate.
func (s step) steady() bool { return s.kind == stepOn }

// clock follows the timestamps of audio or of video.
type clock struct {
	seen   bool
	stamp  uint32        // the last timestamp, in ms modulo 2^32
	at     time.Duration // its arrival
	usual  time.Duration // the spacing: a mean of which the last step is a quarter
	spaced bool          // usual has been seen

	// ahead is how far media is ahead of its arrivals, against the first
	// message. peak is the highest it has been, which fades by 1 %, so that an
	// encoder's slow clock does not leave it behind for ever. What stays
	// below peak has been late before: a queue that catches up.
	ahead, peak time.Duration
}

// next takes the timestamp of the next message and when it arrived.
func (c *clock) next(stamp uint32, at time.Duration) step {
	if !c.seen {
		*c = clock{seen: true, stamp: stamp, at: at}
		return step{kind: stepFirst}
	}
	by := time.Duration(int32(stamp-c.stamp)) * time.Millisecond // serial arithmetic
	gap := at - c.at
	c.stamp, c.at = stamp, at
	c.peak = max(c.peak-gap/100, c.ahead)
	usual := min(c.usual, sparse)
	if !c.spaced {
		usual = sparse
	}
	beyond := c.ahead + by - gap - c.peak
	s := step{media: by, kind: stepOn}
	switch {
	case by < 0:
		s = step{kind: stepBack, by: -by}
	case by > jumpLimit+usual && beyond > jumpLimit:
		s = step{kind: stepJump, by: by - gap}
	case by > holeSteps*usual && beyond > skipLimit && by-beyond <= c.gapLimit() && gap >= usual/2:
		// Closer together it is part of a burst.
		s = step{kind: stepSkip, by: beyond, media: by - beyond}
	case by > c.gapLimit():
		s.kind, s.pause = stepHole, by
	}
	if gap > c.gapLimit() {
		s.pause = max(s.pause, gap)
	}
	switch {
	case s.kind == stepBack || s.kind == stepJump:
		c.ahead += min(gap, c.usual) // as if it had gone on
	case s.kind == stepSkip:
	case !c.spaced:
		c.usual, c.spaced = by, true
	default:
		c.usual += (by - c.usual) / 4
	}
	c.ahead += s.media - gap
	c.peak = max(c.peak, c.ahead)
	return s
}

// gapLimit is from where on there is a hole between two messages.
func (c *clock) gapLimit() time.Duration {
	if !c.spaced {
		return holeSteps * sparse
	}
	return max(hole, holeSteps*min(c.usual, sparse))
}
