package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/flv"
	"venuecast/rtmp"
)

// demoIngest takes the demo's broadcast and counts what arrives: it knows
// nothing but the bytes on the wire.
type demoIngest struct {
	key string

	mu       sync.Mutex
	sessions int
	goodbyes int
	got      received
}

// received is what the sessions brought.
type received struct {
	metadata            flv.Metadata
	headers             int // video sequence headers
	pictures, keyframes int
	audio               int
	bytes               int64
	first, last         uint32 // timestamps of pictures, in ms
	lastAudio           uint32
	longest             uint32 // from one picture to the next
	lastKey, group      uint32 // keyframe interval
	backwards           int
	unreadable          int
}

func (d *demoIngest) server(log logrus.FieldLogger) *rtmp.Server {
	return &rtmp.Server{Log: log, Handler: func(_ context.Context, p rtmp.Publish) (rtmp.Sink, error) {
		if p.Key.Reveal() != d.key {
			return nil, rtmp.ErrBadName
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sessions++
		return d, nil
	}}
}

// HandleMessage takes a message from the publisher.
func (d *demoIngest) HandleMessage(m rtmp.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := &d.got
	g.bytes += int64(len(m.Payload))
	switch m.Type {
	case rtmp.DataAMF0:
		if md, err := flv.ParseMetadata(m.Payload); err == nil {
			g.metadata = md
		}
	case rtmp.Audio:
		if h, _, err := flv.ParseAudio(m.Payload); err == nil && h.PacketType == flv.AACRaw {
			g.audio++
			g.lastAudio = m.Timestamp
		}
	case rtmp.Video:
		h, _, err := flv.ParseVideo(m.Payload)
		if err != nil {
			g.unreadable++
			return nil
		}
		g.video(h, m.Timestamp)
	}
	return nil
}

func (g *received) video(h flv.VideoHeader, at uint32) {
	switch h.PacketType {
	case flv.AVCSequenceHeader:
		g.headers++
		return
	case flv.AVCNALUs:
	default:
		return
	}
	if g.pictures == 0 {
		g.first = at
	} else if at < g.last {
		g.backwards++
	} else {
		g.longest = max(g.longest, at-g.last)
	}
	if h.FrameType == flv.FrameKey {
		if g.keyframes > 0 {
			g.group = max(g.group, at-g.lastKey)
		}
		g.keyframes++
		g.lastKey = at
	}
	g.pictures++
	g.last = at
}

// End takes note of a session's end.
func (d *demoIngest) End(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.goodbyes++
	}
}

// errNothingArrived is what the demo fails with.
var errNothingArrived = errors.New("the ingest received no picture")

// summary prints what arrived.
func (d *demoIngest) summary(w io.Writer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.got
	if g.pictures < 2 {
		return errNothingArrived
	}
	span := time.Duration(g.last-g.first) * time.Millisecond
	p := print{w: w}
	p.f("\nthe ingest received, in %.1f s of stream and %d session(s), %d of them ended by a goodbye:\n", span.Seconds(), d.sessions, d.goodbyes)
	p.f("  video   H.264 %dx%d, %d pictures, %.2f fps, %d keyframes, at most %.2f s apart\n",
		g.metadata.Width, g.metadata.Height, g.pictures, float64(g.pictures-1)/span.Seconds(), g.keyframes, float64(g.group)/1000)
	p.f("  audio   AAC %d Hz, %d channel(s), %d frames of silence, ends %d ms from the picture\n",
		g.metadata.AudioSampleRate, channels(g.metadata), g.audio, int64(g.last)-int64(g.lastAudio))
	p.f("  rate    %.2f Mbit/s, announced %.2f\n", megabits(g.bytes, span), (g.metadata.VideoDataRate+g.metadata.AudioDataRate)/1000)
	p.f("  order   longest pause between two pictures %d ms, %d timestamps backwards, %d unreadable messages\n", g.longest, g.backwards, g.unreadable)
	return p.err
}

func channels(m flv.Metadata) int {
	if m.Stereo {
		return 2
	}
	return 1
}
