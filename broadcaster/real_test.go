package broadcaster

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/rtmp"
)

// muteListener makes an ingest that falls silent after so many writes.
type muteListener struct {
	net.Listener
	writes atomic.Int32 // that a connection gets through with; below 0: all

	mu    sync.Mutex
	conns []net.Conn
}

func (l *muteListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &muteConn{Conn: nc, left: l.writes.Load()}
	l.mu.Lock()
	l.conns = append(l.conns, nc)
	l.mu.Unlock()
	return c, nil
}

// cut ends all connections, as a power cut of the ingest does.
func (l *muteListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, nc := range l.conns {
		_ = nc.Close()
	}
	l.conns = nil
}

type muteConn struct {
	net.Conn
	left int32 // of the server's goroutine
}

func (c *muteConn) Write(b []byte) (int, error) {
	if c.left == 0 {
		return len(b), nil // it is never heard
	}
	c.left--
	return c.Conn.Write(b)
}

type noSink struct{}

func (noSink) HandleMessage(rtmp.Message) error { return nil }
func (noSink) End(error)                        {}

// A peer that falls silent in whatever phase is named within the phase's
// deadline, and when it speaks again the broadcast is back within one wait;
// after all of that nothing is left behind.
func TestSilenceInEachPhaseAndRecovery(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &muteListener{Listener: inner}
	l.writes.Store(-1)
	server := &rtmp.Server{Handler: func(context.Context, rtmp.Publish) (rtmp.Sink, error) { return noSink{}, nil }}
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	g.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	defer g.Wait()
	defer cancel()

	const limit = 200 * time.Millisecond
	cfg := DestinationConfig{Name: "test", URL: "rtmp://" + l.Addr().String() + "/live2", KeyEnv: "X"}
	log, _ := logtest.NewNullLogger()
	dial, err := NewDialer(cfg, rtmp.Timeouts{DNS: limit, Dial: limit, TLS: limit, Handshake: limit, Command: limit, Write: time.Second}, log)
	if err != nil {
		t.Fatal(err)
	}
	hub := NewHub()
	d := NewDestination(cfg, Config{
		MaxLatency: 4 * time.Second,
		Backoff:    BackoffConfig{Initial: 20 * time.Millisecond, Max: 50 * time.Millisecond, RejectedMax: time.Second},
	}, hub, dial, log)
	d.key = func() (rtmp.StreamKey, error) { return rtmp.NewStreamKey("key"), nil }
	g.Go(func() { _ = d.Run(ctx) })
	g.Go(func() { film(ctx, hub) })

	until := func(what string, ok func(DestinationStatus) bool) DestinationStatus {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if st := d.Status(); ok(st) {
				return st
			}
		}
		t.Fatalf("not %s within 10 s: %+v", what, d.Status())
		panic("unreachable")
	}
	onAir := func(st DestinationStatus) bool { return st.State == StateOnAir }
	until("on air", onAir)
	goroutines := runtime.NumGoroutine()

	phases := map[string]bool{}
	for writes := int32(0); ; writes++ {
		sessions := d.Status().Sessions
		l.writes.Store(writes)
		l.cut()
		// Either it is named, or so many writes are enough for a session.
		st := until("named", func(st DestinationStatus) bool {
			return strings.Contains(st.Cause, "no answer within") || onAir(st) && st.Sessions > sessions
		})
		if onAir(st) {
			break
		}
		if st.State != StateRetrying {
			t.Errorf("after %d writes: %+v", writes, st)
		}
		phase, _, _ := strings.Cut(st.Cause, " ")
		phases[phase] = true
		l.writes.Store(-1)
		l.cut()
		until("on air again", onAir)
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines after silence in phase %s, %d before", runtime.NumGoroutine(), phase, goroutines)
			}
		}
	}
	if len(phases) < 4 { // handshake, connect, createStream, publish
		t.Errorf("fell silent only in %v", phases)
	}
}
