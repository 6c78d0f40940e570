package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"venuecast/flv"
	"venuecast/rtmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is long and odd enough not to turn up by chance.
const testKey = "k3y-s3cr-7777-abcd-zyxw"

// A rehearsal is an ingest that runs for a test, and what it has told.
type rehearsal struct {
	t    *testing.T
	in   *Ingest
	port string

	mu     sync.Mutex
	events []Event

	stop func()
}

// rehearse runs an ingest until the test ends, or stop is called.
func rehearse(t *testing.T, cfg Config) *rehearsal {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", cfg.Faults)
	if err != nil {
		t.Fatal(err)
	}
	r := &rehearsal{t: t}
	_, r.port, _ = net.SplitHostPort(l.Addr().String())
	cfg.Event = func(e Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}
	r.in = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.in.Run(ctx, l) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		for _, e := range r.told() {
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, testKey) {
				t.Errorf("the key is in an event: %s", text)
			}
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *rehearsal) told(kinds ...EventKind) (list []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		for _, k := range kinds {
			if e.Kind == k {
				list = append(list, e)
			}
		}
		if len(kinds) == 0 {
			list = append(list, e)
		}
	}
	return list
}

// tells waits for the first event of a kind.
func (r *rehearsal) tells(kind EventKind) Event {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if list := r.told(kind); len(list) > 0 {
			return list[0]
		}
	}
	r.t.Fatalf("no event %q, but %+v", kind, r.told())
	return Event{}
}

// client is how to publish to the ingest; roots are for rtmps.
func (r *rehearsal) client(app string, roots *x509.CertPool) rtmp.ClientConfig {
	scheme := "rtmp"
	if roots != nil {
		scheme = "rtmps"
	}
	url, err := rtmp.ParseURL(fmt.Sprintf("%s://127.0.0.1:%s/%s", scheme, r.port, app))
	if err != nil {
		r.t.Fatal(err)
	}
	wait := 2 * time.Second
	return rtmp.ClientConfig{URL: url, Key: rtmp.NewStreamKey(testKey), RootCAs: roots, Timeouts: rtmp.Timeouts{
		Dial: wait, TLS: wait / 4, Handshake: wait / 4, Command: wait, Write: wait,
	}}
}

// publish begins a session.
func (r *rehearsal) publish(app string, roots *x509.CertPool) *rtmp.Client {
	r.t.Helper()
	c, err := rtmp.Dial(r.t.Context(), r.client(app, roots))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { goodbye(c) })
	return c
}

// goodbye ends a session.
func goodbye(c *rtmp.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

// describe sends metadata.
func describe(t *testing.T, c *rtmp.Client, encoder string) {
	t.Helper()
	body := flv.Metadata{Width: 320, Height: 180, FrameRate: 30, VideoDataRate: 2000, AudioDataRate: 128, Encoder: encoder}.Tag(0).Body
	send(t, c, rtmp.Message{Type: rtmp.DataAMF0, Payload: flv.SetDataFrame(body)})
}

func send(t *testing.T, c *rtmp.Client, m rtmp.Message) {
	t.Helper()
	if err := c.WriteMessage(m); err != nil {
		t.Fatal(err)
	}
}

// picture is a message of size bytes that passes for a picture.
func picture(at uint32, key bool, size int) rtmp.Message {
	body := make([]byte, size)
	body[0], body[1] = 0x27, 1
	if key {
		body[0] = 0x17
	}
	return rtmp.Message{Type: rtmp.Video, Timestamp: at, Payload: body}
}

// ended waits for the session's end, and gives why the client says it ended.
func ended(t *testing.T, c *rtmp.Client) *rtmp.Error {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the session goes on")
	}
	e, _ := c.Err().(*rtmp.Error)
	return e
}

// serverConfig serves a certificate of our own.
func serverConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
}
