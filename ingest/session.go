package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"venuecast/flv"
	"venuecast/health"
	"venuecast/rtmp"
)

// A session takes what one publisher sends. Its connection's goroutine calls
// HandleMessage and End; anybody calls snapshot.
type session struct {
	ingest *Ingest
	stop   <-chan struct{} // closed when the connection ends
	key    rtmp.StreamKey
	name   rtmp.StreamKey // key without its query, by which primary and backup find each other
	judge  *health.Judge
	record *recording // nil: none

	// Of the connection's goroutine.
	described bool      // onMetaData has come
	stalled   bool      // the fault has been
	due       time.Time // by which slow has read what there is

	mu      sync.Mutex
	count   counter
	session Session // but for Status, Issues, Report and Totals

	// Of Ingest.Run's goroutine.
	pair health.Pair // of a backup with its primary
	told struct {
		begun, ended, failed bool
		status               health.Status
		issues               []health.Issue
		encoder, acting      string
		reported             time.Time
	}
}

// setDataFrame is what a publisher puts before the metadata, and a file has not.
var setDataFrame = flv.SetDataFrame(nil)

// faultEnd ends a session on request.
type faultEnd string

func (f faultEnd) Error() string { return "the fault " + string(f) }

// HandleMessage takes a message from the publisher.
func (s *session) HandleMessage(m rtmp.Message) error {
	now := time.Now()
	f := &s.ingest.cfg.Faults
	if f.CloseAfter > 0 && now.Sub(s.session.Began) >= f.CloseAfter {
		return faultEnd(f.closeName())
	}
	body := m.Payload
	var kind flv.TagType
	switch m.Type {
	case rtmp.Audio:
		kind = flv.TypeAudio
	case rtmp.Video:
		kind = flv.TypeVideo
	case rtmp.DataAMF3:
		if len(body) > 0 { // the encoding of what follows, which is AMF0 all the same
			body = body[1:]
		}
		kind = flv.TypeScript
	case rtmp.DataAMF0:
		kind = flv.TypeScript
	default:
		return nil
	}
	if kind == flv.TypeScript {
		s.describe(body)
	} else if f.ResetWithoutMetadata && !s.described {
		return fmt.Errorf("%w: %w", faultEnd("reset-without-metadata"), rtmp.ErrReset)
	}
	s.judge.Take(kind, m.Timestamp, body, now)
	s.mu.Lock()
	fr := s.count.read(kind, m.Timestamp, body)
	s.mu.Unlock()
	if s.record != nil {
		if kind == flv.TypeScript {
			fr.body = bytes.TrimPrefix(fr.body, setDataFrame)
		}
		s.record.add(fr)
	}
	s.hold(now, len(m.Payload))
	return nil
}

// describe notes what the encoder says of itself.
func (s *session) describe(body []byte) {
	md, err := flv.ParseMetadata(body)
	if err != nil {
		return
	}
	s.described = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session.Announced = int64((md.VideoDataRate + md.AudioDataRate) * 1000)
	if md.Encoder != "" {
		s.session.Encoder = printable(md.Encoder, s.key, maxNameShown)
	}
}

// hold keeps the connection from being read, as the faults want it.
func (s *session) hold(now time.Time, size int) {
	f := &s.ingest.cfg.Faults
	if f.Stall > 0 && !s.stalled && now.Sub(s.session.Began) >= f.StallAt {
		s.stalled = true
		s.act(f.stallName())
		s.wait(f.Stall)
		s.act("")
	}
	if f.Slow > 0 {
		if s.due.Before(now) {
			s.due = now
		}
		s.due = s.due.Add(time.Duration(float64(size) * 8 / float64(f.Slow) * float64(time.Second)))
		if wait := s.due.Sub(now); wait > 0 {
			s.wait(wait)
		}
	}
}

func (s *session) act(fault string) {
	s.mu.Lock()
	s.session.Acting = fault
	s.mu.Unlock()
	s.ingest.wake()
}

// wait waits for d, or for the connection's end.
func (s *session) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stop:
	}
}

// End takes note of the session's end.
func (s *session) End(err error) {
	if s.record != nil {
		s.record.close()
	}
	s.mu.Lock()
	s.session.Ended = time.Now()
	s.session.Goodbye = err == nil
	s.session.Why = s.ingest.why(err, s.key)
	s.session.Acting = ""
	s.mu.Unlock()
	s.ingest.wake()
}

// why is an end in words.
func (in *Ingest) why(err error, key rtmp.StreamKey) string {
	var fault faultEnd
	switch {
	case err == nil:
		return "the encoder said goodbye"
	case errors.As(err, &fault):
		return fault.Error()
	case in.stopping():
		return "this ingest was stopped"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the encoder closed the connection without a goodbye"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the encoder or the network reset the connection"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the encoder sent nothing for too long"
	case errors.Is(err, rtmp.ErrReplaced):
		return "the connection was dead, and the encoder has a new one"
	}
	return printable(err.Error(), key, maxWhyShown)
}

// snapshot is the session at now, but for what depends on other sessions.
func (s *session) snapshot(now time.Time) Session {
	s.mu.Lock()
	snap := s.session
	snap.Totals = s.count.Totals
	s.mu.Unlock()
	if !snap.Live() {
		now = snap.Ended
	}
	snap.Report = s.judge.Report(now)
	snap.Status = snap.Report.Status
	snap.Issues = snap.Report.Issues
	return snap
}
