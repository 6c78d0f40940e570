package exec

import "time"

const (
	// leastQuiet is how long a pipe has to be quiet at the least before the
	// picture counts as complete: a writer that is not held up takes far less
	// between two pieces of one.
	leastQuiet = 3 * time.Millisecond

	// leastQuietInPieces is the same of a command that takes several writes
	// for a picture: on a busy machine it may lose the processor between two
	// of them, for a tick of the scheduler, 4 ms, or a little more.
	leastQuietInPieces = 6 * time.Millisecond

	// inPieces is from which pause on a picture came in several writes; what
	// is shorter is one write that took two reads.
	inPieces = 300 * time.Microsecond

	// warmUp is how many pictures are watched before the first is ended early,
	// so that a tool that writes in its own rhythm never loses one.
	warmUp = 10

	// remember is for how long a pause within a picture is remembered at the
	// least.
	remember = time.Minute

	// longestMemory bounds for how long a mistake is remembered: a minute the
	// first time, and twice as long each time it is made again, so that one
	// hiccup does not cost a frame's time of delay for days, and a command that
	// keeps pausing costs no picture every minute.
	longestMemory = 24 * time.Hour
)

// quietTime learns, from the pauses that a stream makes within its pictures,
// how long the pipe must be quiet for a picture to be complete.
type quietTime struct {
	pictures int

	mistaken time.Duration // the longest pause that a picture was cut at,
	forget   time.Duration // until then
	memory   time.Duration // of the last mistake

	longest, before time.Duration // pauses of this minute and of the one before
	since           time.Duration // when this minute began
}

// pause takes note of a pause within a picture.
func (q *quietTime) pause(d, now time.Duration) {
	q.age(now)
	q.longest = max(q.longest, d)
}

// age begins another minute where one is over.
func (q *quietTime) age(now time.Duration) {
	if now-q.since > 2*remember {
		q.longest = 0 // it is none of the minute before
	}
	if now-q.since > remember {
		q.before, q.longest, q.since = q.longest, 0, now
	}
}

// picture takes note of a picture that was whole.
func (q *quietTime) picture() { q.pictures++ }

// tooEarly takes note of a picture that went on after d of quiet.
func (q *quietTime) tooEarly(d, now time.Duration) {
	if now > q.forget {
		q.mistaken = 0
	}
	q.memory = min(max(remember, 2*q.memory), longestMemory)
	q.mistaken, q.forget = max(q.mistaken, d), now+q.memory
}

// wait is how long the pipe must be quiet: twice the longest pause, and at most
// half a period. It is false where nothing but the next picture tells the end
// of this one: the stream is not known yet, or pauses within its pictures for
// so long that half a period is not safely longer.
func (q *quietTime) wait(period, now time.Duration) (time.Duration, bool) {
	if q.pictures < warmUp {
		return 0, false
	}
	q.age(now) // pictures in one piece have no pauses
	least := leastQuiet
	longest := max(q.longest, q.before)
	if now <= q.forget {
		longest = max(longest, q.mistaken)
	}
	if longest > inPieces {
		least = leastQuietInPieces
	}
	d := min(max(least, 2*longest+leastQuiet/4), period/2)
	return d, d >= longest+longest/2
}
