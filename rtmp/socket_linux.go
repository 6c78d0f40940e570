package rtmp

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// notSentLowat bounds what waits in the kernel unsent. Without it megabytes
// of stream hide there, out of reach for whoever would rather drop them.
const notSentLowat = 128 << 10

// tuneSocket prepares a TCP connection for publishing. An old kernel or
// another kind of connection goes on without.
func tuneSocket(c net.Conn) {
	if tc, ok := c.(*net.TCPConn); ok {
		tc.SetNoDelay(true)
	}
	control(c, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentLowat)
	})
}

// kernelAcked returns how many bytes the peer's TCP has acknowledged so far.
func kernelAcked(c net.Conn) (int64, bool) {
	var n int64
	ok := control(c, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = int64(info.Bytes_acked)
		}
		return err
	})
	return n, ok
}

// kernelQueued returns how many bytes our kernel holds that the peer's TCP
// has not acknowledged.
func kernelQueued(c net.Conn) (int64, bool) {
	var n int
	ok := control(c, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return err
	})
	return int64(n), ok
}

// control calls f with the descriptor of c, if it has one, and reports success.
func control(c net.Conn, f func(fd int) error) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var ferr error
	err = rc.Control(func(fd uintptr) { ferr = f(int(fd)) })
	return err == nil && ferr == nil
}
