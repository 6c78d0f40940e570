package rtmp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What a Handler learns of where somebody wants to publish.
func TestPublishIdentity(t *testing.T) {
	type object = map[string]any
	tests := []struct {
		name    string
		connect object
		key     string
		app     string // "refused" for that
		backup  bool
	}{
		{"plain", object{"app": "live2", "tcUrl": "rtmp://h/live2"}, "k", "live2", false},
		{"backup in the app", object{"app": "live2?backup=1", "tcUrl": "rtmp://h/live2?backup=1"}, "k", "live2?backup=1", true},
		{"backup in tcUrl alone", object{"app": "live2", "tcUrl": "rtmp://h:1935/live2?backup=1"}, "k", "live2?backup=1", true},
		{"backup behind the key", object{"app": "live2", "tcUrl": "rtmp://h/live2"}, "k?a=b&backup=1", "live2", true},
		{"backup behind a key's own query", object{"app": "live2"}, "k?a=b?backup=1", "live2", true},
		{"no backup", object{"app": "live2?backup=10&xbackup=1"}, "k?backup=0", "live2?backup=10&xbackup=1", false},
		{"slashes", object{"app": "/live2/", "tcUrl": "rtmp://h/live2/"}, "k", "live2", false},
		{"slashes and a query", object{"app": "live2/?backup=1"}, "k", "live2?backup=1", true},
		{"instance", object{"app": "live/inst", "tcUrl": "rtmp://h/live/inst"}, "k", "live/inst", false},
		{"another app's tcUrl", object{"app": "live2", "tcUrl": "rtmp://h/other?backup=1"}, "k", "live2", false},
		{"tcUrl that is none", object{"app": "live2", "tcUrl": "rtmp://%zz?backup=1"}, "k", "live2", false},
		{"tcUrl that is no text", object{"app": "live2", "tcUrl": 5}, "k", "live2", false},
		{"an empty query", object{"app": "live2?"}, "k", "live2", false},
		{"no app", object{}, "k", "", false},
		{"app that is no text", object{"app": 7}, "k", "", false},
		{"control characters", object{"app": "live\x1b[2J"}, "k", "refused", false},
		{"too long", object{"app": strings.Repeat("x", maxAppLen+1)}, "k", "refused", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t)
			sink := &recorder{}
			startServer(t, &Server{Handler: sink.accept}, l)
			c := dialRaw(t, l)
			c.command(0, "connect", 1, tt.connect)
			if tt.app == "refused" {
				c.expect("_error", "NetConnection.Connect.InvalidApp")
				if _, err := c.Read(); err != io.EOF {
					t.Errorf("after the refusal: %v", err)
				}
				c.nc.Close()
				return
			}
			c.expect("_result", "NetConnection.Connect.Success")
			c.command(1, "publish", 2, nil, tt.key, "live")
			c.expect("onStatus", publishStart)
			c.nc.Close()
			sink.wait(t)
			name, _, _ := strings.Cut(tt.key, "?")
			appName, _, _ := strings.Cut(tt.app, "?")
			if p := sink.publish; p.App != tt.app || p.Key.Reveal() != tt.key || p.Backup() != tt.backup || p.Name().Reveal() != name || p.AppName() != appName {
				t.Errorf("app %q, key %q, backup %v, name %q, %q", p.App, p.Key.Reveal(), p.Backup(), p.Name().Reveal(), p.AppName())
			}
		})
	}
}

// A room is a Server at the other end of pipes, in virtual time.
type room struct {
	t *testing.T
	l *pipeListener

	events []string // of sinks, in their order
}

func newRoom(t *testing.T, s *Server) *room {
	r := &room{t: t, l: newPipeListener()}
	s.Handler = func(ctx context.Context, p Publish) (Sink, error) {
		r.events = append(r.events, "start "+p.FlashVer)
		return &roomSink{r, ctx, p.FlashVer}, nil
	}
	startServer(t, s, r.l)
	return r
}

type roomSink struct {
	r    *room
	ctx  context.Context
	name string
}

// HandleMessage blocks on video until the connection ends.
func (s *roomSink) HandleMessage(m Message) error {
	if m.Type == Video {
		<-s.ctx.Done()
	}
	return nil
}

func (s *roomSink) End(err error) {
	s.r.events = append(s.r.events, "end "+s.name)
	if errors.Is(err, ErrReplaced) {
		s.r.events = append(s.r.events, "replaced "+s.name)
	}
}

// dial publishes as somebody whose connection can fall silent.
func (r *room) dial(name, app, key string) (*Client, error) {
	cfg := pipeConfig(r.t, nil)
	cfg.URL.App, cfg.Key, cfg.FlashVer = app, NewStreamKey(key), name
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return newElastic(r.l.dial()), nil }
	return Dial(r.t.Context(), cfg)
}

func (r *room) mustDial(name, app, key string) *Client {
	r.t.Helper()
	c, err := r.dial(name, app, key)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	r.t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func (r *room) mustBeRefused(name, app, key string) {
	r.t.Helper()
	_, err := r.dial(name, app, key)
	if e := requireError(r.t, err, KindBadName, PhasePublish); e.Code != badName {
		r.t.Errorf("code %q", e.Code)
	}
}

func (r *room) require(want string) {
	r.t.Helper()
	synctest.Wait()
	if got := strings.Join(r.events, ", "); got != want {
		r.t.Errorf("events: %s\nwant: %s", got, want)
	}
}

func TestSecondPublisher(t *testing.T) {
	const backup = "live2?backup=1"
	t.Run("is refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, &Server{})
			a := r.mustDial("a", "live2", "k")
			r.mustBeRefused("b", "live2", "k")
			r.mustBeRefused("b", "/live2/", "k")
			r.mustDial("c", backup, "k")
			r.mustBeRefused("d", backup, "k")
			r.mustDial("e", "live2", "other")
			if err := a.WriteMessage(Message{Type: Audio}); err != nil {
				t.Errorf("the first: %v", err)
			}
			time.Sleep(defaultIdleTimeout - time.Second)
			r.mustBeRefused("f", "live2", "k") // however silent the first
			a.Close(t.Context())
			synctest.Wait()
			r.mustDial("g", "live2", "k")
			r.require("start a, start c, start e, end a, start g")
		})
	})
	t.Run("replaces the dead", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, &Server{SecondPublisher: ReplaceDead})
			a := r.mustDial("a", "live2", "k")
			r.mustBeRefused("b", "live2", "k")
			time.Sleep(4 * time.Second)
			a.WriteMessage(Message{Type: Audio})
			time.Sleep(defaultDeadAfter - time.Millisecond)
			r.mustBeRefused("c", "live2", "k")
			time.Sleep(time.Millisecond)
			r.mustDial("d", "live2", "k")
			r.require("start a, end a, replaced a, start d")
			<-a.Done()
			requireError(t, a.Err(), KindClosed, PhaseLive)
			r.mustBeRefused("e", "live2", "k")
		})
	})
	t.Run("replaces one that we do not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, &Server{SecondPublisher: ReplaceDead, DeadAfter: time.Second})
			a := r.mustDial("a", "live2", "k")
			a.WriteMessage(Message{Type: Video})
			time.Sleep(time.Second)
			r.mustDial("b", "live2", "k")
			r.require("start a, end a, replaced a, start b")
		})
	})
	t.Run("is not waited for without end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// The first's sink does not come back.
			s := &Server{SecondPublisher: ReplaceDead, DeadAfter: time.Second}
			l := newPipeListener()
			release := make(chan struct{})
			s.Handler = func(context.Context, Publish) (Sink, error) { return stuckSink(release), nil }
			startServer(t, s, l)
			r := &room{t: t, l: l}
			a := r.mustDial("a", "live2", "k")
			a.WriteMessage(Message{Type: Audio})
			time.Sleep(time.Second)
			start := time.Now()
			cfgErr := func() error { _, err := r.dial("b", "live2", "k"); return err }()
			requireError(t, cfgErr, KindTimeout, PhasePublish)
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("took %v", took)
			}
			close(release)
			synctest.Wait()
			r.mustDial("c", "live2", "k")
		})
	})
	t.Run("is allowed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, &Server{SecondPublisher: AllowSecond})
			r.mustDial("a", "live2", "k")
			r.mustDial("b", "live2", "k")
			r.require("start a, start b")
		})
	})
}

// A stuckSink blocks until it is closed, whatever happens.
type stuckSink chan struct{}

func (s stuckSink) HandleMessage(Message) error { <-s; return nil }
func (s stuckSink) End(error)                   {}

// genuine are the two ends' keys of the signed handshake, as Flash has them.
func genuine(name string) []byte {
	return append([]byte("Genuine Adobe "+name+" 001"),
		0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
		0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE)
}

// Who signs C1 gets signatures, and who does not gets its own C1 back.
func TestServerHandshake(t *testing.T) {
	hash := func(key, b []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(b)
		return h.Sum(nil)
	}
	without := func(b []byte, at int) []byte { return append(bytes.Clone(b[:at]), b[at+32:]...) }
	offset := func(b []byte, place int) int {
		return place + 4 + (int(b[place])+int(b[place+1])+int(b[place+2])+int(b[place+3]))%728
	}
	player, server := genuine("Flash Player"), genuine("Flash Media Server")
	tests := []struct {
		name    string
		version uint32
		place   int // of the digest, 0 for none
		spoil   bool
		signed  bool
	}{
		{"plain", 0, 0, false, false},
		{"a version but no signature", 0x09007C02, 0, false, false},
		{"a signature but no version", 0, 8, false, false},
		{"a wrong signature", 0x09007C02, 8, true, false},
		{"signed in front", 0x0A002D02, 8, false, true},
		{"signed behind", 0x80000702, 772, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipeListener()
				startServer(t, &Server{}, l)
				nc := newElastic(l.dial())
				defer nc.Close()
				c1 := seq(signatureSize)
				binary.BigEndian.PutUint32(c1[4:], tt.version)
				var digest []byte
				if tt.place > 0 {
					at := offset(c1, tt.place)
					digest = hash(player[:30], without(c1, at))
					copy(c1[at:], digest)
					if tt.spoil {
						c1[at]++
					}
				}
				for _, b := range append([]byte{3}, c1...) {
					nc.Write([]byte{b})
				}
				answer := make([]byte, handshakeSize)
				if _, err := io.ReadFull(nc, answer); err != nil {
					t.Fatal(err)
				}
				s1, s2 := answer[1:1+signatureSize], answer[1+signatureSize:]
				if version := binary.BigEndian.Uint32(s1[4:]); answer[0] != 3 || (version != 0) != tt.signed {
					t.Errorf("version %d, %#x", answer[0], version)
				}
				if tt.signed {
					at := offset(s1, tt.place)
					if !bytes.Equal(s1[at:at+32], hash(server[:36], without(s1, at))) {
						t.Error("S1 is not signed")
					}
					if !bytes.Equal(s2[1504:], hash(hash(server, digest), s2[:1504])) {
						t.Error("S2 is not signed")
					}
				} else if !bytes.Equal(s2[8:], c1[8:]) || !bytes.Equal(s2[:4], c1[:4]) {
					t.Error("S2 is not C1")
				}
				nc.Write(s1)
				c := &rawClient{t, newWire(newReader(nc), nc, 0, serverWindow, orDiscard(nil)), nc}
				c.command(0, "connect", 1, nil)
				c.expect("_result", "NetConnection.Connect.Success")
			})
		})
	}
}

// What is not RTMP is closed on at once.
func TestServerNotRTMP(t *testing.T) {
	for _, hello := range []string{"\x06", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "GET / HTTP/1.1\r\n\r\n", "\x00"} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipeListener()
			startServer(t, &Server{}, l)
			nc := newElastic(l.dial())
			nc.Write([]byte(hello))
			start := time.Now()
			if b, err := io.ReadAll(nc); len(b) > 0 || err != nil || time.Since(start) != 0 {
				t.Errorf("%q: answered with %q, %v after %v", hello, b, err, time.Since(start))
			}
			nc.Close()
		})
	}
}
