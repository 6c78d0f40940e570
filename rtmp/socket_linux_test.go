package rtmp

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// narrowPipe returns a tuned TCP connection whose reader has a small buffer.
func narrowPipe(t *testing.T) (w, r *net.TCPConn) {
	t.Helper()
	l := listen(t)
	accepted := make(chan net.Conn)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- nc
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w, r = nc.(*net.TCPConn), (<-accepted).(*net.TCPConn)
	t.Cleanup(func() { w.Close(); r.Close() })
	tuneSocket(w)
	r.SetReadBuffer(16 << 10)
	return w, r
}

// A full socket wakes its writer only when a good part of it is free. On a
// narrow uplink that takes longer than the write timeout: what the peer's TCP
// acknowledged meanwhile must count. Real time, since it is the kernel's.
func TestKernelProgress(t *testing.T) {
	w, r := narrowPipe(t)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 8<<10); ; {
			select {
			case <-stop:
				return
			case <-time.After(60 * time.Millisecond):
			}
			if _, err := io.ReadFull(r, buf); err != nil {
				return
			}
		}
	}()
	c := &progressConn{Conn: w, stall: 400 * time.Millisecond}
	start := time.Now()
	n, err := c.Write(make([]byte, 400<<10))
	t.Logf("%d bytes in %v", n, time.Since(start))
	if err != nil {
		t.Errorf("a path that moves stalled: %v", err)
	}
	close(stop) // the peer hangs, and its buffer fills
	<-done
	if q, ok := kernelQueued(w); !ok || q == 0 {
		t.Errorf("queued %d, %v", q, ok)
	}
	start = time.Now()
	for err == nil {
		_, err = c.Write(make([]byte, 64<<10))
	}
	t.Logf("stalled after %v", time.Since(start))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// What our kernel holds unsent stays near notSentLowat.
func TestNotSentLowat(t *testing.T) {
	w, _ := narrowPipe(t)
	w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	total := 0
	for err := error(nil); err == nil; {
		var n int
		n, err = w.Write(make([]byte, 16<<10))
		total += n
	}
	if total > 3*notSentLowat {
		t.Errorf("the kernel took %d bytes for a peer that does not read", total)
	}
}

func TestDialTunes(t *testing.T) {
	l := listen(t)
	startServer(t, &Server{Handler: (&recorder{}).accept}, l)
	c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var lowat int
	control(c.raw.Conn, func(fd int) (err error) {
		lowat, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
		return err
	})
	if lowat != notSentLowat {
		t.Errorf("TCP_NOTSENT_LOWAT is %d", lowat)
	}
}
