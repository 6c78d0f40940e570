package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// startServer serves l until the test ends, and checks that it stops.
func startServer(t *testing.T, s *Server, l net.Listener) {
	t.Helper()
	log, _ := newSecretLog(t)
	s.Log = log
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// A recorder is a Sink that keeps what it gets.
type recorder struct {
	mu      sync.Mutex
	publish Publish
	got     []Message
	ended   chan struct{}
	endErr  error
	fail    error // of HandleMessage
}

func (r *recorder) accept(_ context.Context, p Publish) (Sink, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.publish = p
	if r.ended == nil {
		r.ended = make(chan struct{})
	}
	return r, nil
}

func (r *recorder) HandleMessage(m Message) error {
	m.Payload = bytes.Clone(m.Payload)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
	return r.fail
}

func (r *recorder) End(err error) {
	r.endErr = err
	close(r.ended)
}

// wait returns all messages, once the publisher has gone.
func (r *recorder) wait(t *testing.T) []Message {
	t.Helper()
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	if ended == nil {
		t.Fatal("nobody published")
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the publisher did not end")
	}
	return r.got
}

// testMedia crosses every place where timestamps change form, with messages
// of several chunks.
func testMedia() []Message {
	var ms []Message
	for _, at := range []uint32{0, 0xFFFFFF - 20, 1<<31 - 20, 1<<32 - 20} {
		for i := range uint32(4) {
			ms = append(ms,
				Message{Video, at + i*20, 1, seq(70_000 + int(i))},
				Message{Audio, at + i*20 + 7, 1, seq(300)},
				Message{DataAMF0, at + i*20 + 9, 1, []byte{2, 0, 1, 'x'}})
		}
	}
	return ms
}

func TestClientToServer(t *testing.T) {
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	log, _ := newSecretLog(t)
	u := urlOf(t, l, false)
	u.App = "live2?backup=1"
	c, err := Dial(t.Context(), ClientConfig{URL: u, Key: NewStreamKey(testKey), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	want := testMedia()
	for _, m := range want {
		m.StreamID = 99 // the client knows better
		if err := c.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.Stats(); runtime.GOOS == "linux" && !s.UnackedKnown {
		t.Error("no evidence from the kernel")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, sink.wait(t), equateEmpty); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if sink.endErr != nil {
		t.Errorf("ended with %v", sink.endErr)
	}
	if sink.publish.App != u.App || sink.publish.Key != NewStreamKey(testKey) || sink.publish.FlashVer != defaultFlashVer {
		t.Errorf("published %+v", sink.publish)
	}
	if s := c.Stats(); !s.AckSeen || s.BytesAcked > s.ChunkBytes || s.ChunkBytes-s.BytesAcked > clientWindow || s.UnackedKnown {
		t.Errorf("stats at the end: %+v", s)
	}
}

func TestServerRefuses(t *testing.T) {
	for _, tt := range []struct {
		err  error
		kind Kind
		code string
	}{
		{ErrBadName, KindBadName, badName},
		{errors.New("database " + testKey), KindRejected, "NetStream.Publish.Denied"},
	} {
		l := listen(t)
		s := &Server{Handler: func(context.Context, Publish) (Sink, error) { return nil, tt.err }}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- s.Serve(ctx, l) }()
		_, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
		if e := requireError(t, err, tt.kind, PhasePublish); e.Code != tt.code {
			t.Errorf("code %q, want %q", e.Code, tt.code)
		}
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
}

func TestServerSinkFails(t *testing.T) {
	l := listen(t)
	sink := &recorder{fail: errors.New("disk full")}
	startServer(t, &Server{Handler: sink.accept}, l)
	c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	c.WriteMessage(Message{Type: Audio})
	<-c.Done()
	requireError(t, c.Err(), KindClosed, PhaseLive)
	sink.wait(t)
	if !errors.Is(sink.endErr, sink.fail) {
		t.Errorf("ended with %v", sink.endErr)
	}
}

// A vanished publisher is told apart from one that said goodbye.
func TestServerPublisherVanishes(t *testing.T) {
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.raw.Close()
	c.Close(ctx)
	sink.wait(t)
	if sink.endErr == nil {
		t.Error("no reason for the end")
	}
}

func TestServerStops(t *testing.T) {
	l := listen(t)
	sink := &recorder{}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- (&Server{Handler: sink.accept}).Serve(ctx, l) }()
	c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	<-c.Done()
	select {
	case <-sink.ended:
	default:
		t.Error("the sink was not told")
	}

	l = listen(t)
	go func() { stopped <- (&Server{}).Serve(t.Context(), l) }()
	l.Close()
	if err := <-stopped; !errors.Is(err, net.ErrClosed) {
		t.Errorf("listener closed: %v", err)
	}
}

// A pipeListener hands out ends of pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

func TestServerDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		sink := &recorder{}
		startServer(t, &Server{Handler: sink.accept, MaxConns: 2}, l)

		// Says nothing.
		start := time.Now()
		io.Copy(io.Discard, l.dial())
		if got := time.Since(start); got != defaultSetupTimeout {
			t.Errorf("silent client closed after %v", got)
		}
		// Says little, often.
		start = time.Now()
		nc := l.dial()
		for {
			if _, err := nc.Write([]byte{3}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if got := time.Since(start); got > defaultSetupTimeout+time.Second {
			t.Errorf("trickling client closed after %v", got)
		}
		// Publishes, then falls silent.
		cfg := pipeConfig(t, nil)
		cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return l.dial(), nil }
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		// One more may wait; the third is one too many.
		second := l.dial()
		if _, err := l.dial().Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("third connection: %v", err)
		}
		second.Close()
		<-c.Done()
		if got := time.Since(start); got != defaultIdleTimeout {
			t.Errorf("idle publisher closed after %v", got)
		}
		c.Close(t.Context())
		sink.wait(t)
		if !errors.Is(sink.endErr, os.ErrDeadlineExceeded) {
			t.Errorf("ended with %v", sink.endErr)
		}
	})
}

// A rawClient talks to a Server by hand.
type rawClient struct {
	t *testing.T
	*wire
	nc net.Conn
}

func dialRaw(t *testing.T, l net.Listener) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	br := newReader(nc)
	if err := clientHandshake(br, nc); err != nil {
		t.Fatal(err)
	}
	return &rawClient{t, newWire(br, nc, 0, serverWindow, orDiscard(nil)), nc}
}

func (c *rawClient) command(streamID uint32, values ...any) {
	c.t.Helper()
	m, err := commandMessage(streamID, values...)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.Write(m); err != nil {
		c.t.Fatal(err)
	}
}

// expect returns the next command, which must have that name and code.
func (c *rawClient) expect(name, code string) command {
	c.t.Helper()
	for {
		m, err := c.Read()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", name, err)
		}
		if m.Type != CommandAMF0 {
			continue
		}
		cmd, err := parseCommand(m)
		if err != nil {
			c.t.Fatal(err)
		}
		if _, got, _ := cmd.info(); cmd.Name != name || got != code {
			c.t.Fatalf("got %s %s, want %s %s", cmd.Name, got, name, code)
		}
		return cmd
	}
}

// What FMLE and its likes say, publishing twice on one connection, by AMF3,
// with an aggregate message and things nobody knows.
func TestServerDialogue(t *testing.T) {
	l := listen(t)
	sinks := make(chan *recorder, 2)
	startServer(t, &Server{Handler: func(ctx context.Context, p Publish) (Sink, error) {
		r := &recorder{}
		sinks <- r
		return r.accept(ctx, p)
	}}, l)
	c := dialRaw(t, l)
	c.command(0, "connect", 1, map[string]any{"app": "live", "flashVer": "FMLE\x1b[31m", "objectEncoding": 3})
	c.expect("_result", "NetConnection.Connect.Success")
	c.command(0, "releaseStream", 2, nil, "one")
	c.expect("_result", "")
	c.command(0, "FCPublish", 3, nil, "one")
	c.expect("_result", "")
	c.command(0, "nonsense", 3, nil)
	c.command(0, "createStream", 4, nil)
	if id := c.expect("_result", "").arg(1); id != 1.0 {
		t.Errorf("stream %v", id)
	}
	c.Write(Message{Type: Audio, StreamID: 1, Payload: []byte("too early")})
	publish, _ := commandMessage(1, "publish", 5, nil, "one", "live")
	publish.Type, publish.Payload = CommandAMF3, append([]byte{0}, publish.Payload...)
	c.Write(publish)
	c.expect("onFCPublish", publishStart)
	c.expect("onStatus", publishStart)
	c.command(0, "_checkbw", 6, nil)
	c.expect("_result", "")

	tag := func(typ byte, at uint32, body string) string {
		n := len(body)
		return string([]byte{typ, 0, 0, byte(n), byte(at >> 16), byte(at >> 8), byte(at), byte(at >> 24), 0, 0, 0}) + body + "\x00\x00\x00\x00"
	}
	c.Write(Message{Type: Aggregate, Timestamp: 1000, StreamID: 1, Payload: []byte(
		tag(8, 0x01000005, "a") + tag(9, 0x01000009, "vv") + tag(77, 0x01000009, "?"))})
	c.command(1, "deleteStream", 7, nil, 1)
	c.expect("onStatus", unpublishSuccess)
	first := <-sinks
	want := []Message{{Audio, 1000, 1, []byte("a")}, {Video, 1004, 1, []byte("vv")}}
	if diff := cmp.Diff(want, first.wait(t), equateEmpty); diff != "" {
		t.Errorf("aggregate (-want +got):\n%s", diff)
	}
	if first.endErr != nil || first.publish.FlashVer != "FMLE [31m" || first.publish.App != "live" {
		t.Errorf("%v, %+v", first.endErr, first.publish)
	}

	c.command(2, "publish", 8, nil, "two", "live")
	c.expect("onFCPublish", publishStart)
	c.expect("onStatus", publishStart)
	c.Write(Message{Type: UserControl, Payload: []byte{0, userPingRequest, 1, 2, 3, 4}})
	c.command(3, "publish", 9, nil, "three", "live") // only one at a time
	c.expect("onStatus", badName)
	if _, err := c.Read(); err != io.EOF {
		t.Errorf("after the refusal: %v", err)
	}
	if second := <-sinks; second.wait(t) == nil && second.endErr == nil {
		t.Error("no reason for the second's end")
	}
	c.nc.Close()
}

// Who is refused learns so even with media on the way, which an early close
// would answer by a reset; and has lingerTime to leave.
func TestServerRefusalArrives(t *testing.T) {
	refuse := func(context.Context, Publish) (Sink, error) { return nil, errors.New("no") }
	l := listen(t)
	startServer(t, &Server{Handler: refuse}, l)
	for range 20 {
		c := dialRaw(t, l)
		c.command(0, "connect", 1, nil)
		c.expect("_result", "NetConnection.Connect.Success")
		publish, err := commandMessage(1, "publish", 2, nil, "key", "live")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.WriteAll(publish, Message{Type: Video, StreamID: 1, Payload: make([]byte, 60_000)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // for a reset to overtake the answer
		c.expect("onStatus", "NetStream.Publish.Denied")
		if _, err := c.Read(); err != io.EOF {
			t.Fatalf("after the refusal: %v", err)
		}
		c.nc.Close()
	}

	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		startServer(t, &Server{Handler: refuse}, l)
		nc := l.dial()
		br := newReader(nc)
		if err := clientHandshake(br, nc); err != nil {
			t.Fatal(err)
		}
		c := &rawClient{t, newWire(br, nc, 0, serverWindow, orDiscard(nil)), nc}
		c.command(0, "connect", 1, nil)
		c.expect("_result", "NetConnection.Connect.Success")
		c.command(1, "publish", 2, nil, "key", "live")
		c.expect("onStatus", "NetStream.Publish.Denied")
		start := time.Now()
		if _, err := c.Read(); err != io.EOF || time.Since(start) != lingerTime {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		nc.Close()
	})
}

// FCUnpublish is goodbye enough for those who hang up after it.
func TestServerFCUnpublish(t *testing.T) {
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	c := dialRaw(t, l)
	c.command(0, "connect", 1, nil)
	c.expect("_result", "NetConnection.Connect.Success")
	c.command(1, "publish", 2, nil, "key", "live")
	c.expect("onStatus", publishStart)
	c.command(0, "FCUnpublish", 3, nil, "key")
	c.expect("_result", "")
	c.nc.Close()
	if sink.wait(t); sink.endErr != nil {
		t.Errorf("ended with %v", sink.endErr)
	}
}

func TestServerNeedsConnect(t *testing.T) {
	l := listen(t)
	startServer(t, &Server{}, l) // a Handler would be called
	for _, name := range []string{"publish", "createStream"} {
		c := dialRaw(t, l)
		c.command(0, name, 1, nil, "key", "live")
		if _, err := c.Read(); err == nil {
			t.Errorf("%s without connect was answered", name)
		}
		c.nc.Close()
	}
	for _, key := range []any{nil, "", 5, strings.Repeat("x", maxKeyLen+1)} {
		c := dialRaw(t, l)
		c.command(0, "connect", 1, nil)
		c.expect("_result", "NetConnection.Connect.Success")
		c.command(1, "publish", math.NaN(), nil, key)
		c.expect("onStatus", badName)
		c.nc.Close()
	}
}

// A scriptConn reads from a slice and writes to nowhere.
type scriptConn struct {
	net.Conn
	in *bytes.Reader
}

func (c scriptConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c scriptConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c scriptConn) Close() error                     { return nil }
func (c scriptConn) SetReadDeadline(time.Time) error  { return nil }
func (c scriptConn) SetWriteDeadline(time.Time) error { return nil }
func (c scriptConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// Connections leave no descriptor behind, nor goroutines (TestMain).
func TestNoLeaks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are counted in /proc/self/fd, which only Linux has")
	}
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(d)
	}
	l := listen(t)
	startServer(t, &Server{Handler: func(context.Context, Publish) (Sink, error) { return &recorder{ended: make(chan struct{})}, nil }}, l)
	round := func() {
		c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
		if err != nil {
			t.Fatal(err)
		}
		c.WriteMessage(Message{Type: Video, Payload: seq(1000)})
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		// And one that fails.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Dial(ctx, ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)}); err == nil {
			t.Fatal("dialed in vain")
		}
	}
	round()
	before := count()
	for range 50 {
		round()
	}
	// The server closes its side in its own time.
	for range 100 {
		if count() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d descriptors, %d before", count(), before)
}
