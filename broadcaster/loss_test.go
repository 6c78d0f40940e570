package broadcaster

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"venuecast/rtmp"
)

// A venue's network that resets every connection is no reason to blame the key,
// nor to come back more slowly.
func TestResetsAreNotTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) {
			s := newFakeSession()
			time.AfterFunc(time.Second, func() {
				s.end(&rtmp.Error{Kind: rtmp.KindClosed, Phase: rtmp.PhaseLive, Err: syscall.ECONNRESET})
			})
			return s, nil
		}}
		d, _, _, stop := start(t, in, true)
		defer stop()
		for range 3000 {
			time.Sleep(100 * time.Millisecond)
			if st := d.Status(); st.State == StateRejected {
				t.Fatalf("status %+v", st)
			}
		}
		for i := 1; i < in.count(); i++ {
			if wait := in.dials[i].Sub(in.dials[i-1]) - time.Second; wait > 2*time.Second+time.Millisecond {
				t.Errorf("wait %d was %v", i, wait)
			}
		}
	})
}

func TestAPlainCloseIsToldFromAReset(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, true}, // the peer said so in RTMP
		{io.EOF, true},
		{io.ErrUnexpectedEOF, true},
		{syscall.ECONNRESET, false},
		{syscall.EPIPE, false},
		{syscall.ENETDOWN, false},
	} {
		if got := plainClose(&rtmp.Error{Kind: rtmp.KindClosed, Err: test.err}); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
	if plainClose(&rtmp.Error{Kind: rtmp.KindStalled}) {
		t.Error("a stall is a close")
	}
}

// An ingest that holds on to a session that the network has lost refuses the
// next one as a second publisher: that passes, and we shall be there.
func TestOurOwnGhostIsNotTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := time.Time{}
		in := &ingest{}
		in.next = func(n int) (*fakeSession, error) {
			if time.Now().Before(held) {
				return nil, &rtmp.Error{Kind: rtmp.KindBadName, Phase: rtmp.PhasePublish, Code: "NetStream.Publish.BadName"}
			}
			s := newFakeSession()
			if n == 0 {
				time.AfterFunc(20*time.Second, func() {
					held = time.Now().Add(time.Minute)
					s.end(&rtmp.Error{Kind: rtmp.KindStalled, Phase: rtmp.PhaseLive, Err: errors.New("i/o timeout")})
				})
			}
			return s, nil
		}
		d, _, _, stop := start(t, in, true)
		defer stop()
		time.Sleep(70 * time.Second)
		if st := d.Status(); st.State != StateRetrying || !strings.Contains(st.Hint, "still holds") {
			t.Errorf("while the ingest holds it: %+v", st)
		}
		time.Sleep(time.Until(held) + 2*time.Second + time.Millisecond)
		if st := d.Status(); st.State != StateOnAir {
			t.Errorf("2 s after the ingest let go: %+v", st)
		}
	})
}

func TestSomebodyElseWithTheKeyIsNamedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{}
		in.next = func(n int) (*fakeSession, error) {
			if n > 0 {
				return nil, &rtmp.Error{Kind: rtmp.KindBadName, Phase: rtmp.PhasePublish}
			}
			s := newFakeSession()
			time.AfterFunc(20*time.Second, func() { s.end(closed()) })
			return s, nil
		}
		d, _, _, stop := start(t, in, true)
		defer stop()
		time.Sleep(20*time.Second + ghostWithin + 5*time.Second)
		if st := d.Status(); st.State != StateRejected {
			t.Errorf("status %+v", st)
		}
	})
}
