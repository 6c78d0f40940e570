package ingest

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"

	"venuecast/rtmp"
)

// A watchedListener hands on connections that tell why nobody published on
// them: an encoder's own words for that are few.
type watchedListener struct {
	net.Listener
	ingest *Ingest
}

func (l *watchedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &watchedConn{Conn: nc, raw: nc, ingest: l.ingest}
	if config := l.ingest.cfg.TLS; config != nil {
		c.Conn = tls.Server(nc, config)
	}
	l.ingest.mu.Lock()
	l.ingest.conns[nc.RemoteAddr().String()] = c
	l.ingest.mu.Unlock()
	return c, nil
}

// A watchedConn is a connection, or TLS upon one. Its reader owns the fields.
type watchedConn struct {
	net.Conn
	raw    net.Conn // below TLS
	ingest *Ingest

	begun bool   // something has been read
	told  bool   // what it came to has been told; guarded by ingest.mu
	why   string // it came to nothing, as far as is known; likewise
}

// Begins of what other protocols say first.
const (
	beginTLS  = 0x16 // a handshake record [RFC 8446, 5.1]
	beginRTMP = 3
)

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.begun {
		return n, err
	}
	why := ""
	var record tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case n > 0 && p[0] == beginTLS:
		why = "it speaks TLS, and this ingest does not: use rtmp:// in its URL, or start the ingest with --self-signed"
	case n > 0 && (p[0] >= 'A' && p[0] <= 'Z'):
		why = "it speaks HTTP, not RTMP"
	case n > 0 && p[0] != beginRTMP:
		why = "it speaks something else than RTMP"
	case errors.As(err, &record):
		why = "it does not speak TLS, and this ingest does: use rtmps:// in its URL"
	case errors.As(err, &alert) && alert.Op == "remote error":
		why = "it does not trust this ingest's certificate (" + printable(alert.Err.Error(), rtmp.StreamKey{}, maxWhyShown) + "): install the authority's, or correct the host in its URL"
	}
	c.begun = n > 0
	if why != "" {
		c.ingest.mu.Lock()
		c.why = why
		c.ingest.mu.Unlock()
	}
	return n, err
}

func (c *watchedConn) Close() error {
	in := c.ingest
	in.mu.Lock()
	addr := c.raw.RemoteAddr().String()
	if in.conns[addr] == c {
		delete(in.conns, addr)
	}
	tell, why := !c.told && in.ctx.Err() == nil, c.why
	c.told = true
	in.mu.Unlock()
	if tell {
		if why == "" {
			why = "no session came of it: it left too early"
			if c.ingest.cfg.TLS != nil {
				why += ", or it does not trust this ingest's certificate"
			}
		}
		in.refused(Session{Remote: addr}, why)
	}
	return c.Conn.Close()
}

// named notes that somebody wants to publish on a connection: from then on
// there is more to tell than its end.
func (in *Ingest) named(addr net.Addr) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c := in.conns[addr.String()]; c != nil {
		c.told = true
	}
}

// CloseWrite ends our direction of the connection.
func (c *watchedConn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}

// SyscallConn is that of the connection below TLS.
func (c *watchedConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.raw.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// NetConn is the connection below TLS.
func (c *watchedConn) NetConn() net.Conn { return c.raw }
