package rtmp

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A Publish is a client's wish to publish.
type Publish struct {
	// App is as in the connect command, with its query but without slashes
	// around its path: live2, live2?backup=1. A query that the client put in
	// its tcUrl alone is in App all the same.
	App string
	// Key is the stream name as the client sent it. It may hold a query, which
	// is part of some services' keys, and which Name parts from it.
	Key        StreamKey
	FlashVer   string // what the client calls itself, made fit to print
	RemoteAddr net.Addr
}

// AppName returns App without its query.
func (p Publish) AppName() string {
	name, _, _ := strings.Cut(p.App, "?")
	return name
}

// Name returns Key without the query that some encoders put behind it.
func (p Publish) Name() StreamKey {
	name, _, _ := strings.Cut(p.Key.Reveal(), "?")
	return NewStreamKey(name)
}

// Backup reports whether the client asks for the second of YouTube's two
// ingests: by backup=1 in the query of the app, where it belongs, or of the
// stream name, where encoders with one field for both put it.
func (p Publish) Backup() bool {
	for _, s := range []string{p.App, p.Key.Reveal()} {
		_, query, _ := strings.Cut(s, "?")
		// Separated by question marks as well: a name's may follow an app's.
		for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == '?' }) {
			if part == "backup=1" {
				return true
			}
		}
	}
	return false
}

// appOf returns an app by which publishers can be told apart: without the
// slashes that come of an URL's ends, and with its query. Flash has the query
// in app, some others only in tcUrl.
func appOf(app, tcURL string) string {
	name, query, found := strings.Cut(app, "?")
	name = strings.Trim(name, "/")
	if !found {
		u, err := url.Parse(tcURL)
		if err == nil && strings.Trim(u.EscapedPath(), "/") == name {
			query = u.RawQuery
		}
	}
	if query == "" {
		return name
	}
	return name + "?" + query
}

// A publishID is what one publisher feeds at a time.
type publishID struct {
	app string
	key StreamKey
}

// A live is a publisher's hold of its publishID.
type live struct {
	id       publishID
	p        *publisher
	released chan struct{} // closed when the hold has ended
}

// claim gives id to p, or returns ErrInUse if another has it and is not
// dead. A dead one's connection is ended first, and its Sink with it. Where
// anybody may have it there is nothing to hold: claim returns nil.
func (s *Server) claim(p *publisher, id publishID) (*live, error) {
	if s.SecondPublisher == AllowSecond {
		return nil, nil
	}
	for {
		s.mu.Lock()
		first := s.lives[id]
		if first == nil {
			l := &live{id, p, make(chan struct{})}
			if s.lives == nil {
				s.lives = make(map[publishID]*live)
			}
			s.lives[id] = l
			s.mu.Unlock()
			return l, nil
		}
		s.mu.Unlock()
		if s.SecondPublisher != ReplaceDead || first.p.conn.silence() < orDefault(s.DeadAfter, defaultDeadAfter) {
			return nil, ErrInUse
		}
		first.p.cancel(ErrReplaced)
		select {
		case <-first.released:
		case <-p.ctx.Done():
			return nil, context.Cause(p.ctx)
		}
	}
}

// release ends a hold, if there is one.
func (s *Server) release(l *live) {
	if l == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lives, l.id)
	close(l.released)
}

// A heardConn knows when it last read something.
type heardConn struct {
	progressConn
	opened time.Time
	heard  atomic.Int64 // nanoseconds after opened
}

func newHeardConn(nc net.Conn) *heardConn {
	return &heardConn{progressConn: progressConn{Conn: nc, stall: DefaultTimeout}, opened: time.Now()}
}

func (c *heardConn) Read(p []byte) (int, error) {
	n, err := c.progressConn.Read(p)
	if n > 0 {
		c.heard.Store(int64(time.Since(c.opened)))
	}
	return n, err
}

// silence returns for how long nothing has come. It may be called from
// anywhere.
func (c *heardConn) silence() time.Duration {
	return time.Since(c.opened) - time.Duration(c.heard.Load())
}
