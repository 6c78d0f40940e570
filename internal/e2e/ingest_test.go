//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"

	"venuecast/rtmp"
)

// An ingest takes publishers within the test's process.
type ingest struct {
	addr string

	mu       sync.Mutex
	refuse   error  // what publishers are told
	asked    func() // is called before
	stalled  bool   // read nothing from those who publish
	keys     []string
	sessions []*session
}

// A session is what one publisher sent.
type session struct {
	ingest   *ingest
	stop     <-chan struct{} // of the connection
	stalled  bool
	pictures int
	audio    int
	ended    bool
	err      error // what it ended with
}

// startIngest starts an ingest; rcvbuf is the socket's buffer, 0 for any.
func startIngest(t *testing.T, rcvbuf int) *ingest {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if rcvbuf == 0 {
			return nil
		}
		if e := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, rcvbuf)
		}); e != nil {
			return e
		}
		return err
	}}
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := &ingest{addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&rtmp.Server{Handler: in.publish, SecondPublisher: rtmp.AllowSecond}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return in
}

func (in *ingest) url() string { return fmt.Sprintf("rtmp://%s/live", in.addr) }

func (in *ingest) publish(ctx context.Context, p rtmp.Publish) (rtmp.Sink, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.keys = append(in.keys, p.Key.Reveal())
	if in.asked != nil {
		in.asked()
	}
	if in.refuse != nil {
		return nil, in.refuse
	}
	s := &session{ingest: in, stop: ctx.Done(), stalled: in.stalled}
	in.sessions = append(in.sessions, s)
	return s, nil
}

func (s *session) HandleMessage(m rtmp.Message) error {
	if s.stalled {
		<-s.stop
		return nil
	}
	s.ingest.mu.Lock()
	defer s.ingest.mu.Unlock()
	switch {
	case m.Type == rtmp.Video && len(m.Payload) > 1 && m.Payload[1] == 1:
		s.pictures++
	case m.Type == rtmp.Audio:
		s.audio++
	}
	return nil
}

func (s *session) End(err error) {
	s.ingest.mu.Lock()
	defer s.ingest.mu.Unlock()
	s.ended, s.err = true, err
}

// got gives copies of the sessions so far.
func (in *ingest) got() (list []session) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range in.sessions {
		list = append(list, session{pictures: s.pictures, audio: s.audio, ended: s.ended, err: s.err})
	}
	return list
}

// pictures is how many have arrived, in all sessions.
func (in *ingest) pictures() (n int) {
	for _, s := range in.got() {
		n += s.pictures
	}
	return n
}

func (in *ingest) set(change func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	change()
}
