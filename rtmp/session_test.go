package rtmp

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// A teeConn keeps what goes through a connection.
type teeConn struct {
	net.Conn
	mu       sync.Mutex
	sent     bytes.Buffer
	received bytes.Buffer
}

func (c *teeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received.Write(p[:n])
	return n, err
}

func (c *teeConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.Write(p[:n])
	return n, err
}

// A session is what went over the wire between our Client and our Server,
// handshakes included.
type session struct {
	client    []byte // from Client to Server
	server    []byte
	published int // how much of client came before the media
	started   int // how much of server did
}

const handshakeSize = 1 + 2*signatureSize

// recordSession has a Client publish to a Server.
func recordSession(t testing.TB, ms []Message) session {
	t.Helper()
	l := newPipeListener()
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	sink := &recorder{}
	go func() { stopped <- (&Server{Handler: sink.accept}).Serve(ctx, l) }()
	defer func() { cancel(); <-stopped }()

	var tee *teeConn
	c, err := Dial(context.Background(), ClientConfig{
		URL: URL{Host: "192.0.2.1", Port: 1935, App: "live2?backup=1"},
		Key: NewStreamKey(testKey),
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			tee = &teeConn{Conn: l.dial()}
			return tee, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tee.mu.Lock()
	s := session{published: tee.sent.Len(), started: tee.received.Len()}
	tee.mu.Unlock()
	for _, m := range ms {
		if err := c.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.client, s.server = tee.sent.Bytes(), tee.received.Bytes()
	return s
}

// commands returns the commands of both directions.
func (s session) commands(t testing.TB) (ms []Message) {
	t.Helper()
	for _, b := range [][]byte{s.client, s.server} {
		for _, m := range readAll(t, newChunkReader(newReader(bytes.NewReader(b[handshakeSize:])), 0)) {
			if m.Type == CommandAMF0 {
				ms = append(ms, m)
			}
		}
	}
	return ms
}

// sessionMedia is what a broadcast begins with, small.
func sessionMedia() []Message {
	return []Message{
		{Type: DataAMF0, Payload: []byte("\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05width\x00\x40\x94\x00\x00\x00\x00\x00\x00\x00\x00\x09")},
		{Type: Video, Payload: []byte("\x17\x00\x00\x00\x00\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f\x01\x00\x04\x68\xeb\xec\xb2")},
		{Type: Audio, Payload: []byte("\xaf\x00\x12\x10")},
		{Type: Video, Payload: append([]byte("\x17\x01\x00\x00\x00"), seq(400)...)},
		{Type: Audio, Timestamp: 10, Payload: append([]byte("\xaf\x01"), seq(20)...)},
		{Type: Video, Timestamp: 0xFFFFFF + 33, Payload: append([]byte("\x27\x01\x00\x00\x00"), seq(200)...)},
	}
}

// An elastic is a connection whose Write never blocks, as long as a socket
// with all the buffer in the world would not. Both ends of a bare pipe can
// wait for each other to read.
type elastic struct {
	net.Conn
	mu     sync.Mutex
	queue  []byte
	closed bool
	wake   chan struct{} // has one when there is something to do
}

func newElastic(nc net.Conn) *elastic {
	e := &elastic{Conn: nc, wake: make(chan struct{}, 1)}
	go e.pump()
	return e
}

func (e *elastic) pump() {
	defer e.Conn.Close()
	for range e.wake {
		e.mu.Lock()
		b, closed := e.queue, e.closed
		e.queue = nil
		e.mu.Unlock()
		if _, err := e.Conn.Write(b); err != nil || closed {
			return
		}
	}
}

func (e *elastic) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, net.ErrClosed
	}
	e.queue = append(e.queue, p...)
	e.poke()
	return len(p), nil
}

func (e *elastic) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Close lets go of what was written, but does not wait for it long.
func (e *elastic) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.poke()
	e.Conn.SetReadDeadline(time.Now())
	e.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	return nil
}

// The deadline of the pump's writes is its own business.
func (e *elastic) SetWriteDeadline(time.Time) error { return nil }
