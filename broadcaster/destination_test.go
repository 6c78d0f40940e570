package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/flv"
	"venuecast/health"
	"venuecast/rtmp"
)

// fakeSession is a Publisher that remembers.
type fakeSession struct {
	mu     sync.Mutex
	names  []string
	done   chan struct{}
	err    error
	hang   chan struct{} // WriteTag blocks until it is closed, or Close
	closed bool
	health health.Report
}

func newFakeSession() *fakeSession { return &fakeSession{done: make(chan struct{})} }

func (s *fakeSession) WriteTag(tag *flv.Tag) error {
	if s.hang != nil {
		select {
		case <-s.hang:
		case <-s.done:
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	name := named(*tag)
	if tag.Header && tag.Type == flv.TypeVideo && len(tag.Body) == 5 {
		name = "end"
	}
	s.names = append(s.names, name)
	return nil
}

func (s *fakeSession) Done() <-chan struct{} { return s.done }
func (s *fakeSession) Err() error            { s.mu.Lock(); defer s.mu.Unlock(); return s.err }
func (s *fakeSession) Stats() rtmp.Stats     { return rtmp.Stats{BytesWritten: int64(len(s.written()))} }

func (s *fakeSession) Health(time.Time) health.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// judged has the session judged so from now on.
func (s *fakeSession) judged(issues ...health.Issue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.Issues = issues
}

func (s *fakeSession) Close(context.Context) error {
	s.end(&rtmp.Error{Kind: rtmp.KindCanceled})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *fakeSession) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.done)
	}
}

func (s *fakeSession) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.names, " ")
}

// ingest answers a destination's dials as a test says, and notes when.
type ingest struct {
	mu    sync.Mutex
	dials []time.Time
	keys  []string
	next  func(n int) (*fakeSession, error)
}

func (i *ingest) dial(ctx context.Context, key rtmp.StreamKey) (Publisher, error) {
	i.mu.Lock()
	n := len(i.dials)
	i.dials = append(i.dials, time.Now())
	i.keys = append(i.keys, key.Reveal())
	i.mu.Unlock()
	s, err := i.next(n)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (i *ingest) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.dials)
}

var common = Config{
	MaxLatency: 4 * time.Second,
	Backoff:    BackoffConfig{Initial: 250 * time.Millisecond, Max: 2 * time.Second, RejectedMax: 30 * time.Second},
}

// start runs a destination in the test's bubble, with pictures 30 a second
// until it is stopped.
func start(t *testing.T, in *ingest, camera bool) (d *Destination, hub *Hub, hook *logtest.Hook, stop func()) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	hub = NewHub()
	d = NewDestination(DestinationConfig{Name: "test", URL: "rtmp://127.0.0.1/live", KeyEnv: "X"}, common, hub, in.dial, log)
	d.key = func() (rtmp.StreamKey, error) { return rtmp.NewStreamKey("key"), nil }
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	g.Go(func() {
		if err := d.Run(ctx); err != nil && !errors.Is(err, errNotDrained) {
			t.Errorf("Run: %v", err)
		}
	})
	if camera {
		g.Go(func() { film(ctx, hub) })
	}
	return d, hub, hook, func() { cancel(); g.Wait() }
}

// film publishes 30 pictures a second, a keyframe each second.
func film(ctx context.Context, hub *Hub) {
	s := stream{hub}
	s.publish("M S H")
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("P%d", i*3)
		if i%30 == 0 {
			name = "K" + name[1:]
		}
		s.publish(name)
		time.Sleep(3 * unit)
	}
}

func refused() error {
	return &rtmp.Error{Kind: rtmp.KindRefused, Phase: rtmp.PhaseDial, Addr: "127.0.0.1:1935", Err: errors.New("connection refused")}
}

func closed() error {
	return &rtmp.Error{Kind: rtmp.KindClosed, Phase: rtmp.PhaseLive, Addr: "127.0.0.1:1935"}
}

func TestOnAirAndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		session := newFakeSession()
		in := &ingest{next: func(int) (*fakeSession, error) { return session, nil }}
		d, _, hook, stop := start(t, in, true)
		time.Sleep(3 * time.Second)
		st := d.Status()
		if st.State != StateOnAir || st.Sessions != 1 || st.Reconnects() != 0 || st.Pictures < 90 {
			t.Errorf("status %+v", st)
		}
		stop()
		got := session.written()
		if !strings.HasPrefix(got, "M S H K0 P3 P6 ") || !strings.HasSuffix(got, " end") && !session.closed {
			t.Errorf("wrote %.40q ... %q", got, got[len(got)-20:])
		}
		if !session.closed {
			t.Error("no goodbye")
		}
		if st := d.Status().State; st != StateOff {
			t.Errorf("state %v after the end", st)
		}
		var said []string
		for _, e := range hook.AllEntries() {
			said = append(said, e.Message)
		}
		if strings.Join(said, ", ") != "connected to the ingest, on air" {
			t.Errorf("logged %q", said)
		}
	})
}

func TestRetriesDoubleWithJitterAndStartOverWhenHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions []*fakeSession
		in := &ingest{}
		in.next = func(n int) (*fakeSession, error) {
			if n < 40 || n > 40 && n < 60 {
				return nil, refused()
			}
			sessions = append(sessions, newFakeSession())
			return sessions[len(sessions)-1], nil
		}
		d, _, hook, stop := start(t, in, true)
		defer stop()
		time.Sleep(90 * time.Second)
		for i := 1; i <= 40; i++ {
			wait := in.dials[i].Sub(in.dials[i-1])
			limit := min(250*time.Millisecond<<min(i-1, 8), 2*time.Second) + time.Millisecond
			if wait > limit {
				t.Errorf("wait %d was %v, want at most %v", i, wait, limit)
			}
		}
		if st := d.Status(); st.State != StateOnAir {
			t.Fatalf("status %+v", st)
		}
		warnings := 0
		for _, e := range hook.AllEntries() {
			if e.Level == logrus.WarnLevel {
				warnings++
			}
		}
		if warnings != 1 {
			t.Errorf("%d warnings about one outage, want 1", warnings)
		}
		sessions[0].end(closed())
		time.Sleep(251 * time.Millisecond)
		if in.count() < 42 {
			t.Error("after a healthy session the first wait was over 250 ms")
		}
		time.Sleep(time.Minute)
		if st := d.Status(); st.State != StateOnAir || st.Reconnects() != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestDaysOfBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) { return nil, refused() }}
		_, _, _, stop := start(t, in, false)
		time.Sleep(2 * 24 * time.Hour)
		stop()
		if n := in.count(); n < 2*86400/2 {
			t.Errorf("%d attempts in 2 days, want one at least every 2 s", n)
		}
	})
}

func TestRejectionBacksOffFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) {
			return nil, &rtmp.Error{Kind: rtmp.KindBadName, Phase: rtmp.PhasePublish, Code: "NetStream.Publish.BadName"}
		}}
		d, _, _, stop := start(t, in, true)
		defer stop()
		time.Sleep(10 * time.Minute)
		if st := d.Status(); st.State != StateRejected || st.Hint == "" || st.Cause == "" {
			t.Errorf("status %+v", st)
		}
		if n := in.count(); n < 600/30 || n > 150 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		for i := 1; i < in.count(); i++ {
			if wait := in.dials[i].Sub(in.dials[i-1]); wait > 31*time.Second {
				t.Errorf("wait %d was %v", i, wait)
			}
		}
	})
}

func TestClosedSoonAfterPublishTwiceIsProbablyTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) {
			s := newFakeSession()
			time.AfterFunc(30*time.Second, func() { s.end(closed()) })
			return s, nil
		}}
		d, _, _, stop := start(t, in, true)
		defer stop()
		time.Sleep(31 * time.Second)
		if st := d.Status(); st.State == StateRejected {
			t.Errorf("after one close: %+v", st)
		}
		seen := false
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			if st := d.Status(); st.State == StateRejected {
				seen = true
				if !strings.Contains(st.Cause, "probably") || st.Hint != "wrong key, or the event has ended" {
					t.Errorf("status %+v", st)
				}
			}
		}
		if !seen {
			t.Error("never rejected (probable)")
		}
	})
}

func TestAPlainCloseAtPublishIsProbablyTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) {
			return nil, &rtmp.Error{Kind: rtmp.KindClosed, Phase: rtmp.PhasePublish}
		}}
		d, _, _, stop := start(t, in, true)
		defer stop()
		time.Sleep(9 * time.Minute)
		if st := d.Status(); st.State != StateRejected || st.Hint != "wrong key, or the event has ended" {
			t.Errorf("status %+v", st)
		}
		if n := in.count(); n > 60 {
			t.Errorf("%d attempts in 9 minutes", n)
		}
	})
}

func TestAnIngestThatIsRestartedIsNotTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(n int) (*fakeSession, error) {
			if n%3 != 0 {
				return nil, refused()
			}
			s := newFakeSession()
			time.AfterFunc(8*time.Second, func() { s.end(closed()) })
			return s, nil
		}}
		d, _, _, stop := start(t, in, true)
		defer stop()
		for range 300 {
			time.Sleep(100 * time.Millisecond)
			if st := d.Status(); st.State == StateRejected {
				t.Fatalf("status %+v", st)
			}
		}
	})
}

func TestNoGreenWithoutPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) { return newFakeSession(), nil }}
		d, hub, hook, stop := start(t, in, false)
		defer stop()
		time.Sleep(time.Second)
		if st := d.Status(); st.State != StateWaiting {
			t.Errorf("connected, without a camera: %v", st.State)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		film(ctx, hub)
		cancel()
		if st := d.Status(); st.State != StateOnAir {
			t.Errorf("with a camera: %v", st.State)
		}
		time.Sleep(3 * time.Second)
		if st := d.Status(); st.State != StateWaiting || st.Cause == "" || st.Hint == "" {
			t.Errorf("3 s after the last picture: %+v", st)
		}
		if last := hook.LastEntry(); last.Level != logrus.WarnLevel {
			t.Errorf("the last log entry is %q", last.Message)
		}
		stream{hub}.publish("K9000")
		synctest.Wait()
		if st := d.Status(); st.State != StateOnAir || st.Cause != "" {
			t.Errorf("with the camera back: %+v", st)
		}
	})
}

func TestASlowCameraIsNoSilentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) { return newFakeSession(), nil }}
		d, hub, _, stop := start(t, in, false)
		defer stop()
		s := stream{hub}
		s.publish("M S H")
		for i := range 20 { // a picture each 1.5 s
			s.publish(fmt.Sprintf("K%d", i*150))
			synctest.Wait()
			time.Sleep(1499 * time.Millisecond)
			if st := d.Status(); i > 1 && st.State != StateOnAir {
				t.Fatalf("picture %d: %v", i, st.State)
			}
		}
	})
}

func TestStopEndsAWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeSession()
		s.hang = make(chan struct{})
		in := &ingest{next: func(int) (*fakeSession, error) { return s, nil }}
		_, _, _, stop := start(t, in, true)
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > goodbyeWithin {
			t.Errorf("stopping took %v", took)
		}
	})
}

func TestTheEndIsSentWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeSession()
		s.hang = make(chan struct{})
		in := &ingest{next: func(n int) (*fakeSession, error) { return s, nil }}
		d, hub, _, stop := start(t, in, false)
		stream{hub}.publish("M S H K0 P3 P6 P9")
		time.Sleep(time.Second)
		hub.Close()
		time.Sleep(time.Second)
		close(s.hang)
		synctest.Wait()
		if got := s.written(); got != "M S H K0 P3 P6 P9 end" {
			t.Errorf("wrote %q", got)
		}
		if d.Status().State != StateOff || !s.closed {
			t.Errorf("state %v", d.Status().State)
		}
		stop()
	})
}

func TestTheEndDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) { return nil, refused() }}
		d, hub, _, stop := start(t, in, false)
		stream{hub}.publish("M S H K0")
		hub.Close()
		time.Sleep(common.MaxLatency + drainWithin + 3*time.Second)
		if d.Status().State != StateOff {
			t.Errorf("state %v, %v after the end", d.Status().State, drainWithin)
		}
		stop()
	})
}

func TestAKeyThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(n int) (*fakeSession, error) { return newFakeSession(), nil }}
		log, hook := logtest.NewNullLogger()
		hub := NewHub()
		path := filepath.Join(t.TempDir(), "stream.key")
		d := NewDestination(DestinationConfig{Name: "test", URL: "rtmp://127.0.0.1/live", KeyFile: path}, common, hub, in.dial, log)
		ctx, cancel := context.WithCancel(t.Context())
		var g sync.WaitGroup
		g.Go(func() { _ = d.Run(ctx) })
		time.Sleep(5 * time.Minute)
		st := d.Status()
		if st.State != StateRejected || !strings.HasPrefix(st.Cause, "no key: ") || st.Hint == "" || in.count() != 0 {
			t.Errorf("without a key: %+v after %d dials", st, in.count())
		}
		if n := len(hook.AllEntries()); n != 1 {
			t.Errorf("said %d times in 5 minutes that there is no key, want once", n)
		}
		if err := os.WriteFile(path, []byte("the-key\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if st := d.Status(); st.State != StateWaiting || in.count() != 1 || in.keys[0] != "the-key" {
			t.Errorf("1.5 s after the key came: %v after %d dials", st.State, in.count())
		}
		cancel()
		g.Wait()
	})
}

func TestANewKeyIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := rtmp.NewStreamKey("wrong")
		var mu sync.Mutex
		in := &ingest{}
		in.next = func(n int) (*fakeSession, error) {
			if in.keys[n] == "right" {
				return newFakeSession(), nil
			}
			return nil, &rtmp.Error{Kind: rtmp.KindRejected, Phase: rtmp.PhasePublish}
		}
		log, _ := logtest.NewNullLogger()
		d := NewDestination(DestinationConfig{Name: "test", URL: "rtmp://127.0.0.1/live", KeyEnv: "X"}, common, NewHub(), in.dial, log)
		d.key = func() (rtmp.StreamKey, error) { mu.Lock(); defer mu.Unlock(); return key, nil }
		ctx, cancel := context.WithCancel(t.Context())
		var g sync.WaitGroup
		g.Go(func() { _ = d.Run(ctx) })
		time.Sleep(5 * time.Minute)
		mu.Lock()
		key = rtmp.NewStreamKey("right")
		mu.Unlock()
		time.Sleep(1100 * time.Millisecond)
		if st := d.Status(); st.State != StateWaiting {
			t.Errorf("1.1 s after the new key: %v", st.State)
		}
		cancel()
		g.Wait()
	})
}

func TestKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := map[string]string{"KEY": " abcd-efgh \n", "EMPTY": ""}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for _, test := range []struct {
		cfg  DestinationConfig
		want string
	}{
		{DestinationConfig{KeyFile: write("plain", "abcd-efgh")}, "abcd-efgh"},
		{DestinationConfig{KeyFile: write("windows", "\ufeffabcd-efgh\r\n")}, "abcd-efgh"},
		{DestinationConfig{KeyFile: write("query", "abcd?x=1&y=2\n")}, "abcd?x=1&y=2"},
		{DestinationConfig{KeyEnv: "KEY"}, "abcd-efgh"},
		{DestinationConfig{KeyEnv: "EMPTY"}, ""},
		{DestinationConfig{KeyEnv: "MISSING"}, ""},
		{DestinationConfig{KeyFile: write("empty", "\n")}, ""},
		{DestinationConfig{KeyFile: write("prose", "secret words here")}, ""},
		{DestinationConfig{KeyFile: write("huge", strings.Repeat("secret", 1000))}, ""},
		{DestinationConfig{KeyFile: dir}, ""},
		{DestinationConfig{KeyFile: filepath.Join(dir, "missing")}, ""},
	} {
		key, err := test.cfg.Key(lookup)
		var ke *KeyError
		switch {
		case key.Reveal() != test.want:
			t.Errorf("%+v: key %q, want %q", test.cfg, key.Reveal(), test.want)
		case test.want == "" && !errors.As(err, &ke):
			t.Errorf("%+v: error %v", test.cfg, err)
		case err != nil && strings.Contains(err.Error()+ke.Hint, "secret"):
			t.Errorf("%+v: the error tells what was found: %v", test.cfg, err)
		}
	}
}
