package broadcaster

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"venuecast/flv"
)

const (
	// What the hub keeps for newcomers at the most. Where a keyframe is
	// further back, they wait for the next one.
	maxGOPDuration = 10 * time.Second
	maxGOPBytes    = 16 << 20
)

// A Hub hands every tag that is published to every subscriber. It keeps what a
// newcomer needs to begin at once: the metadata, the sequence headers and the
// tags since the last keyframe. Its methods may be called concurrently; none
// blocks on a subscriber.
type Hub struct {
	mu     sync.Mutex
	subs   map[*Subscription]struct{}
	closed bool
	done   chan struct{}
	held   atomic.Bool   // nothing is published yet, and nobody is to blame
	newest time.Duration // DTS of the newest picture or audio frame
	heard  time.Duration // DTS of the newest audio frame, which may come seconds behind the picture

	metadata flv.Tag
	now      headers // in force now,
	then     headers // and at the last keyframe
	gop      []flv.Tag
	gopBytes int
}

// headers are the sequence headers that are in force at a time.
type headers struct{ video, audio flv.Tag }

// NewHub returns an empty hub.
func NewHub() *Hub {
	return &Hub{subs: map[*Subscription]struct{}{}, done: make(chan struct{})}
}

// Publish hands tags to the subscribers, in their order. It never blocks for
// longer than the other methods of the hub take.
func (h *Hub) Publish(tags ...flv.Tag) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	for i := range tags {
		tag := &tags[i]
		h.keep(tag)
		for s := range h.subs {
			s.offer(tag)
		}
	}
}

// keep holds on to what newcomers need.
func (h *Hub) keep(tag *flv.Tag) {
	if !tag.Header {
		h.newest = max(h.newest, tag.DTS)
		if tag.Type == flv.TypeAudio {
			h.heard = max(h.heard, tag.DTS)
		}
	}
	switch {
	case tag.Type == flv.TypeScript:
		h.metadata = *tag
		return
	case tag.Header:
		if tag.Type == flv.TypeAudio {
			h.now.audio = *tag
		} else {
			h.now.video = *tag
		}
		if len(h.gop) == 0 {
			return
		}
	case tag.Type == flv.TypeVideo && tag.Keyframe:
		clear(h.gop)
		h.gop, h.gopBytes = h.gop[:0], 0
		h.then = h.now
	case len(h.gop) == 0:
		return // no keyframe to begin with
	}
	h.gop = append(h.gop, *tag)
	h.gopBytes += len(tag.Body)
	if h.gopBytes > maxGOPBytes || tag.DTS-h.gop[0].DTS > maxGOPDuration {
		clear(h.gop)
		h.gop, h.gopBytes = h.gop[:0], 0
	}
}

// Close says that nothing more will be published. Subscribers get what is in
// their queues, and then io.EOF.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	close(h.done)
	for s := range h.subs {
		s.wake()
	}
}

// Done is closed by Close.
func (h *Hub) Done() <-chan struct{} { return h.done }

// Subscribe returns a subscription that begins at the last keyframe, or, where
// that is too far back, at the next one. Its queue holds maxLatency of
// pictures; beyond that it skips ahead. The caller has to Close it.
func (h *Hub) Subscribe(maxLatency time.Duration) *Subscription {
	s := &Subscription{hub: h, maxLatency: maxLatency, waiting: true, signal: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.began = h.newest
	if len(h.gop) > 0 {
		now := h.now
		h.now = h.then // they were in force where s begins
		for i := range h.gop {
			s.offer(&h.gop[i])
		}
		h.now = now
	}
	h.subs[s] = struct{}{}
	return s
}

// A Subscription is a queue of the tags that one receiver has still to get. It
// begins with the metadata and the sequence headers and goes on from a keyframe
// without a picture that refers to one left out.
type Subscription struct {
	hub        *Hub
	maxLatency time.Duration
	signal     chan struct{} // something has changed

	// All of what follows is guarded by hub.mu.
	queue   []flv.Tag
	head    int           // of the queue
	bytes   int           // of the bodies in it
	waiting bool          // for a keyframe
	begin   time.Duration // what is shown before refers to what it has not had
	base    time.Duration // DTS of the keyframe it began at first
	began   time.Duration // newest DTS when it was begun
	begun   bool
	header  *byte // of the body of the video sequence header that was queued last
	fresh   bool  // it has once been through with its queue
	dropped int   // pictures left out because the queue was full
	skips   int   // times it had to skip ahead
}

// QueueStats are figures of a subscription's queue.
type QueueStats struct {
	Tags, Bytes int
	Age         time.Duration // of the oldest tag, against the newest published
	Dropped     int           // pictures left out because the receiver was too slow
	Skips       int           // times that happened
}

// Stats gives the figures of now.
func (s *Subscription) Stats() QueueStats {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	st := QueueStats{Tags: len(s.queue) - s.head, Bytes: s.bytes, Dropped: s.dropped, Skips: s.skips}
	for _, tag := range s.queue[s.head:] {
		if !tag.Header {
			st.Age = max(0, s.age(&tag))
			break
		}
	}
	return st
}

// Next returns the next tag, which it waits for. It returns io.EOF behind the
// last one, or why ctx is done.
func (s *Subscription) Next(ctx context.Context) (flv.Tag, error) {
	for {
		tag, err := s.take()
		if !errors.Is(err, errEmpty) {
			return tag, err
		}
		select {
		case <-s.signal:
		case <-ctx.Done():
			return flv.Tag{}, ctx.Err()
		}
	}
}

var errEmpty = errors.New("nothing queued")

func (s *Subscription) take() (flv.Tag, error) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.head == len(s.queue) {
		if s.hub.closed {
			return flv.Tag{}, io.EOF
		}
		return flv.Tag{}, errEmpty
	}
	tag := s.queue[s.head]
	s.queue[s.head] = flv.Tag{} // the body is not ours any longer
	s.head++
	s.bytes -= len(tag.Body)
	if s.head == len(s.queue) {
		s.queue, s.head = s.queue[:0], 0
		s.fresh = true
	}
	return tag, nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subs, s)
}

func (s *Subscription) wake() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

func (s *Subscription) push(tag *flv.Tag) {
	if s.head > 0 && len(s.queue) == cap(s.queue) {
		n := copy(s.queue, s.queue[s.head:])
		clear(s.queue[n:])
		s.queue, s.head = s.queue[:n], 0
	}
	s.queue = append(s.queue, *tag)
	s.bytes += len(tag.Body)
	s.wake()
}

// offer queues a tag if it is for this subscription. It is called with the
// hub's lock held.
func (s *Subscription) offer(tag *flv.Tag) {
	picture := tag.Type == flv.TypeVideo && !tag.Header
	switch {
	case s.waiting && picture && tag.Keyframe:
		s.start(tag)
	case !s.begun:
		return // a newcomer begins with a keyframe
	case s.waiting && tag.Type == flv.TypeVideo:
		if picture {
			s.dropped++
		}
		return
	case tag.Type == flv.TypeAudio && !tag.Header && tag.DTS < s.base:
		return // all of these would end up on the first timestamp
	case picture && tag.PTS < s.begin:
		return
	case tag.Header && tag.Type == flv.TypeVideo:
		s.header = &tag.Body[0]
	}
	s.push(tag)
	s.limit()
}

// start begins, or goes on after a skip, at a keyframe.
func (s *Subscription) start(keyframe *flv.Tag) {
	h := s.hub
	s.waiting, s.begin = false, beginning(keyframe)
	if !s.begun {
		s.begun, s.base = true, keyframe.DTS
		for _, tag := range []*flv.Tag{&h.metadata, &h.now.audio} {
			if tag.Body != nil {
				s.push(tag)
			}
		}
	}
	if header := &h.now.video; header.Body != nil && s.header != &header.Body[0] {
		s.header = &header.Body[0]
		s.push(header)
	}
}

// beginning is the time before which pictures behind keyframe, in the order of
// the stream, refer to what is before it: none do behind an IDR picture, wherever
// they are shown [7.4.1.2.4].
func beginning(keyframe *flv.Tag) time.Duration {
	if keyframe.RecoveryPoint {
		return keyframe.PTS
	}
	return math.MinInt64
}

// age is how old tag is against the newest. Sound is compared with sound: it may
// come seconds behind the picture. Pictures are compared with both, or they
// would not age any more once the camera is dead.
func (s *Subscription) age(tag *flv.Tag) time.Duration {
	if tag.Type == flv.TypeAudio {
		return s.hub.heard - tag.DTS
	}
	return s.hub.newest - tag.DTS
}

// limit skips ahead where the pictures in the queue are older than maxLatency,
// and forgets sound that nobody can be waiting for.
func (s *Subscription) limit() {
	if !s.fresh && s.hub.newest-s.began < s.maxLatency {
		return // what the hub kept for a newcomer may be older
	}
	for i := range s.queue[s.head:] {
		tag := &s.queue[s.head+i]
		if tag.Header {
			continue
		}
		switch {
		case tag.Type == flv.TypeAudio && s.age(tag) > 2*s.maxLatency:
			s.forget(func(tag *flv.Tag) bool {
				return tag.Type == flv.TypeAudio && !tag.Header && s.age(tag) > s.maxLatency
			})
			return
		case tag.Type == flv.TypeVideo:
			if s.age(tag) > s.maxLatency {
				s.skip()
			}
			return
		}
	}
}

// skip drops the pictures before the newest keyframe in the queue; where they
// all belong to one group, it drops that and waits for the next keyframe.
func (s *Subscription) skip() {
	s.skips++
	first, last := -1, -1 // picture, keyframe
	for i := s.head; i < len(s.queue); i++ {
		if tag := &s.queue[i]; tag.Type == flv.TypeVideo && !tag.Header {
			if first < 0 {
				first = i
			}
			if tag.Keyframe {
				last = i
			}
		}
	}
	if last > first {
		header := -1 // in force at the keyframe, if it is still queued
		for i := s.head; i < last; i++ {
			if s.queue[i].Type == flv.TypeVideo && s.queue[i].Header {
				header = i
			}
		}
		s.begin = beginning(&s.queue[last])
		i := s.head - 1
		s.forget(func(tag *flv.Tag) bool {
			i++
			switch {
			case tag.Type != flv.TypeVideo:
				return false
			case i < last:
				return i != header
			}
			return i > last && !tag.Header && tag.PTS < s.begin
		})
		return
	}
	s.waiting = true
	s.forget(func(tag *flv.Tag) bool { return tag.Type == flv.TypeVideo })
	s.header = nil // whichever was queued may not have been sent
}

// forget removes the queued tags that drop names, and counts the pictures among
// them.
func (s *Subscription) forget(drop func(*flv.Tag) bool) {
	kept := s.head
	for i := s.head; i < len(s.queue); i++ {
		tag := &s.queue[i]
		if drop(tag) {
			s.bytes -= len(tag.Body)
			if tag.Type == flv.TypeVideo && !tag.Header {
				s.dropped++
			}
			continue
		}
		s.queue[kept] = *tag
		kept++
	}
	clear(s.queue[kept:])
	s.queue = s.queue[:kept]
}
