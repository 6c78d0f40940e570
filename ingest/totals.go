package ingest

import (
	"time"

	"venuecast/flv"
)

// Totals are what a session has brought since it began.
type Totals struct {
	Bytes       int64 // of audio, video and data
	Pictures    int
	Keyframes   int
	AudioFrames int

	Span         time.Duration // from the first picture to the last, by their timestamps
	LongestPause time.Duration // from one picture to the next
	LongestGroup time.Duration // from one keyframe to the next
	Backwards    int           // pictures with a timestamp before that of the one before
	Unreadable   int           // audio and video messages that make no sense
	SoundLead    time.Duration // by how much the last audio frame is later than the last picture
}

// A counter makes the Totals of one session.
type counter struct {
	Totals
	now        int64 // the last timestamp, unwrapped, in ms
	begun      bool
	first      int64 // pictures, in ms
	last       int64
	lastKey    int64
	lastAudio  int64
	heardAudio bool
}

// unwrap continues 32 bits of milliseconds beyond 2^32.
func (c *counter) unwrap(timestamp uint32) int64 {
	if !c.begun {
		c.now, c.begun = int64(timestamp), true
	} else {
		c.now += int64(int32(timestamp - uint32(c.now))) // #nosec G115 -- the difference is modulo 2^32
	}
	return c.now
}

// A frame is a message, as far as the counter and a recording have to know it.
type frame struct {
	kind   flv.TagType
	at     int64 // in ms, unwrapped
	cts    time.Duration
	header bool // a sequence header, an end of sequence or metadata
	key    bool
	body   []byte
}

// read looks at a message, and counts it.
func (c *counter) read(kind flv.TagType, timestamp uint32, body []byte) frame {
	c.Bytes += int64(len(body))
	f := frame{kind: kind, body: body, header: true}
	switch kind {
	case flv.TypeVideo:
		h, _, err := flv.ParseVideo(body)
		if err != nil {
			c.unreadable()
			break
		}
		avc := h.CodecID == flv.CodecAVC
		if f.header = avc && h.PacketType != flv.AVCNALUs; !f.header {
			f.key, f.cts = h.FrameType == flv.FrameKey, h.CompositionTime
		}
	case flv.TypeAudio:
		h, _, err := flv.ParseAudio(body)
		if err != nil {
			c.unreadable()
			break
		}
		f.header = h.SoundFormat == flv.SoundAAC && h.PacketType == flv.AACSequenceHeader
	}
	// Headers stand at 0 even in streams whose media begins days later.
	if f.header && !c.begun {
		f.at = int64(timestamp)
		return f
	}
	f.at = c.unwrap(timestamp)
	if !f.header {
		c.count(f)
	}
	return f
}

func (c *counter) unreadable() { c.Unreadable++ }

func (c *counter) count(f frame) {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	if f.kind == flv.TypeAudio {
		c.AudioFrames++
		c.lastAudio, c.heardAudio = f.at, true
	} else {
		switch {
		case c.Pictures == 0:
			c.first = f.at
		case f.at < c.last:
			c.Backwards++
		default:
			c.LongestPause = max(c.LongestPause, ms(f.at-c.last))
		}
		if f.key {
			if c.Keyframes > 0 {
				c.LongestGroup = max(c.LongestGroup, ms(f.at-c.lastKey))
			}
			c.Keyframes++
			c.lastKey = f.at
		}
		c.Pictures++
		c.last = f.at
		c.Span = ms(c.last - c.first)
	}
	if c.heardAudio && c.Pictures > 0 {
		c.SoundLead = ms(c.lastAudio - c.last)
	}
}
