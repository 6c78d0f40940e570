package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// smallBuffer is what the kernel may hold of a session that is not read from.
// Left alone it takes 6 MB, 12 s of stream, and a stall of 10 s would reach no
// encoder. (Linux doubles it, for its own use.)
const smallBuffer = 32 << 10

// Listen opens an ingest's port at addr, host:port, for the faults f. An error
// says what to do about it.
func Listen(ctx context.Context, addr string, f Faults) (net.Listener, error) {
	if f.Refuse {
		l, err := reserve(addr)
		if err != nil {
			return nil, listenError(addr, err)
		}
		return l, nil
	}
	var lc net.ListenConfig
	if f.Slow > 0 || f.Stall > 0 {
		lc.Control = func(_, _ string, c syscall.RawConn) (err error) {
			if cerr := c.Control(func(fd uintptr) { err = setReceiveBuffer(fd, smallBuffer) }); cerr != nil {
				return cerr
			}
			return err
		}
	}
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, listenError(addr, err)
	}
	return l, nil
}

func listenError(addr string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err // without the address once more
	}
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; another program listens there, perhaps another ingest: end it, or choose another port with --listen"
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 need privileges: choose a higher one with --listen, such as 1935"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; this machine has no such address: use one that it has, or 0.0.0.0 for all of them"
	}
	return fmt.Errorf("listen on %s: %w%s", addr, err, hint)
}

// A closedPort is a port that is kept from others, and refuses connections.
type closedPort struct {
	addr  net.Addr
	close func() error

	once sync.Once
	done chan struct{}
}

func newClosedPort(addr net.Addr, close func() error) *closedPort {
	return &closedPort{addr: addr, close: close, done: make(chan struct{})}
}

// Accept waits for Close: nobody comes.
func (p *closedPort) Accept() (net.Conn, error) {
	<-p.done
	return nil, net.ErrClosed
}

func (p *closedPort) Addr() net.Addr { return p.addr }

func (p *closedPort) Close() (err error) {
	p.once.Do(func() {
		close(p.done)
		err = p.close()
	})
	return err
}
