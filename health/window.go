package health

import "time"

// slots is how many parts a window has: what it holds is forgotten in steps of
// a tenth of it.
const slots = 10

// slot is what arrived in one part of the window. Its size does not depend on
// how much that is.
type slot struct {
	index int64 // of time since the first message; what another index left behind is void

	video, audio kindSlot
	pause        time.Duration // the longest gap between arrivals that ended here

	videoPeak time.Duration // of the video clock when the slot began

	gops           int // groups of pictures that ended here
	gopSum, gopMax time.Duration

	// Pictures that show an open GOP, that are interlaced, that are B pictures.
	open, interlaced, b int
	orphan              bool // the first picture of the session, which was no keyframe

	soundBytes    int64 // of frames of AAC that are not silent
	sound, silent int64 // such frames, and those that are

	malformed  int // tags
	headerless int // pictures and frames before a sequence header

	// lead is how far audio's timestamps were ahead of video's, the most of it
	// when a picture arrived, and lag the least of it when a frame of audio did.
	lead, lag   time.Duration
	leads, lags bool // they are set
	skews       int  // in a sum: how many slots had both
}

// kindSlot is what is counted of video and audio alike.
type kindSlot struct {
	media time.Duration // by timestamps, against the arrival's pace
	holes time.Duration // by timestamps, that nothing was sent of
	pause time.Duration // the longest that ended here

	// For rates: bytes and pictures or frames with the time they took.
	span   time.Duration
	bytes  int64
	frames int64

	jumps time.Duration // forward, together
	back  time.Duration // the largest
}

// window is the last slots parts and the one that fills.
type window struct {
	part  time.Duration
	ring  [slots + 1]slot
	index int64 // of the slot that fills
}

// at returns the slot of a time since the first message, not before the last.
func (w *window) at(t time.Duration) *slot {
	i := int64(t / w.part)
	s := &w.ring[i%int64(len(w.ring))]
	if s.index != i {
		*s = slot{index: i}
	}
	w.index = i
	return s
}

// slot returns the slot of an index, or nil where nothing arrived in it.
func (w *window) slot(i int64) *slot {
	if i < 0 || i > w.index {
		return nil
	}
	if s := &w.ring[i%int64(len(w.ring))]; s.index == i {
		return s
	}
	return nil
}

// sum adds up what arrived from one index to another.
func (w *window) sum(from, to int64) (all slot) {
	for i := from; i <= to; i++ {
		if s := w.slot(i); s != nil {
			all.add(s)
		}
	}
	return all
}

func (s *slot) add(o *slot) {
	s.video.add(&o.video)
	s.audio.add(&o.audio)
	s.pause = max(s.pause, o.pause)
	s.gops += o.gops
	s.gopSum += o.gopSum
	s.gopMax = max(s.gopMax, o.gopMax)
	s.open += o.open
	s.interlaced += o.interlaced
	s.b += o.b
	s.orphan = s.orphan || o.orphan
	s.soundBytes += o.soundBytes
	s.sound += o.sound
	s.silent += o.silent
	s.malformed += o.malformed
	s.headerless += o.headerless
	if o.leads && o.lags {
		if s.skews == 0 {
			s.lead, s.lag = o.lead, o.lag
		}
		s.lead, s.lag = max(s.lead, o.lead), min(s.lag, o.lag)
		s.skews++
	}
}

func (k *kindSlot) add(o *kindSlot) {
	k.media += o.media
	k.holes += o.holes
	k.pause = max(k.pause, o.pause)
	k.span += o.span
	k.bytes += o.bytes
	k.frames += o.frames
	k.jumps += o.jumps
	k.back = max(k.back, o.back)
}

// rates is what a window holds a second: frames and bits.
func (k *kindSlot) rates() (frames float64, bits int) {
	if k.span < time.Second {
		return 0, 0
	}
	seconds := k.span.Seconds()
	return float64(k.frames) / seconds, clampInt(float64(k.bytes) * 8 / seconds)
}

// skew is that of the whole parts that are recent, or of all where these know too
// little, as with few pictures; 0 where it is not known.
func (w *window) skew(index int64, all *slot) time.Duration {
	parts := min((recent+w.part-1)/w.part, slots)
	last := w.sum(index-int64(parts), index-1)
	switch {
	case last.skews >= min(enough, int(parts)):
		return last.skew()
	case all.skews >= enough:
		return all.skew()
	}
	return 0
}

// skew is how far audio timestamps were ahead of video's at the same arrival.
// Interleaved streams swing about that by what a lump of one kind lasts: lead
// is right where audio comes in lumps, lag where video does, both where neither.
// Where the two disagree about the sign there is none to be told.
func (s *slot) skew() time.Duration {
	switch {
	case (s.lead > 0) != (s.lag > 0):
		return 0
	case s.lag.Abs() < s.lead.Abs():
		return s.lag
	}
	return s.lead
}
