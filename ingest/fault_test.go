package ingest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"venuecast/rtmp"
)

func TestParseFaults(t *testing.T) {
	for _, c := range []struct {
		items string
		want  Faults
		list  string // "": the items
		fails string
	}{
		{items: ""},
		{items: "refuse", want: Faults{Refuse: true}},
		{items: "badname", want: Faults{BadName: true}},
		{items: "silent", want: Faults{Silent: true}},
		{items: "close-after=30s", want: Faults{CloseAfter: 30 * time.Second}},
		{items: "close-after=60m", want: Faults{CloseAfter: time.Hour}, list: "close-after=1h"},
		{items: "stall=10s@60s", want: Faults{Stall: 10 * time.Second, StallAt: time.Minute}, list: "stall=10s@1m"},
		{items: "slow=2M", want: Faults{Slow: 2e6}},
		{items: "slow=1500k", want: Faults{Slow: 1.5e6}},
		{items: "slow=1234567", want: Faults{Slow: 1234567}},
		{items: "slow=0.5M", want: Faults{Slow: 5e5}, list: "slow=500k"},
		{items: "reset-without-metadata", want: Faults{ResetWithoutMetadata: true}},
		{items: "slow=2M no-acks tiny-window", want: Faults{Slow: 2e6, NoAcks: true, TinyWindow: true}},

		{items: "sleepy", fails: `fault "sleepy": there is no such fault`},
		{items: "refuse=1", fails: "takes no value"},
		{items: "close-after", fails: `wants a time such as 30s, not ""`},
		{items: "close-after=", fails: "has no value"},
		{items: "close-after=soon", fails: `not "soon"`},
		{items: "close-after=-1s", fails: `not "-1s"`},
		{items: "stall=10s", fails: "such as 10s@60s"},
		{items: "stall=10@60s", fails: `not "10"`},
		{items: "slow=fast", fails: `not "fast"`},
		{items: "slow=NaN", fails: `not "NaN"`},
		{items: "slow=0", fails: "bits a second"},
		{items: "slow=2G", fails: "bits a second"},
		{items: "no-acks no-acks", fails: "asked for twice"},
		{items: "refuse no-acks", fails: "leaves nothing for another fault"},
		{items: "slow=2M silent", fails: "leaves nothing for another fault"},
	} {
		got, err := ParseFaults(strings.Fields(c.items))
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "stall=10s@60s") {
				t.Errorf("%q: got error %v, want %q and the list of faults", c.items, err, c.fails)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v, want %+v", c.items, got, err, c.want)
		}
		if c.list == "" {
			c.list = c.items
		}
		if list := strings.Join(got.List(), " "); list != c.list {
			t.Errorf("%q is listed as %q, want %q", c.items, list, c.list)
		}
	}
}

// What is listed can be asked for.
func TestFaultsHelp(t *testing.T) {
	for _, h := range FaultsHelp() {
		f, err := ParseFaults([]string{h.Syntax})
		if err != nil || f == (Faults{}) || h.What == "" {
			t.Errorf("%q: %+v, %v", h.Syntax, f, err)
		}
	}
}

// refusedBy dials and gives what the client says of it.
func refusedBy(t *testing.T, r *rehearsal) *rtmp.Error {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), r.client("live2", nil))
	if err == nil {
		goodbye(c)
		t.Fatal("the client publishes")
	}
	var e *rtmp.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T: %v", err, err)
	}
	return e
}

func TestFaultsAtConnecting(t *testing.T) {
	for _, c := range []struct {
		faults Faults
		kind   rtmp.Kind
		phase  rtmp.Phase
		told   string
	}{
		{Faults{Refuse: true}, rtmp.KindRefused, rtmp.PhaseDial, ""},
		{Faults{BadName: true}, rtmp.KindBadName, rtmp.PhasePublish, "the fault badname"},
		{Faults{Silent: true}, rtmp.KindTimeout, rtmp.PhaseHandshake, "the fault silent: it is not answered"},
	} {
		t.Run(c.faults.List()[0], func(t *testing.T) {
			r := rehearse(t, Config{Faults: c.faults})
			if e := refusedBy(t, r); e.Kind != c.kind || e.Phase != c.phase {
				t.Errorf("the client says %q, want %v in phase %q", e, c.kind, c.phase)
			}
			if c.told == "" {
				return
			}
			if e := r.tells(Refused); e.Text != c.told || e.Session.Remote == "" {
				t.Errorf("told %+v, want %q and from where", e, c.told)
			}
			if list := r.told(Connected); len(list) > 0 {
				t.Errorf("%d sessions", len(list))
			}
		})
	}
}

// The port of the fault refuse is nobody else's, and free again behind it.
func TestRefuseKeepsPort(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Faults{Refuse: true})
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if _, err := net.DialTimeout("tcp", addr, time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, want ECONNREFUSED", err)
	}
	_, err = Listen(t.Context(), addr, Faults{})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("listen on a port that is in use: %v, want a hint", err)
	}
	if _, err := Listen(t.Context(), addr, Faults{Refuse: true}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("reserve a port that is in use: %v", err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	again, err := Listen(t.Context(), addr, Faults{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestListenErrors(t *testing.T) {
	_, err := Listen(t.Context(), "192.0.2.1:1935", Faults{}) // reserved for documentation [RFC 5737]
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || !strings.Contains(err.Error(), "this machine has no such address") {
		t.Errorf("listen on a stranger's address: %v, want a hint", err)
	}
	denied := listenError("127.0.0.1:443", &net.OpError{Op: "listen", Err: syscall.EACCES})
	if want := "listen on 127.0.0.1:443: permission denied; ports below 1024 need privileges"; !strings.HasPrefix(denied.Error(), want) {
		t.Errorf("got %q, want %q", denied, want)
	}
}

func TestFaultCloseAfter(t *testing.T) {
	r := rehearse(t, Config{Faults: Faults{CloseAfter: 300 * time.Millisecond}})
	began := time.Now()
	c := r.publish("live2", nil)
	describe(t, c, "")
	for at := uint32(0); c.WriteMessage(picture(at, at == 0, 500)) == nil; at += 20 {
		if at > 3000 {
			t.Fatal("the session goes on")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if e := ended(t, c); e.Kind != rtmp.KindClosed || e.Phase != rtmp.PhaseLive {
		t.Errorf("the client says %q, want that it was closed", e)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("closed after %v", took)
	}
	if e := r.tells(Disconnected); e.Text != "the fault close-after=300ms" {
		t.Errorf("told %q", e.Text)
	}
}

func TestFaultResetWithoutMetadata(t *testing.T) {
	r := rehearse(t, Config{Faults: Faults{ResetWithoutMetadata: true}})
	c := r.publish("live2", nil)
	send(t, c, picture(0, true, 500))
	e := ended(t, c)
	if e.Kind != rtmp.KindClosed || !errors.Is(e, syscall.ECONNRESET) {
		t.Errorf("the client says %q (%v), want that it was reset", e, e.Err)
	}
	if e := r.tells(Disconnected); e.Text != "the fault reset-without-metadata" {
		t.Errorf("told %q", e.Text)
	}
	// With metadata all is well.
	c = r.publish("live2", nil)
	describe(t, c, "")
	send(t, c, picture(0, true, 500))
	goodbye(c)
	if list := r.told(Disconnected); len(list) != 2 || !list[1].Session.Goodbye {
		r.stop()
		if list = r.told(Disconnected); len(list) != 2 || !list[1].Session.Goodbye {
			t.Errorf("told %+v, want a session that ended by a goodbye", list)
		}
	}
}

// taken sends pictures as fast as they are taken, for a time, and gives how
// many bytes that were.
func taken(t *testing.T, c *rtmp.Client, d time.Duration) (bytes int64) {
	t.Helper()
	for began := time.Now(); time.Since(began) < d; bytes += 10e3 {
		if err := c.WriteMessage(picture(uint32(time.Since(began).Milliseconds()), false, 10e3)); err != nil {
			t.Fatal(err)
		}
	}
	return bytes
}

// A session that is slow takes what it is to take, once what lies on the way is
// full, and the client lives.
func TestFaultSlow(t *testing.T) {
	r := rehearse(t, Config{Faults: Faults{Slow: 4e6}})
	c := r.publish("live2", nil)
	describe(t, c, "")
	taken(t, c, 500*time.Millisecond)
	const d = 2 * time.Second
	n := taken(t, c, d)
	if rate := float64(n) * 8 / d.Seconds(); rate < 2e6 || rate > 8e6 {
		t.Errorf("%.1f Mbit/s are taken, want about 4", rate/1e6)
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

// While a session stalls the client cannot go on for long, and then it can.
func TestFaultStall(t *testing.T) {
	r := rehearse(t, Config{Faults: Faults{Stall: 700 * time.Millisecond, StallAt: 200 * time.Millisecond}})
	c := r.publish("live2", nil)
	describe(t, c, "")
	var longest time.Duration
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		at := time.Now()
		send(t, c, picture(uint32(time.Since(began).Milliseconds()), false, 50e3))
		longest = max(longest, time.Since(at))
		time.Sleep(time.Millisecond)
	}
	if longest < 300*time.Millisecond || longest > 1500*time.Millisecond {
		t.Errorf("a write took %v at the most, want about the 700 ms of the stall", longest)
	}
	if e := r.tells(FaultActs); e.Text != "stall=700ms@200ms" {
		t.Errorf("told %q", e.Text)
	}
	if list := r.told(FaultActs); len(list) != 1 {
		t.Errorf("it acted %d times", len(list))
	}
}

// An ingest that stalls can be stopped.
func TestStopWhileStalled(t *testing.T) {
	r := rehearse(t, Config{Faults: Faults{Stall: time.Hour, StallAt: time.Nanosecond}})
	c := r.publish("live2", nil)
	describe(t, c, "")
	r.tells(FaultActs)
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if list := r.told(Disconnected); len(list) != 1 || list[0].Text != "this ingest was stopped" {
		t.Errorf("told %+v", list)
	}
}

func TestFaultAcks(t *testing.T) {
	for _, c := range []struct {
		faults Faults
		acks   bool
	}{
		{Faults{}, true},
		{Faults{TinyWindow: true}, true},
		{Faults{NoAcks: true}, false},
		{Faults{NoAcks: true, TinyWindow: true}, false},
	} {
		t.Run(strings.Join(append([]string{"faults"}, c.faults.List()...), " "), func(t *testing.T) {
			r := rehearse(t, Config{Faults: c.faults})
			client := r.publish("live2", nil)
			describe(t, client, "")
			for i := range uint32(30) {
				send(t, client, picture(i*33, i == 0, 20e3))
			}
			seen := false
			for i := 0; i < 100 && !seen; i++ {
				seen = client.Stats().AckSeen
				time.Sleep(5 * time.Millisecond)
			}
			if seen != c.acks {
				t.Errorf("acknowledged: %v, want %v", seen, c.acks)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := client.Close(ctx); err != nil {
				t.Error(err)
			}
			if e := r.tells(Disconnected); !e.Session.Goodbye || e.Session.Totals.Pictures != 30 {
				t.Errorf("%+v, want 30 pictures and a goodbye", e.Session)
			}
		})
	}
}

// The flag's help, the parser and the list agree on what there is.
func TestFaultNames(t *testing.T) {
	all := Faults{true, true, true, time.Second, time.Second, time.Second, 1e6, true, true, true}
	var names []string
	for _, item := range all.List() {
		name, _, _ := strings.Cut(item, "=")
		names = append(names, name)
	}
	var want []string
	for _, f := range faults {
		want = append(want, f.name())
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(names))); d != "" {
		t.Error(d)
	}
}
