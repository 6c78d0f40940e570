package rtmp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A peer is a scripted ingest at the other end of a pipe. It answers as
// ingests do, but for the commands in on.
type peer struct {
	t  *testing.T
	nc net.Conn
	r  *chunkReader
	w  *chunkWriter
	on map[string]func(p *peer, m Message, c command)

	mu   sync.Mutex
	got  []Message // everything that came
	cmds []string
}

func (p *peer) send(ms ...Message) {
	for _, m := range ms {
		p.w.Append(m)
	}
	p.w.Flush()
}

func (p *peer) reply(streamID uint32, values ...any) {
	m, err := commandMessage(streamID, values...)
	if err != nil {
		p.t.Error(err)
	}
	p.send(m)
}

func (p *peer) status(level, code string) {
	// With the key in it, as some ingests do.
	p.reply(1, "onStatus", 0, nil, statusObject{level, code, "name " + testKey + "\x1b[31m\n " + strings.Repeat("long", 200)})
}

// serve plays the ingest until the connection ends.
func (p *peer) serve() {
	br := bufio.NewReaderSize(p.nc, 1<<16)
	if err := serverHandshake(br, p.nc); err != nil {
		return
	}
	p.r, p.w = newChunkReader(br, 0), newChunkWriter(p.nc)
	for {
		m, err := p.r.ReadMessage()
		if err != nil {
			return
		}
		m.Payload = bytes.Clone(m.Payload)
		var c command
		if m.Type == CommandAMF0 {
			if c, err = parseCommand(m); err != nil {
				p.t.Error(err)
			}
		}
		p.mu.Lock()
		p.got = append(p.got, m)
		if c.Name != "" {
			p.cmds = append(p.cmds, c.Name)
		}
		p.mu.Unlock()
		if f := p.on[c.Name]; f != nil {
			f(p, m, c)
			continue
		}
		switch c.Name {
		case "connect":
			p.reply(0, "_result", c.Transaction, nil, statusObject{"status", "NetConnection.Connect.Success", ""})
		case "createStream":
			p.reply(0, "_result", c.Transaction, nil, 1)
		case "publish":
			p.status("status", publishStart)
		}
	}
}

// received returns the messages of a type that came so far.
func (p *peer) received(types ...MessageType) (ms []Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		for _, t := range types {
			if m.Type == t {
				ms = append(ms, m)
			}
		}
	}
	return ms
}

func silent(*peer, Message, command) {}

// hang leaves the connection open and reads no more.
func hang(p *peer, _ Message, _ command) { <-p.t.Context().Done() }

func hangUp(p *peer, _ Message, _ command) { p.nc.Close() }

type script = map[string]func(*peer, Message, command)

// pipeConfig returns a config whose connections are pipes to serve.
func pipeConfig(t *testing.T, serve func(net.Conn)) ClientConfig {
	log, _ := newSecretLog(t)
	return ClientConfig{
		URL: URL{Host: "192.0.2.1", Port: 1935, App: "live2?backup=1"},
		Key: NewStreamKey(testKey),
		Timeouts: Timeouts{DNS: 1 * time.Second, Dial: 2 * time.Second, TLS: 3 * time.Second,
			Handshake: 4 * time.Second, Command: 5 * time.Second, Write: 6 * time.Second},
		Log: log,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				serve(theirs)
			}()
			return ours, nil
		},
	}
}

// dialPeer dials a scripted peer.
func dialPeer(t *testing.T, on script) (*Client, *peer, error) {
	p := &peer{t: t, on: on}
	c, err := Dial(t.Context(), pipeConfig(t, func(nc net.Conn) {
		p.nc = nc
		p.serve()
	}))
	return c, p, err
}

func mustDialPeer(t *testing.T, on script) (*Client, *peer) {
	t.Helper()
	c, p, err := dialPeer(t, on)
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

func drain(nc net.Conn) { io.Copy(io.Discard, nc) }

// Every phase ends by its own deadline, and at once when the context does.
func TestDialSilentPeers(t *testing.T) {
	scripted := func(on script) func(*testing.T, *ClientConfig) {
		return func(t *testing.T, cfg *ClientConfig) {
			*cfg = pipeConfig(t, func(nc net.Conn) { (&peer{t: t, nc: nc, on: on}).serve() })
		}
	}
	tests := []struct {
		name  string
		phase Phase
		after time.Duration
		setup func(*testing.T, *ClientConfig)
	}{
		{"DNS", PhaseDNS, 1 * time.Second, func(_ *testing.T, cfg *ClientConfig) {
			cfg.URL.Host = "ingest.invalid"
			cfg.LookupHost = func(ctx context.Context, _ string) ([]string, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}},
		{"dial", PhaseDial, 2 * time.Second, func(_ *testing.T, cfg *ClientConfig) {
			cfg.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}},
		{"TLS", PhaseTLS, 3 * time.Second, func(_ *testing.T, cfg *ClientConfig) { cfg.URL.TLS = true }},
		{"TLS, not even reading", PhaseTLS, 3 * time.Second, func(t *testing.T, cfg *ClientConfig) {
			*cfg = pipeConfig(t, func(net.Conn) { <-t.Context().Done() })
			cfg.URL.TLS = true
		}},
		{"handshake", PhaseHandshake, 4 * time.Second, func(*testing.T, *ClientConfig) {}},
		{"handshake, not even reading", PhaseHandshake, 4 * time.Second, func(t *testing.T, cfg *ClientConfig) {
			*cfg = pipeConfig(t, func(net.Conn) { <-t.Context().Done() })
		}},
		{"connect", PhaseConnect, 5 * time.Second, scripted(script{"connect": silent})},
		{"connect, only chatting", PhaseConnect, 5 * time.Second, scripted(script{"connect": func(p *peer, _ Message, _ command) {
			for p.t.Context().Err() == nil {
				p.reply(0, "onBWDone", 0, nil)
				select {
				case <-p.t.Context().Done():
				case <-time.After(time.Second):
				}
			}
		}})},
		{"createStream", PhaseCreateStream, 5 * time.Second, scripted(script{"createStream": silent})},
		{"publish", PhasePublish, 5 * time.Second, scripted(script{"publish": silent})},
		{"publish, only onFCPublish", PhasePublish, 5 * time.Second, scripted(script{"publish": func(p *peer, _ Message, _ command) {
			p.reply(1, "onFCPublish", 0, nil, statusObject{"status", publishStart, ""})
		}})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := pipeConfig(t, drain)
				tt.setup(t, &cfg)
				start := time.Now()
				_, err := Dial(t.Context(), cfg)
				requireError(t, err, KindTimeout, tt.phase)
				if got := time.Since(start); got != tt.after {
					t.Errorf("took %v, want %v", got, tt.after)
				}

				ctx, cancel := context.WithCancelCause(t.Context())
				why := errors.New("enough")
				time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
				start = time.Now()
				_, err = Dial(ctx, cfg)
				requireError(t, err, KindCanceled, tt.phase)
				if !errors.Is(err, why) {
					t.Errorf("cause lost: %v", err)
				}
				if got := time.Since(start); got != 100*time.Millisecond {
					t.Errorf("cancel took %v", got)
				}
			})
		})
	}
}

func TestDialAddresses(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	unreachable := &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
	tests := []struct {
		name   string
		lookup []string
		err    error // of the lookup
		dial   map[string]error
		kind   Kind // 0: success
		phase  Phase
	}{
		{"second answers", []string{"2001:db8::1", "192.0.2.2"}, nil, map[string]error{"[2001:db8::1]:1935": unreachable}, 0, 0},
		{"refused beats unreachable", []string{"192.0.2.2", "2001:db8::1"}, nil,
			map[string]error{"192.0.2.2:1935": refused, "[2001:db8::1]:1935": unreachable}, KindRefused, PhaseDial},
		{"unreachable", []string{"192.0.2.2"}, nil, map[string]error{"192.0.2.2:1935": unreachable}, KindUnreachable, PhaseDial},
		{"kernel gave up", []string{"192.0.2.2"}, nil, map[string]error{"192.0.2.2:1935": &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}}, KindTimeout, PhaseDial},
		{"no such host", nil, &net.DNSError{Err: "no such host", Name: "ingest.invalid", IsNotFound: true}, nil, KindDNS, PhaseDNS},
		{"no server", nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}, nil, KindDNS, PhaseDNS},
		{"no addresses", nil, nil, nil, KindDNS, PhaseDNS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := pipeConfig(t, func(nc net.Conn) { (&peer{t: t, nc: nc}).serve() })
				cfg.URL.Host = "ingest.invalid"
				cfg.LookupHost = func(context.Context, string) ([]string, error) { return tt.lookup, tt.err }
				pipe := cfg.DialContext
				cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if err := tt.dial[addr]; err != nil {
						return nil, err
					}
					return pipe(ctx, network, addr)
				}
				c, err := Dial(t.Context(), cfg)
				if tt.kind != 0 {
					requireError(t, err, tt.kind, tt.phase)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				c.Close(t.Context())
			})
		})
	}
}

// What is said and done between the handshake and Publish.Start.
func TestDialCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := mustDialPeer(t, nil)
		if err := c.WriteMessage(Message{Type: Video, Timestamp: 5, Payload: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context())
		synctest.Wait()
		if diff := cmp.Diff([]string{"connect", "releaseStream", "FCPublish", "createStream", "publish", "FCUnpublish", "deleteStream"}, p.cmds); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		cmds := map[string]command{}
		for _, m := range p.received(CommandAMF0) {
			cmd, err := parseCommand(m)
			if err != nil {
				t.Fatal(err)
			}
			cmds[cmd.Name] = cmd
		}
		want := map[string]command{
			"connect": {"connect", 1, []any{map[string]any{"app": "live2?backup=1", "type": "nonprivate",
				"flashVer": "FMLE/3.0 (compatible; venuecast)", "tcUrl": "rtmp://192.0.2.1/live2?backup=1"}}},
			"releaseStream": {"releaseStream", 2, []any{nil, testKey}},
			"FCPublish":     {"FCPublish", 3, []any{nil, testKey}},
			"createStream":  {"createStream", 4, []any{nil}},
			"publish":       {"publish", 5, []any{nil, testKey, "live"}},
			"FCUnpublish":   {"FCUnpublish", 6, []any{nil, testKey}},
			"deleteStream":  {"deleteStream", 7, []any{nil, 1.0}},
		}
		if diff := cmp.Diff(want, cmds); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]Message{{Video, 5, 1, []byte("v")}}, p.received(Video)); diff != "" {
			t.Errorf("media (-want +got):\n%s", diff)
		}
	})
}

func TestDialRefused(t *testing.T) {
	onError := func(values ...any) func(*peer, Message, command) {
		return func(p *peer, _ Message, c command) { p.reply(0, append([]any{"_error", c.Transaction}, values...)...) }
	}
	onStatus := func(level, code string) func(*peer, Message, command) {
		return func(p *peer, _ Message, _ command) { p.status(level, code) }
	}
	raw := func(b ...byte) func(*peer, Message, command) {
		return func(p *peer, _ Message, _ command) { p.nc.Write(b) }
	}
	tests := []struct {
		name  string
		on    script
		kind  Kind
		phase Phase
		code  string
	}{
		{"connect: error without anything", script{"connect": onError()}, KindRejected, PhaseConnect, ""},
		{"connect: error with nulls", script{"connect": onError(nil, nil)}, KindRejected, PhaseConnect, ""},
		{"connect: rejected", script{"connect": onError(nil, statusObject{"error", "NetConnection.Connect.Rejected", "app of " + testKey})},
			KindRejected, PhaseConnect, "NetConnection.Connect.Rejected"},
		{"connect: a result that is an error", script{"connect": func(p *peer, _ Message, c command) {
			p.reply(0, "_result", c.Transaction, nil, statusObject{"error", "NetConnection.Connect.InvalidApp", ""})
		}}, KindRejected, PhaseConnect, "NetConnection.Connect.InvalidApp"},
		{"connect: close", script{"connect": func(p *peer, _ Message, _ command) { p.reply(0, "close", 0, nil) }}, KindClosed, PhaseConnect, ""},
		{"connect: hang up", script{"connect": hangUp}, KindClosed, PhaseConnect, ""},
		{"connect: nonsense", script{"connect": raw(0xC5)}, KindProtocol, PhaseConnect, ""},
		{"createStream: error", script{"createStream": onError(nil, "no "+testKey)}, KindRejected, PhaseCreateStream, ""},
		{"createStream: no number", script{"createStream": func(p *peer, _ Message, c command) { p.reply(0, "_result", c.Transaction, nil, "one") }},
			KindProtocol, PhaseCreateStream, ""},
		{"createStream: no stream", script{"createStream": func(p *peer, _ Message, c command) { p.reply(0, "_result", c.Transaction, nil, -1.5) }},
			KindProtocol, PhaseCreateStream, ""},
		{"FCPublish: bad name", script{"FCPublish": func(p *peer, _ Message, _ command) {
			p.reply(0, "onFCPublish", 0, nil, statusObject{"error", badName, testKey})
		}}, KindBadName, PhaseCreateStream, badName},
		{"publish: bad name", script{"publish": onStatus("error", badName)}, KindBadName, PhasePublish, badName},
		{"publish: bad name, mildly", script{"publish": onStatus("status", badName)}, KindBadName, PhasePublish, badName},
		{"publish: bad name as _error", script{"publish": onError(nil, statusObject{"error", badName, ""})}, KindBadName, PhasePublish, badName},
		{"publish: denied", script{"publish": onStatus("error", "NetStream.Publish.Denied")}, KindRejected, PhasePublish, "NetStream.Publish.Denied"},
		{"publish: failed", script{"publish": onStatus("status", "NetStream.Publish.Failed")}, KindRejected, PhasePublish, "NetStream.Publish.Failed"},
		{"publish: an error of its own", script{"publish": onStatus("error", "Ingest.Says."+testKey)}, KindRejected, PhasePublish, "Ingest.Says.***"},
		{"publish: hang up", script{"publish": hangUp}, KindClosed, PhasePublish, ""},
		{"publish: unpublished", script{"publish": onStatus("status", unpublishSuccess)}, KindClosed, PhasePublish, unpublishSuccess},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, err := dialPeer(t, tt.on)
				e := requireError(t, err, tt.kind, tt.phase)
				if e.Code != tt.code {
					t.Errorf("code %q, want %q", e.Code, tt.code)
				}
				if e.Addr != "192.0.2.1:1935" {
					t.Errorf("address %q", e.Addr)
				}
			})
		})
	}

	for name, answer := range map[string]string{"HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "TLS": "\x15\x03\x01\x00\x02\x02\x46"} {
		t.Run("handshake: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := Dial(t.Context(), pipeConfig(t, func(nc net.Conn) {
					io.ReadFull(nc, make([]byte, 1537))
					nc.Write([]byte(answer))
				}))
				e := requireError(t, err, KindProtocol, PhaseHandshake)
				if !strings.Contains(e.Error(), name) || name == "TLS" != strings.Contains(e.Hint(), "rtmps") {
					t.Errorf("%v; %s", e, e.Hint())
				}
			})
		})
	}
	t.Run("handshake: hang up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, err := Dial(t.Context(), pipeConfig(t, func(nc net.Conn) { io.ReadFull(nc, make([]byte, 1537)) }))
			requireError(t, err, KindClosed, PhaseHandshake)
		})
	})
	t.Run("no key", func(t *testing.T) {
		_, err := Dial(t.Context(), ClientConfig{URL: URL{Host: "192.0.2.1", Port: 1, App: "a"}})
		requireError(t, err, KindBadName, PhasePublish)
	})
}

// oddities are what go-rtmp's client, among others, dies of.
func oddities(p *peer) {
	amf3, _ := commandMessage(1, "onStatus", 0, nil, statusObject{"status", "NetStream.Odd", ""})
	amf3.Type, amf3.Payload = CommandAMF3, append([]byte{0}, amf3.Payload...)
	result, _ := commandMessage(0, "_result", 4711, nil)
	nan, _ := commandMessage(0, "_error", 99.5, nil)
	p.send(
		Message{Type: UserControl, Payload: []byte{0, 31, 0, 0, 0, 1}},
		Message{Type: UserControl, Payload: []byte{0, 0, 0, 0, 0, 1}},
		Message{Type: UserControl, Payload: []byte{0, userPingRequest, 1}}, // cut short
		Message{Type: UserControl},
		Message{Type: CommandAMF0},
		Message{Type: CommandAMF0, Payload: []byte{2, 0, 200, 'x'}},
		Message{Type: CommandAMF3, Payload: []byte{0x11, 2, 3}},
		amf3, result, nan,
		Message{Type: Ack, StreamID: 1, Payload: []byte{0, 0, 0, 9}},
		Message{Type: Ack, StreamID: 7, Payload: []byte{0xFF, 0xFF, 0xFF, 0xFF}},
		Message{Type: Ack},
		Message{Type: WindowAckSize, Payload: []byte{0, 0, 0, 1}},
		Message{Type: WindowAckSize, Payload: []byte{0, 0}},
		Message{Type: SetPeerBandwidth, Payload: []byte{0, 0, 0, 0, 2}},
		Message{Type: SetPeerBandwidth, Payload: []byte{0xFF, 0xFF, 0xFF, 0xFF}},
		Message{Type: 77, Payload: []byte("?")},
		Message{Type: DataAMF0, StreamID: 1},
		Message{Type: Video, StreamID: 1, Payload: seq(3)},
		Message{Type: Abort, Payload: []byte{0, 0, 0, 3}},
		uint32Message(SetChunkSize, 1),
		Message{Type: DataAMF0, StreamID: 1, Payload: seq(40)},
		uint32Message(SetChunkSize, 0x7FFFFFFF),
		Message{Type: DataAMF0, StreamID: 1, Payload: seq(100_000)},
		Message{Type: WindowAckSize, Payload: []byte{0xFF, 0xFF, 0xFF, 0xFF}},
	)
	p.w.chunkSize = 4096
	p.send(uint32Message(SetChunkSize, 4096))
}

func TestDialTolerates(t *testing.T) {
	// The peer's writes must not wait for the client's answers, as they would
	// on a bare pipe: a reader of its own keeps them apart, as a socket does.
	start := func(p *peer, _ Message, _ command) { p.status("status", publishStart) }
	tests := map[string]script{
		"oddities": {
			"connect": func(p *peer, _ Message, c command) {
				oddities(p)
				p.reply(0, "_result", c.Transaction, nil, nil)
			},
			"createStream": func(p *peer, _ Message, c command) {
				oddities(p)
				p.reply(0, "_result", c.Transaction, nil, 1)
			},
			"publish": func(p *peer, m Message, c command) {
				oddities(p)
				start(p, m, c)
				oddities(p)
			},
		},
		"errors for what does not matter": {
			"releaseStream": func(p *peer, _ Message, c command) {
				p.reply(0, "_error", c.Transaction, nil, statusObject{"error", "NetConnection.Call.Failed", testKey})
			},
			"FCPublish": func(p *peer, _ Message, c command) { p.reply(0, "_error", c.Transaction, nil, nil) },
		},
		"status before the result": {
			"createStream": func(p *peer, _ Message, c command) {
				p.reply(0, "onFCPublish", 0, nil, statusObject{"status", publishStart, ""})
				p.status("status", "NetStream.Publish.Idle")
				p.status("status", publishStart)
				p.reply(0, "_result", c.Transaction, nil, 1)
			},
			"publish": silent,
		},
		"result for publish, then the status": {
			"publish": func(p *peer, m Message, c command) {
				p.reply(0, "_result", c.Transaction, nil, nil)
				start(p, m, c)
			},
		},
	}
	for name, on := range tests {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			go func() {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				defer nc.Close()
				(&peer{t: t, nc: nc, on: on}).serve()
			}()
			log, _ := newSecretLog(t)
			c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey), Log: log})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func urlOf(t testing.TB, l net.Listener, tls bool) URL {
	t.Helper()
	a := l.Addr().(*net.TCPAddr)
	return URL{TLS: tls, Host: a.IP.String(), Port: uint16(a.Port), App: "live"}
}

// Pings are answered, windows obeyed, and the peer's acks kept.
func TestClientControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := mustDialPeer(t, nil)
		defer c.Close(t.Context())
		synctest.Wait()

		p.send(Message{Type: UserControl, Payload: []byte{0, userPingRequest, 0xDE, 0xAD, 0xBE, 0xEF}})
		synctest.Wait()
		if diff := cmp.Diff([]Message{{Type: UserControl, Payload: []byte{0, userPingResponse, 0xDE, 0xAD, 0xBE, 0xEF}}}, p.received(UserControl)); diff != "" {
			t.Errorf("pong (-want +got):\n%s", diff)
		}

		p.send(Message{Type: SetPeerBandwidth, Payload: []byte{0, 0, 0x40, 0, 2}})
		p.send(Message{Type: SetPeerBandwidth, Payload: []byte{0, 0x40, 0, 0, 2}})
		synctest.Wait()
		var windows []uint32
		for _, m := range p.received(WindowAckSize) {
			windows = append(windows, binary.BigEndian.Uint32(m.Payload))
		}
		if diff := cmp.Diff([]uint32{clientWindow, 0x4000, clientWindow}, windows); diff != "" {
			t.Errorf("windows (-want +got):\n%s", diff)
		}

		p.send(uint32Message(WindowAckSize, 1000))
		synctest.Wait()
		before := len(p.received(Ack))
		for range 10 {
			p.send(Message{Type: DataAMF0, StreamID: 1, Payload: make([]byte, 300)})
		}
		synctest.Wait()
		acks := p.received(Ack)
		if n := len(acks) - before; n < 3 || n > 7 {
			t.Errorf("%d acks for 3 KB at a window of 1000", n)
		}
		if len(acks) == 0 {
			t.Fatal("no acks")
		}
		if last := int64(binary.BigEndian.Uint32(acks[len(acks)-1].Payload)); p.w.sent.Load()-last > 1000 {
			t.Errorf("acknowledged %d of %d", last, p.w.sent.Load())
		}

		if s := c.Stats(); s.AckSeen || s.UnackedKnown {
			t.Errorf("evidence from nowhere: %+v", s)
		}
		for range 4 {
			if err := c.WriteMessage(Message{Type: Video, Payload: make([]byte, 10_000)}); err != nil {
				t.Fatal(err)
			}
		}
		p.send(uint32Message(Ack, 20_000), uint32Message(Ack, 10_000), uint32Message(Ack, 1<<30))
		synctest.Wait()
		if s := c.Stats(); !s.AckSeen || s.BytesAcked != 20_000 || !s.LastAck.Equal(time.Now()) || s.ChunkBytes < 40_000 || s.BytesWritten != s.ChunkBytes+3073 {
			t.Errorf("stats after acks: %+v", s)
		}
	})
}

// The peer's acknowledgements count on past 4 GiB.
func TestAckWrap(t *testing.T) {
	w := newWire(nil, io.Discard, 0, 0, orDiscard(nil))
	for _, n := range []int64{1 << 31, 1<<32 - 10, 1<<32 + 10, 5 << 30, 8<<30 + 5} {
		w.w.sent.Store(n)
		w.onAck(uint32(n))
		if got, _ := w.acks(); got != n {
			t.Errorf("acked %d, want %d", got, n)
		}
	}
}

func TestStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := mustDialPeer(t, script{"publish": func(p *peer, m Message, c command) {
			p.status("status", publishStart)
			hang(p, m, c)
		}})
		start := time.Now()
		var err error
		for i := uint32(0); err == nil; i++ {
			err = c.WriteMessage(Message{Type: Video, Timestamp: i, Payload: make([]byte, 50_000)})
		}
		requireError(t, err, KindStalled, PhaseLive)
		if got, want := time.Since(start), 6*time.Second; got < want || got > want+want/progressSlices {
			t.Errorf("stalled after %v, want %v", got, want)
		}
		<-c.Done()
		requireError(t, c.Err(), KindStalled, PhaseLive)
		if err := c.WriteMessage(Message{Type: Audio}); err != c.Err() {
			t.Errorf("write after the end: %v", err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A path that moves is not stalled, however slow.
func TestSlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := mustDialPeer(t, script{"publish": func(p *peer, _ Message, _ command) {
			p.status("status", publishStart)
			for err := error(nil); err == nil; { // 1000 bytes each 5 s
				select {
				case <-p.t.Context().Done():
				case <-time.After(5 * time.Second):
				}
				_, err = io.ReadFull(p.nc, make([]byte, 1000))
			}
		}})
		start := time.Now()
		if err := c.WriteMessage(Message{Type: Video, Payload: make([]byte, 40_000)}); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 190*time.Second {
			t.Errorf("took %v: not slow", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		requireError(t, c.Close(ctx), KindCanceled, PhaseGoodbye)
	})
}

// How sessions end after Publish.Start.
func TestEndings(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *peer)
		kind Kind
		code string
	}{
		{"unpublished", func(p *peer) { p.status("status", unpublishSuccess) }, KindClosed, unpublishSuccess},
		{"bad name", func(p *peer) { p.status("error", badName) }, KindBadName, badName},
		{"denied", func(p *peer) { p.status("error", "NetStream.Publish.Denied") }, KindRejected, "NetStream.Publish.Denied"},
		{"shut down", func(p *peer) { p.status("status", "NetConnection.Connect.AppShutdown") }, KindClosed, "NetConnection.Connect.AppShutdown"},
		{"close", func(p *peer) { p.reply(0, "close", 0, nil) }, KindClosed, ""},
		{"hang up", func(p *peer) { p.nc.Close() }, KindClosed, ""},
		{"nonsense", func(p *peer) { p.nc.Write([]byte{0xFF, 0xFF}) }, KindProtocol, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := mustDialPeer(t, nil)
				synctest.Wait()
				if c.Err() != nil {
					t.Fatalf("already ended: %v", c.Err())
				}
				select {
				case <-c.Done():
					t.Fatal("already done")
				default:
				}
				tt.do(p)
				<-c.Done()
				if e := requireError(t, c.Err(), tt.kind, PhaseLive); e.Code != tt.code {
					t.Errorf("code %q, want %q", e.Code, tt.code)
				}
				if err := c.WriteMessage(Message{Type: Video}); err != c.Err() {
					t.Errorf("write: %v", err)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

// A brokenConn cannot be written to, once broken.
type brokenConn struct {
	net.Conn
	broken atomic.Bool
}

func (c *brokenConn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// dialBroken returns a session whose connection can be broken.
func dialBroken(t *testing.T) (*Client, *peer, *brokenConn) {
	p := &peer{t: t}
	cfg := pipeConfig(t, func(nc net.Conn) {
		p.nc = nc
		p.serve()
	})
	bc := &brokenConn{}
	pipe := cfg.DialContext
	cfg.DialContext = func(ctx context.Context, network, addr string) (nc net.Conn, err error) {
		bc.Conn, err = pipe(ctx, network, addr)
		return bc, err
	}
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return c, p, bc
}

// Who finds the connection closed when writing reports what the peer had to
// say; nothing, if it has nothing to say.
func TestLastWords(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration // of the peer's words
		kind  Kind
	}{{lastWords / 2, KindBadName}, {2 * lastWords, KindClosed}} {
		synctest.Test(t, func(t *testing.T) {
			c, p, bc := dialBroken(t)
			bc.broken.Store(true)
			time.AfterFunc(tt.after, func() { p.status("error", badName) })
			requireError(t, c.WriteMessage(Message{Type: Video}), tt.kind, PhaseLive)
			c.Close(t.Context())
			time.Sleep(tt.after) // for the peer's timer

			// The same when it is the reader that cannot answer a ping.
			c, p, bc = dialBroken(t)
			bc.broken.Store(true)
			p.send(Message{Type: UserControl, Payload: []byte{0, userPingRequest, 1, 2, 3, 4}})
			time.AfterFunc(tt.after, func() { p.status("error", badName) })
			<-c.Done()
			requireError(t, c.Err(), tt.kind, PhaseLive)
			c.Close(t.Context())
			time.Sleep(tt.after)
		})
	}
}

func TestClose(t *testing.T) {
	tests := []struct {
		name string
		on   script
		ctx  time.Duration // 0: none
		took time.Duration
		kind Kind // 0: no error
	}{
		{"confirmed", script{"deleteStream": func(p *peer, _ Message, _ command) { p.status("status", unpublishSuccess) }}, 0, 0, 0},
		{"closed", script{"deleteStream": hangUp}, 0, 0, 0},
		{"silent", script{"deleteStream": silent}, 0, 5 * time.Second, KindTimeout},
		{"silent, and no patience", script{"deleteStream": silent}, time.Second, time.Second, KindTimeout},
		{"not even reading", script{"FCUnpublish": hang}, time.Second, time.Second, KindTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := mustDialPeer(t, tt.on)
				ctx := t.Context()
				if tt.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.ctx)
					defer cancel()
				}
				start := time.Now()
				err := c.Close(ctx)
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if tt.kind != 0 {
					requireError(t, err, tt.kind, PhaseGoodbye)
				} else if err != nil {
					t.Error(err)
				}
				if err2 := c.Close(ctx); err2 != err {
					t.Errorf("second close: %v", err2)
				}
				select {
				case <-c.readerDone:
				default:
					t.Error("the reader still runs")
				}
				<-c.Done()
				requireError(t, c.Err(), KindCanceled, PhaseGoodbye)
				requireError(t, c.WriteMessage(Message{Type: Audio}), KindCanceled, PhaseGoodbye)
			})
		})
	}
	t.Run("with a stuck write", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := mustDialPeer(t, script{"publish": func(p *peer, m Message, c command) {
				p.status("status", publishStart)
				hang(p, m, c)
			}})
			stuck := make(chan error)
			go func() {
				var err error
				for err == nil {
					err = c.WriteMessage(Message{Type: Video, Payload: make([]byte, 100_000)})
				}
				stuck <- err
			}()
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			requireError(t, c.Close(ctx), KindTimeout, PhaseGoodbye)
			if took := time.Since(start); took > 1100*time.Millisecond {
				t.Errorf("took %v", took)
			}
			requireError(t, <-stuck, KindCanceled, PhaseGoodbye)
		})
	})
}

func TestWriteMessageRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := mustDialPeer(t, nil)
		defer c.Close(t.Context())
		for _, m := range []Message{{Type: CommandAMF0}, {Type: SetChunkSize}, {Type: Video, Payload: make([]byte, maxPayload+1)}} {
			if err := c.WriteMessage(m); err == nil {
				t.Errorf("%v of %d bytes was written", m.Type, len(m.Payload))
			}
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})
}

// A sinkConn takes all and says nothing.
type sinkConn struct {
	net.Conn
	writes int
}

func (c *sinkConn) Write(p []byte) (int, error)      { c.writes++; return len(p), nil }
func (c *sinkConn) SetWriteDeadline(time.Time) error { return nil }

// sinkClient returns a live session with a sinkConn.
func sinkClient() (*Client, *sinkConn) {
	sink := &sinkConn{}
	raw := &progressConn{Conn: sink, stall: time.Second}
	c := &Client{raw: raw, nc: raw, wire: newWire(nil, raw, 0, 0, orDiscard(nil)), streamID: 1, done: make(chan struct{})}
	c.wire.Write(uint32Message(SetChunkSize, outChunkSize))
	return c, sink
}

func TestWriteMessageCost(t *testing.T) {
	c, sink := sinkClient()
	m := Message{Type: Video, Payload: make([]byte, 180_000)}
	c.WriteMessage(m)
	sink.writes = 0
	const runs = 100
	allocs := testing.AllocsPerRun(runs, func() {
		m.Timestamp += 33
		if err := c.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a message, want 0", allocs)
	}
	if sink.writes != runs+1 {
		t.Errorf("%d writes for %d messages", sink.writes, runs+1)
	}
}

func BenchmarkWriteMessage(b *testing.B) {
	c, _ := sinkClient()
	m := Message{Type: Video, Payload: make([]byte, 25_000)}
	b.SetBytes(int64(len(m.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		m.Timestamp += 33
		if err := c.WriteMessage(m); err != nil {
			b.Fatal(err)
		}
	}
}

// Media, pongs and acks from several goroutines do not garble each other.
func TestConcurrentWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := mustDialPeer(t, nil)
		synctest.Wait()
		var wg sync.WaitGroup
		for i, typ := range []MessageType{Audio, Video, DataAMF0} {
			wg.Go(func() {
				for n := range uint32(50) {
					body := bytes.Repeat([]byte{byte(i)}, int(n)*997+1)
					if err := c.WriteMessage(Message{Type: typ, Timestamp: n, Payload: body}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		c.Close(t.Context())
		synctest.Wait()
		for i, typ := range []MessageType{Audio, Video, DataAMF0} {
			got := p.received(typ)
			if len(got) != 50 {
				t.Errorf("%v: %d messages", typ, len(got))
			}
			for n, m := range got {
				if m.Timestamp != uint32(n) || len(m.Payload) != n*997+1 || bytes.Count(m.Payload, []byte{byte(i)}) != len(m.Payload) {
					t.Fatalf("%v %d garbled: time %d, %d bytes", typ, n, m.Timestamp, len(m.Payload))
				}
			}
		}
	})
}

func TestErrorText(t *testing.T) {
	e := &Error{Kind: KindBadName, Phase: PhasePublish, Addr: "a.example:1935", Code: badName, Description: "in use", Err: io.EOF}
	if got, want := e.Error(), "publish to a.example:1935: bad name: NetStream.Publish.BadName: in use: EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(e, io.EOF) {
		t.Error("cause lost")
	}
	for k := KindProtocol; k <= KindCanceled; k++ {
		for p := PhaseDNS; p <= PhaseGoodbye; p++ {
			if strings.Contains(k.String()+p.String(), "(") {
				t.Errorf("no name: %v, %v", k, p)
			}
			if h := (&Error{Kind: k, Phase: p}).Hint(); (h == "") != (k == KindCanceled) {
				t.Errorf("hint for %v in %v: %q", k, p, h)
			}
		}
	}
	if got := fmt.Sprint(Kind(0), Phase(99), MessageType(77), Video); got != "Kind(0) Phase(99) MessageType(77) Video" {
		t.Error(got)
	}
}
