package rtmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
)

// Both ends, as what a real session said is bent. The seeds are sessions that
// our own ends have with each other.

// FuzzServer plays any client, after the handshake.
func FuzzServer(f *testing.F) {
	s := recordSession(f, sessionMedia())
	f.Add(s.client[handshakeSize:])
	f.Add(s.client[handshakeSize:s.published])
	var buf bytes.Buffer
	w := newChunkWriter(&buf)
	for _, values := range [][]any{
		{"connect", 1, map[string]any{"app": "live"}}, {"createStream", 2, nil},
		{"publish", 3, nil, "key", "live"}, {"deleteStream", 4, nil, 1},
	} {
		m, err := commandMessage(1, values...)
		if err != nil {
			f.Fatal(err)
		}
		w.WriteMessage(m)
		w.WriteMessage(Message{Type: Aggregate, StreamID: 1, Payload: seq(40)})
		w.WriteMessage(Message{Type: Video, StreamID: 1, Payload: seq(200)})
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzServer(t, append(append([]byte{3}, make([]byte, handshakeSize-1)...), b...))
	})
}

// FuzzServerHandshake plays any client from its first byte on.
func FuzzServerHandshake(f *testing.F) {
	s := recordSession(f, sessionMedia())
	f.Add(s.client)
	f.Add(s.client[:handshakeSize/2])
	f.Add(signedHello(8))
	f.Add(signedHello(772))
	f.Fuzz(fuzzServer)
}

// signedHello is a C0 and a signed C1, and zeros for C2.
func signedHello(place int) []byte {
	b := append([]byte{3}, seq(signatureSize)...)
	c1 := b[1:]
	at := digestOffset(c1, place)
	copy(c1[at:], sign(playerKey[:playerName], c1[:at], c1[at+32:]))
	return append(b, make([]byte, signatureSize)...)
}

// fuzzServer checks that a Server takes in, and tells each Sink of its end.
func fuzzServer(t *testing.T, in []byte) {
	var sinks []*recorder
	s := &Server{MaxMessageSize: 1 << 16, Handler: func(ctx context.Context, p Publish) (Sink, error) {
		p.Backup()
		p.Name()
		sink := &recorder{}
		sinks = append(sinks, sink)
		return sink.accept(ctx, p)
	}}
	s.serveConn(t.Context(), scriptConn{in: bytes.NewReader(in)}, orDiscard(nil))
	for _, sink := range sinks {
		select {
		case <-sink.ended:
		default:
			t.Error("the sink was not told of the end")
		}
	}
	if len(s.lives) > 0 {
		t.Errorf("%d publishers left", len(s.lives))
	}
}

// FuzzClient plays any ingest, after the handshake.
func FuzzClient(f *testing.F) {
	s := recordSession(f, sessionMedia())
	f.Add(s.server[handshakeSize:])
	f.Add(s.server[handshakeSize:s.started])
	for _, whim := range whims {
		var buf bytes.Buffer
		buf.Write(s.server[handshakeSize:s.started])
		p := &peer{t: nil, nc: bufferConn{buf: &buf}}
		p.w = newChunkWriter(&buf)
		p.w.chunkSize = outChunkSize // as the session left it
		whim.say(p)
		f.Add(buf.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := append(append([]byte{3}, make([]byte, handshakeSize-1)...), b...)
		c, err := Dial(t.Context(), ClientConfig{
			URL: URL{Host: "192.0.2.1", Port: 1935, App: "live2"},
			Key: NewStreamKey(testKey),
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				return scriptConn{in: bytes.NewReader(in)}, nil
			},
		})
		if err == nil {
			for _, m := range sessionMedia() {
				c.WriteMessage(m)
			}
			<-c.Done()
			err = c.Err()
			if err := c.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		var e *Error
		if !errors.As(err, &e) || e.Kind == 0 || e.Phase == 0 {
			t.Fatalf("%T %v", err, err)
		}
		if e.Kind == KindTimeout || e.Kind == KindCanceled || e.Kind == KindStalled {
			t.Errorf("%v, of an ingest that hung up", e)
		}
		requireNoKey(t, "error", fmt.Sprintf("%v %+v", e, *e))
	})
}

// A bufferConn is written to alone.
type bufferConn struct {
	net.Conn
	buf *bytes.Buffer
}

func (c bufferConn) Write(p []byte) (int, error) { return c.buf.Write(p) }
