package flv

import (
	"math"
	"time"
)

// millis rounds t, on the capture's clock, to the millisecond it is nearest to.
//
// It is the one rounding there is, and it is applied to points in time before
// they are subtracted, never to differences. A tag's composition time is
// millis(PTS)-millis(DTS), and its timestamp on a connection that began at base
// is millis(DTS)-millis(base); so what a player adds up, timestamp plus
// composition time, is millis(PTS)-millis(base): the PTS itself, within half a
// millisecond, on every connection and for ever. Rounding PTS-DTS, or DTS-base,
// would let each of the two errors wander and pictures 33.3 ms apart come out
// 32 or 35 ms apart.
func millis(t time.Duration) int64 {
	const half = time.Millisecond / 2
	ms, rest := int64(t/time.Millisecond), t%time.Millisecond
	switch {
	case rest >= half:
		ms++
	case rest < -half:
		ms--
	}
	return ms
}

// A Timeline gives the tags of one chunk stream their timestamps: milliseconds
// since the base, modulo 2^32. The zero value is ready; its methods must not be
// called concurrently.
type Timeline struct {
	base, last int64 // in milliseconds; last counts from base
	started    bool
}

// Start makes dts the base, which is then timestamp 0. It does nothing when
// there is a base already. Timelines that belong together start together.
func (l *Timeline) Start(dts time.Duration) {
	if !l.started {
		l.base, l.started = millis(dts), true
	}
}

// Started reports whether there is a base.
func (l *Timeline) Started() bool { return l.started }

// Millis returns the timestamp of dts; the first one given is the base unless
// Start has set another.
//
// Timestamps never go back in the serial arithmetic that receivers compare them
// by: a dts before the last one, or before the base, gets the last timestamp
// again, and one more than 2^31-1 ms ahead is approached by steps of that size.
func (l *Timeline) Millis(dts time.Duration) uint32 {
	l.Start(dts)
	return l.advance(dts, l.last)
}

// advance moves l on to dts, but no further than a receiver that has got to
// latest can follow.
func (l *Timeline) advance(dts time.Duration, latest int64) uint32 {
	l.last = max(l.last, min(millis(dts)-l.base, latest+math.MaxInt32))
	return uint32(l.last) // modulo 2^32 is what the wire wants
}

// A Clock gives the tags of one connection, file or viewer their timestamps.
// Each type has its own [Timeline], so audio that is handed on a little after
// the video it belongs to keeps its spacing; all share one base. The zero value
// is ready; calls must not overlap.
type Clock struct {
	audio, video, script Timeline
}

// Timestamp returns the timestamp of t in milliseconds, modulo 2^32.
//
// The base is the first picture or audio frame. Headers and metadata before it
// are at 0: a newcomer is handed those that were made hours ago.
func (c *Clock) Timestamp(t *Tag) uint32 {
	if !t.Header && t.Type != TypeScript {
		c.audio.Start(t.DTS)
		c.video.Start(t.DTS)
		c.script.Start(t.DTS)
	}
	l := &c.script
	switch t.Type {
	case TypeAudio:
		l = &c.audio
	case TypeVideo:
		l = &c.video
	}
	if !l.Started() {
		return 0
	}
	// A type that has been quiet for 25 days, as metadata well may, is still at
	// the time of the others.
	return l.advance(t.DTS, max(c.audio.last, c.video.last, c.script.last))
}
