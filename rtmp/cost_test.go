package rtmp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"
)

// An endless reads a stream's beginning once, and then its rest for ever.
type endless struct {
	scriptConn
	head, loop *bytes.Reader
	loops      int // 0: for ever
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head.Len() > 0 {
		return e.head.Read(p)
	}
	if e.loop.Len() == 0 {
		if e.loops--; e.loops == 0 {
			return 0, io.EOF
		}
		e.loop.Seek(0, io.SeekStart)
	}
	return e.loop.Read(p)
}

// newEndless returns what a publisher sends: a picture of size bytes and a
// sound, loops times.
func newEndless(t testing.TB, size, loops int) *endless {
	var head, loop bytes.Buffer
	head.Write(append([]byte{3}, make([]byte, handshakeSize-1)...))
	w := newChunkWriter(&head)
	for _, values := range [][]any{{"connect", 1, map[string]any{"app": "live"}}, {"publish", 3, nil, "key", "live"}} {
		m, err := commandMessage(1, values...)
		if err != nil {
			t.Fatal(err)
		}
		w.WriteMessage(m)
	}
	w.WriteMessage(uint32Message(SetChunkSize, outChunkSize))
	w.WriteMessage(uint32Message(WindowAckSize, clientWindow))
	// Twice, the first time into the head: what comes again and again has to
	// begin where it ends.
	for _, to := range []*bytes.Buffer{&head, &loop} {
		w.w = to
		w.WriteMessage(Message{Type: Video, StreamID: 1, Timestamp: 7, Payload: make([]byte, size)})
		w.WriteMessage(Message{Type: Audio, StreamID: 1, Timestamp: 7, Payload: make([]byte, 300)})
	}
	return &endless{head: bytes.NewReader(head.Bytes()), loop: bytes.NewReader(loop.Bytes()), loops: loops}
}

// A countSink counts, and ends the session at a number.
type countSink struct {
	messages, bytes int
	start           func() // is called by the hundredth
}

func (s *countSink) HandleMessage(m Message) error {
	if s.messages++; s.messages == 100 && s.start != nil {
		s.start()
	}
	s.bytes += len(m.Payload)
	return nil
}

func (s *countSink) End(error) {}

// What a publisher sends costs no allocation: of a thousand messages there are
// those of the acknowledgements.
func TestServerReadCost(t *testing.T) {
	const loops = 1000
	sink := &countSink{}
	serve := func(loops int) {
		s := &Server{Handler: func(context.Context, Publish) (Sink, error) { return sink, nil }}
		s.serveConn(t.Context(), newEndless(t, 25_000, loops), orDiscard(nil))
	}
	few := testing.AllocsPerRun(5, func() { serve(10) })
	many := testing.AllocsPerRun(5, func() { serve(10 + loops) })
	acks := float64(loops) * 25_300 / (clientWindow / 2)
	if each := (many - few) / acks; each > 2 {
		t.Errorf("%v allocations for %d messages and %.0f acknowledgements", many-few, 2*loops, acks)
	}
	if sink.messages < 12*loops {
		t.Errorf("%d messages", sink.messages)
	}
}

// BenchmarkServerRead takes in pictures of 25 KB and their sounds.
func BenchmarkServerRead(b *testing.B) {
	for _, size := range []int{1000, 25_000, 200_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size + 300))
			b.ReportAllocs()
			sink := &countSink{start: b.ResetTimer}
			s := &Server{IdleTimeout: time.Hour, Handler: func(context.Context, Publish) (Sink, error) { return sink, nil }}
			s.serveConn(b.Context(), newEndless(b, size, b.N+50), orDiscard(nil))
		})
	}
}
