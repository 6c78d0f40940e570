package rig

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"venuecast/flv"
	"venuecast/h264"
	"venuecast/rtmp"
)

// An Arrival is a picture or an audio frame that has come to the ingest.
type Arrival struct {
	At        time.Duration // when the last byte of its message had been read
	Timestamp uint32        // as sent, in ms
	Audio     bool

	// Of a picture:
	N           int // as the picture itself says, -1 where that cannot be read
	Fingerprint uint64
	Bytes       int // of the message
}

// A Sink takes one publisher's messages and stamps them.
type Sink struct {
	mu       sync.Mutex
	arrivals []Arrival
	sessions int
	err      error // what was not understood first
}

// publish makes s the sink of a session.
func (s *Sink) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
}

// HandleMessage takes a message from the publisher.
func (s *Sink) HandleMessage(m rtmp.Message) error {
	at := now()
	a, ok, err := arrival(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		a.At = at
		s.arrivals = append(s.arrivals, a)
	}
	if s.err == nil {
		s.err = err
	}
	return nil
}

// End is of no interest.
func (s *Sink) End(error) {}

// first is the arrival of the first picture, 0 where there is none yet.
func (s *Sink) first() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.arrivals {
		if !a.Audio {
			return a.At
		}
	}
	return 0
}

// arrival reads a message. It is false for headers and metadata.
func arrival(m rtmp.Message) (a Arrival, ok bool, err error) {
	a = Arrival{Timestamp: m.Timestamp, Bytes: len(m.Payload)}
	switch m.Type {
	case rtmp.Audio:
		h, _, err := flv.ParseAudio(m.Payload)
		a.Audio = true
		return a, err == nil && h.PacketType == flv.AACRaw, err
	case rtmp.Video:
		h, payload, err := flv.ParseVideo(m.Payload)
		if err != nil || h.PacketType != flv.AVCNALUs {
			return a, false, err
		}
		nalus, err := split(payload)
		a.N, a.Fingerprint = identify(nalus)
		return a, true, err
	}
	return a, false, nil
}

var errNotNALUs = errors.New("a video message is no list of NAL units")

// split takes a list of NAL units apart that have 4 bytes of length before them.
func split(b []byte) (nalus []h264.NALU, err error) {
	for len(b) > 0 {
		if len(b) < 4 || uint32(len(b)-4) < binary.BigEndian.Uint32(b) {
			return nalus, errNotNALUs
		}
		n := binary.BigEndian.Uint32(b)
		nalus = append(nalus, h264.NALU(b[4:4+n]))
		b = b[4+n:]
	}
	return nalus, nil
}
