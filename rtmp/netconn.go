package rtmp

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// A progressConn is a net.Conn whose Write fails only when no byte has moved
// for a time, however long all of them take: a narrow uplink is not a dead
// one. It belongs below TLS, whose sessions do not survive a write that timed
// out. Write sets the deadline by itself; SetWriteDeadline has no effect on it.
type progressConn struct {
	net.Conn
	stall   time.Duration // for which no byte may move
	written atomic.Int64
}

// progressSlices is how often within stall a blocked Write looks for
// progress: it fails up to one slice after stall.
const progressSlices = 4

func (c *progressConn) Write(p []byte) (int, error) {
	moved := time.Now()
	acked := int64(-1) // not looked at: that costs a system call
	for total := 0; ; {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.stall / progressSlices)); err != nil {
			return total, err
		}
		n, err := c.Conn.Write(p[total:])
		total += n
		c.written.Add(int64(n))
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return total, err
		}
		if n > 0 {
			moved = time.Now()
		}
		// A full socket takes no byte before a third of its buffer is free;
		// that can be long on a narrow uplink that does move.
		if a, ok := kernelAcked(c.Conn); ok && a != acked {
			if acked >= 0 {
				moved = time.Now()
			}
			acked = a
		}
		if time.Since(moved) >= c.stall {
			return total, err
		}
	}
}

// CloseWrite ends our direction of a TCP connection.
func (c *progressConn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return nil
}
