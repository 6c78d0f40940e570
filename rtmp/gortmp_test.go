//go:build !386 && !arm && !mips && !mipsle

// go-rtmp's root package does not build on 32 bits.

package rtmp

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	gortmp "github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"
)

// A gortmpHandler keeps what a go-rtmp server hands it.
type gortmpHandler struct {
	gortmp.DefaultHandler
	mu     sync.Mutex
	app    string
	key    string
	got    []Message
	refuse bool
	closed chan struct{}
}

func (h *gortmpHandler) OnConnect(_ uint32, cmd *message.NetConnectionConnect) error {
	h.app = cmd.Command.App
	return nil
}

func (h *gortmpHandler) OnPublish(_ *gortmp.StreamContext, _ uint32, cmd *message.NetStreamPublish) error {
	h.key = cmd.PublishingName
	if h.refuse {
		return io.ErrClosedPipe
	}
	return nil
}

func (h *gortmpHandler) keep(t MessageType, at uint32, r io.Reader) error {
	b, err := io.ReadAll(r)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, Message{t, at, 1, b})
	return err
}

func (h *gortmpHandler) OnAudio(at uint32, r io.Reader) error { return h.keep(Audio, at, r) }
func (h *gortmpHandler) OnVideo(at uint32, r io.Reader) error { return h.keep(Video, at, r) }
func (h *gortmpHandler) OnClose()                             { close(h.closed) }

func startGoRTMP(t *testing.T, h *gortmpHandler) URL {
	h.closed = make(chan struct{})
	l := listen(t)
	srv := gortmp.NewServer(&gortmp.ServerConfig{OnConnect: func(nc net.Conn) (io.ReadWriteCloser, *gortmp.ConnConfig) {
		log := logrus.New()
		log.SetOutput(io.Discard)
		return nc, &gortmp.ConnConfig{Handler: h, Logger: log}
	}})
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return urlOf(t, l, false)
}

// A server that others wrote gets what we send. Its reader loses step at
// messages of several chunks past 4 h 39 m, by a bug of its own, so those are
// left to the strict parser (TestChunkRoundTrip).
func TestClientToGoRTMP(t *testing.T) {
	h := &gortmpHandler{}
	u := startGoRTMP(t, h)
	u.App = "live2?backup=1"
	log, _ := newSecretLog(t)
	c, err := Dial(t.Context(), ClientConfig{URL: u, Key: NewStreamKey(testKey), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	var want []Message
	for _, at := range []uint32{0, 1000, 0xFFFFFF - 20} {
		for i := range uint32(4) {
			want = append(want, Message{Video, at + i*20, 1, seq(25_000 + int(i))}, Message{Audio, at + i*20 + 7, 1, seq(300)})
		}
	}
	for _, m := range want {
		if err := c.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-h.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("go-rtmp did not see the end")
	}
	if diff := gocmp.Diff(want, h.got, equateEmpty); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if h.app != u.App || h.key != testKey {
		t.Errorf("app %q", h.app)
	}
}

func TestGoRTMPRefuses(t *testing.T) {
	h := &gortmpHandler{refuse: true}
	_, err := Dial(t.Context(), ClientConfig{URL: startGoRTMP(t, h), Key: NewStreamKey(testKey)})
	requireError(t, err, KindRejected, PhasePublish)
	<-h.closed
}

// go-rtmp's client publishes to our Server, also past 4 h 39 m, where it leaves
// the extended timestamp out of format 3.
func TestGoRTMPToServer(t *testing.T) {
	source := makeClip(t, "320x240")
	for _, offset := range []uint32{0, 0xFFFFFF - 1000, 1<<31 - 1000, 1<<32 - 1000} {
		addr, sink := ingestFor(t)
		log := logrus.New()
		log.SetOutput(io.Discard)
		c, err := gortmp.Dial("rtmp", addr, &gortmp.ConnConfig{Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Connect(&message.NetConnectionConnect{Command: message.NetConnectionConnectCommand{App: "live2", TCURL: "rtmp://" + addr + "/live2?backup=1"}}); err != nil {
			t.Fatal(err)
		}
		stream, err := c.CreateStream(nil, 4096)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Publish(&message.NetStreamPublish{PublishingName: testKey, PublishingType: "live"}); err != nil {
			t.Fatal(err)
		}
		want := readFLV(t, source)
		for _, m := range want {
			var msg message.Message = &message.VideoMessage{Payload: bytes.NewReader(m.Payload)}
			if m.Type == Audio {
				msg = &message.AudioMessage{Payload: bytes.NewReader(m.Payload)}
			}
			if err := stream.Write(int(chunkStreamFor(m.Type)), m.Timestamp+offset, msg); err != nil {
				t.Fatal(err)
			}
		}
		// Its writes are still on their way: the goodbye waits behind the last
		// picture, on the same chunk stream. Its own DeleteStream is a race.
		goodbye, err := encodeAMF(nil, stream.StreamID())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Write(csVideo, 0, &message.CommandMessage{CommandName: "deleteStream", Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader(goodbye)}); err != nil {
			t.Fatal(err)
		}
		got := sink.wait(t)
		c.Close()
		for i := range got {
			got[i].Timestamp -= offset
			got[i].StreamID = 0
		}
		requireSameFrames(t, source, got)
		// It sends each chunk stream in order, but not one after the other.
		byType := func(a, b Message) int { return cmp.Compare(a.Type, b.Type) }
		slices.SortStableFunc(want, byType)
		slices.SortStableFunc(got, byType)
		if diff := gocmp.Diff(want, got, equateEmpty); diff != "" {
			t.Errorf("%d messages of %d (-want +got):\n%.2000s", len(got), len(want), diff)
		}
		if p := sink.publish; p.App != "live2?backup=1" || p.Key.Reveal() != testKey || sink.endErr != nil {
			t.Errorf("published %+v, ended with %v", p, sink.endErr)
		}
	}
}

// BenchmarkGoRTMPWriter puts the load of BenchmarkWriteMessage through
// go-rtmp's writer, at the same chunk size.
func BenchmarkGoRTMPWriter(b *testing.B) {
	cs := gortmp.NewChunkStreamer(nil, io.Discard, &gortmp.StreamControlStateConfig{
		DefaultChunkSize: outChunkSize, MaxChunkSize: outChunkSize, MaxMessageStreams: 4, MaxChunkStreams: 8,
	})
	defer cs.Close()
	body := make([]byte, 25_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for at := uint32(0); b.Loop(); at += 33 {
		m := gortmp.ChunkMessage{StreamID: 1, Message: &message.VideoMessage{Payload: bytes.NewReader(body)}}
		if err := cs.Write(context.Background(), csVideo, at, &m); err != nil {
			b.Fatal(err)
		}
	}
}
