package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever trickles bytes is closed on, wherever the session stands: in time
// for SetupTimeout until it publishes, and for IdleTimeout after.
func TestServerSlowLoris(t *testing.T) {
	s := recordSession(t, []Message{{Type: Video, Payload: make([]byte, 10_000)}})
	cuts := map[string]int{
		"nothing": 0, "version": 1, "half of C1": 700, "C1": 1 + signatureSize, "half of C2": 2000, "handshake": handshakeSize,
		"half of connect": handshakeSize + 100, "in publish": s.published - 20,
		"published": s.published, "in a message": s.published + 50,
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipeListener()
				sink := &recorder{}
				startServer(t, &Server{Handler: sink.accept}, l)
				nc := l.dial()
				go io.Copy(io.Discard, nc)
				if _, err := nc.Write(s.client[:cut]); err != nil {
					t.Fatal(err)
				}
				start, limit := time.Now(), defaultSetupTimeout
				if cut >= s.published {
					limit = defaultIdleTimeout
				}
				var err error
				for i := cut; err == nil && i < len(s.client); i++ {
					time.Sleep(time.Second)
					// Still short of what completes this phase.
					_, err = nc.Write(s.client[i : i+1])
				}
				if got := time.Since(start); err == nil || got < limit || got > limit+time.Second {
					t.Errorf("closed after %v (%v), want %v", got, err, limit)
				}
				if cut >= s.published {
					sink.wait(t)
					if !errors.Is(sink.endErr, os.ErrDeadlineExceeded) {
						t.Errorf("ended with %v", sink.endErr)
					}
				}
				nc.Close()
			})
		})
	}
}

// Control messages are no sign of a broadcast, however many.
func TestServerControlOnly(t *testing.T) {
	s := recordSession(t, nil)
	for _, published := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipeListener()
			sink := &recorder{}
			startServer(t, &Server{Handler: sink.accept}, l)
			nc := l.dial()
			defer nc.Close()
			go io.Copy(io.Discard, nc)
			cut, limit := handshakeSize, defaultSetupTimeout
			if published {
				cut, limit = s.published, defaultIdleTimeout
			}
			nc.Write(s.client[:cut])
			start := time.Now()
			w := newChunkWriter(nc)
			for err := error(nil); err == nil; {
				time.Sleep(100 * time.Millisecond)
				err = w.WriteMessage(Message{Type: UserControl, Payload: []byte{0, userPingRequest, 0, 0, 0, 0}})
			}
			if got := time.Since(start); got < limit || got > limit+time.Second {
				t.Errorf("published %v: closed after %v, want %v", published, got, limit)
			}
		})
	}
}

// A client that reads nothing cannot hold us in a write.
func TestServerUnreadAnswers(t *testing.T) {
	ping := Message{Type: UserControl, Payload: []byte{0, userPingRequest, 0, 0, 0, 0}}
	const stalled = DefaultTimeout + DefaultTimeout/progressSlices
	s := recordSession(t, nil)
	for _, tt := range []struct {
		name string
		read int // bytes
		then []Message
	}{
		{"handshake", 0, []Message{ping}},
		{"pings", s.started, []Message{ping}},
		{"acknowledgements", s.started, []Message{uint32Message(WindowAckSize, 1), {Type: Video, StreamID: 1, Payload: seq(100)}}},
		{"bandwidth", s.started, []Message{{Type: SetPeerBandwidth, Payload: []byte{0, 0, 0, 1, 0}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipeListener()
				sink := &recorder{}
				startServer(t, &Server{Handler: sink.accept}, l)
				nc := l.dial()
				defer nc.Close()
				go io.CopyN(io.Discard, nc, int64(tt.read))
				nc.Write(s.client[:handshakeSize]) // on a pipe, whatever is answered has to be read
				if tt.read > 0 {
					nc.Write(s.client[handshakeSize:s.published])
				}
				start := time.Now()
				w := newChunkWriter(nc)
				err := error(nil)
				for err == nil {
					for _, m := range tt.then {
						if err = w.WriteMessage(m); err != nil {
							break
						}
					}
				}
				if got := time.Since(start); got > stalled {
					t.Errorf("closed after %v, want %v", got, stalled)
				}
				if tt.read > 0 {
					sink.wait(t)
					if !errors.Is(sink.endErr, os.ErrDeadlineExceeded) {
						t.Errorf("ended with %v", sink.endErr)
					}
				}
			})
		})
	}
}

// An attack is a stream of bytes whose end notes what memory is held.
type attack struct {
	scriptConn
	in   io.Reader
	held uint64
}

func (a *attack) Read(p []byte) (int, error) {
	n, err := a.in.Read(p)
	if err == io.EOF {
		a.held = heap()
	}
	return n, err
}

func (a *attack) Close() error { // where the server gave up
	a.held = max(a.held, heap())
	return nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A lasting reads as next returns, until that is nil.
type lasting struct {
	next func() []byte
	rest []byte
}

func (l *lasting) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.rest = l.next(); l.rest == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

type discardSink struct{}

func (discardSink) HandleMessage(Message) error { return nil }
func (discardSink) End(error)                   {}

// No client makes the server hold more than it may, or panic.
func TestServerBounds(t *testing.T) {
	chunks := func(ms ...Message) []byte {
		var buf bytes.Buffer
		w := newChunkWriter(&buf)
		for _, m := range ms {
			w.WriteMessage(m)
		}
		return buf.Bytes()
	}
	commands := func(values ...[]any) []byte {
		var ms []Message
		for _, v := range values {
			m, err := commandMessage(1, v...)
			if err != nil {
				t.Fatal(err)
			}
			ms = append(ms, m)
		}
		return chunks(ms...)
	}
	connect := commands([]any{"connect", 1, map[string]any{"app": "live"}})
	publish := commands([]any{"connect", 1, map[string]any{"app": "live"}}, []any{"publish", 2, nil, "key", "live"})
	// start is a format 0 header, and payload behind it.
	start := func(csid uint32, typ MessageType, length, payload int) []byte {
		b := appendBasicHeader(nil, 0, csid)
		b = append(b, 0, 0, 0, byte(length>>16), byte(length>>8), byte(length), byte(typ), 1, 0, 0, 0)
		return append(b, make([]byte, payload)...)
	}
	times := func(n int, b func(i int) []byte) io.Reader {
		i := -1
		return &lasting{next: func() []byte {
			if i++; i == n {
				return nil
			}
			return b(i)
		}}
	}
	always := func(n int, b []byte) io.Reader { return times(n, func(int) []byte { return b }) }
	bomb := func(value string) []byte { // a connect with a command object of that
		return chunks(Message{Type: CommandAMF0, Payload: append([]byte("\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"), value...)})
	}
	many := strings.Repeat("\x03\x00\x01a\x05\x00\x00\x09", maxCommandSize/8-10)
	const mib = 1 << 20
	const limit = mib // of a message, in this test
	tests := []struct {
		name string
		in   io.Reader
		held int // at most, in bytes
	}{
		{"stranger announces much on many chunk streams", io.MultiReader(bytes.NewReader(connect),
			times(60, func(i int) []byte { return start(10+uint32(i), Video, setupMessageSize, 128) })), mib},
		{"stranger announces too much", io.MultiReader(bytes.NewReader(connect), bytes.NewReader(start(6, Video, setupMessageSize+1, 128))), mib},
		{"stranger fills every chunk stream", io.MultiReader(bytes.NewReader(connect), bytes.NewReader(chunks(uint32Message(SetChunkSize, setupMessageSize))),
			times(600, func(i int) []byte { return start(10+uint32(i)%60, Video, setupMessageSize, setupMessageSize) })), 6 * mib},
		{"stranger half fills every chunk stream", io.MultiReader(bytes.NewReader(connect), bytes.NewReader(chunks(uint32Message(SetChunkSize, setupMessageSize/2))),
			times(60, func(i int) []byte { return start(10+uint32(i), Video, setupMessageSize, setupMessageSize/2) })), mib},
		{"publisher announces much on many chunk streams", io.MultiReader(bytes.NewReader(publish),
			times(60, func(i int) []byte { return start(10+uint32(i), Video, limit, 128) })), mib},
		{"publisher half fills every chunk stream", io.MultiReader(bytes.NewReader(publish), bytes.NewReader(chunks(uint32Message(SetChunkSize, limit/2))),
			times(60, func(i int) []byte { return start(10+uint32(i), Video, limit, limit/2) })), 3 * limit},
		{"publisher fills every chunk stream", io.MultiReader(bytes.NewReader(publish), bytes.NewReader(chunks(uint32Message(SetChunkSize, limit))),
			times(61, func(i int) []byte { return start(10+uint32(i)%60, Video, limit, limit) })), 2 * limit},
		{"ever more chunk streams", io.MultiReader(bytes.NewReader(publish), times(60_000, func(i int) []byte { return start(64+uint32(i), Audio, 0, 0) })), mib},
		{"createStream", io.MultiReader(bytes.NewReader(connect), always(5_000, commands([]any{"createStream", 2, nil}))), mib},
		{"connect", io.MultiReader(always(5_000, connect)), mib},
		{"FCPublish", io.MultiReader(bytes.NewReader(connect), always(5_000, commands([]any{"FCPublish", 2, nil, "key"}))), mib},
		{"publish and delete", io.MultiReader(bytes.NewReader(connect), times(3_000, func(i int) []byte {
			return commands([]any{"publish", 2, nil, fmt.Sprint("key", i), "live"}, []any{"deleteStream", 3, nil, 1})
		})), mib},
		{"nothing at length", io.MultiReader(bytes.NewReader(publish), always(50_000, start(4, Audio, 0, 0))), mib},
		{"nothing of every type", io.MultiReader(bytes.NewReader(publish), times(50_000, func(i int) []byte { return start(4, MessageType(i), 0, 0) })), mib},
		{"one byte of every type", io.MultiReader(bytes.NewReader(publish), times(50_000, func(i int) []byte { return start(4, MessageType(i), 1, 1) })), mib},
		{"chunks of one byte", io.MultiReader(bytes.NewReader(publish), bytes.NewReader(chunks(uint32Message(SetChunkSize, 1))),
			bytes.NewReader(start(6, Video, limit, 1)), always(limit/4, []byte{3<<6 | 6, 0})), 2 * limit},
		{"chunk sizes", io.MultiReader(bytes.NewReader(publish), times(20_000, func(i int) []byte { return chunks(uint32Message(SetChunkSize, uint32(i)+4)) })), mib},
		{"aborts", io.MultiReader(bytes.NewReader(publish), times(20_000, func(i int) []byte {
			return append(start(6, Video, limit, 128), chunks(uint32Message(Abort, 6))...)
		})), mib},
		{"pings", io.MultiReader(bytes.NewReader(publish), always(20_000, chunks(Message{Type: UserControl, Payload: []byte{0, userPingRequest, 0, 0, 0, 0}}))), mib},
		{"windows", io.MultiReader(bytes.NewReader(publish), times(20_000, func(i int) []byte {
			return chunks(uint32Message(WindowAckSize, uint32(i)), uint32Message(Ack, uint32(i)*1e6), uint32Message(SetPeerBandwidth, uint32(i)))
		})), mib},
		{"AMF3", io.MultiReader(bytes.NewReader(connect), always(10_000, chunks(Message{Type: CommandAMF3, Payload: []byte("\x11\x09\x81\xff\xff\xff\x0a")}))), mib},
		{"many values", io.MultiReader(always(200, bomb("\x0a\x00\x00\xff\xff"+many))), mib},
		{"many objects in an object", io.MultiReader(always(200, bomb("\x03"+strings.Repeat("\x00\x01a\x03", 16_000)))), mib},
		{"an array of four billion", io.MultiReader(always(200, bomb("\x0a\xff\xff\xff\xff"+strings.Repeat("\x05", 60_000)))), mib},
		{"a string of four gigabytes", io.MultiReader(always(200, bomb("\x0c\xff\xff\xff\xff"))), mib},
		{"a long name", bytes.NewReader(commands([]any{strings.Repeat("x", 60_000), 1}, []any{"connect", 1, nil})), mib},
		{"a long app", bytes.NewReader(commands([]any{"connect", 1, map[string]any{"app": strings.Repeat("x", 60_000)}})), mib},
		{"a long key", io.MultiReader(bytes.NewReader(connect), bytes.NewReader(commands([]any{"publish", 2, nil, strings.Repeat("x", 60_000), "live"}))), mib},
		{"an aggregate of nothings", io.MultiReader(bytes.NewReader(publish), always(4, chunks(Message{Type: Aggregate, StreamID: 1, Payload: bytes.Repeat([]byte("\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), limit/15)}))), limit + mib},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := heap()
			a := &attack{in: io.MultiReader(bytes.NewReader(append([]byte{3}, make([]byte, handshakeSize-1)...)), tt.in)}
			s := &Server{MaxMessageSize: limit, Handler: func(context.Context, Publish) (Sink, error) { return discardSink{}, nil }}
			s.serveConn(t.Context(), a, orDiscard(nil))
			if held := int(int64(a.held) - int64(before)); held > tt.held {
				t.Errorf("%d bytes held, at most %d wanted", held, tt.held)
			}
			if len(s.lives) != 0 {
				t.Errorf("%d publishers left", len(s.lives))
			}
		})
	}
}

// A crowd takes no more than MaxConns places, does a publisher no harm, and
// leaves the places as it found them.
func TestServerCrowd(t *testing.T) {
	l := listen(t)
	startServer(t, &Server{MaxConns: 4, SetupTimeout: 500 * time.Millisecond,
		Handler: func(context.Context, Publish) (Sink, error) { return discardSink{}, nil }}, l)
	cfg := ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)}
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var crowd []net.Conn
	closed := 0
	for range 100 {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		crowd = append(crowd, nc)
		if err := c.WriteMessage(Message{Type: Video, Payload: seq(1000)}); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	for _, nc := range crowd {
		nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := nc.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			closed++
		}
	}
	if want := 100 - 3; closed != want {
		t.Errorf("%d of the crowd closed at once, want %d", closed, want)
	}
	cfg.URL.App = "another"
	for { // until SetupTimeout has made room
		c2, err := Dial(t.Context(), cfg)
		if err == nil {
			c2.Close(t.Context())
			break
		}
		if time.Since(start) > 5*time.Second {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two ends that want an acknowledgement of each byte do not acknowledge each
// other's acknowledgements for ever.
func TestTinyWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		sink := &recorder{}
		startServer(t, &Server{Handler: sink.accept, Window: 1}, l)
		tee := &teeConn{Conn: newElastic(l.dial())}
		br := newReader(tee)
		if err := clientHandshake(br, tee); err != nil {
			t.Fatal(err)
		}
		c := &rawClient{t, newWire(br, tee, 0, 1, orDiscard(nil)), tee}
		c.command(0, "connect", 1, nil)
		c.expect("_result", "NetConnection.Connect.Success")
		c.Write(uint32Message(WindowAckSize, 1))
		c.command(1, "publish", 2, nil, "key", "live")
		c.expect("onStatus", publishStart)
		for i := range uint32(10) {
			c.Write(Message{Type: Audio, Timestamp: i, StreamID: 1, Payload: seq(20)})
		}
		c.command(1, "deleteStream", 3, nil, 1)
		c.expect("onStatus", unpublishSuccess)
		// Nothing more comes: this returns by the server's deadline, and would
		// not before while there is chatter.
		start := time.Now()
		if _, err := c.Read(); err != io.EOF || time.Since(start) != defaultSetupTimeout {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		tee.Close()
		if got := sink.wait(t); len(got) != 10 {
			t.Errorf("%d messages", len(got))
		}
		announced, acks := map[MessageType]uint32{}, 0
		for _, m := range readAll(t, newChunkReader(newReader(bytes.NewReader(tee.received.Bytes()[handshakeSize:])), 0)) {
			switch m.Type {
			case WindowAckSize, SetPeerBandwidth:
				announced[m.Type] = binary.BigEndian.Uint32(m.Payload)
			case Ack:
				acks++
			}
		}
		if announced[WindowAckSize] != 1 || announced[SetPeerBandwidth] != 1 {
			t.Errorf("announced %v", announced)
		}
		if acks < 12 || acks > 20 {
			t.Errorf("%d acknowledgements of 13 messages", acks)
		}
	})
}

func TestServerNoAcks(t *testing.T) {
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept, NoAcks: true}, l)
	c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.WriteMessage(Message{Type: Video, Payload: make([]byte, 2*clientWindow)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := sink.wait(t); len(got) != 3 {
		t.Errorf("%d messages", len(got))
	}
	if s := c.Stats(); s.AckSeen {
		t.Errorf("acknowledged: %+v", s)
	}
}

// A Sink can have its publisher reset, over TLS as well.
func TestServerResets(t *testing.T) {
	ca := newAuthority(t)
	for _, overTLS := range []bool{false, true} {
		l := listen(t)
		cfg := ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)}
		sink := &recorder{fail: fmt.Errorf("no metadata: %w", ErrReset)}
		served := l
		if overTLS {
			cfg = tlsClient(t, l, ca)
			served = tlsServe(t, l, ca)
		}
		startServer(t, &Server{Handler: sink.accept}, served)
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.WriteMessage(Message{Type: Video, Payload: seq(10)})
		<-c.Done()
		if e := requireError(t, c.Err(), KindClosed, PhaseLive); !strings.Contains(e.Error(), "reset") {
			t.Errorf("TLS %v: %v", overTLS, e)
		}
		sink.wait(t)
		if !errors.Is(sink.endErr, ErrReset) {
			t.Errorf("ended with %v", sink.endErr)
		}
		c.Close(t.Context())
	}
}
