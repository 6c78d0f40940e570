package broadcaster

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/health"
)

// What an ingest would object to is logged once, also over reconnects, and once
// more when it is mended.
func TestHealthIsLoggedByTransition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := health.Issue{
			Type: health.GOPSizeLong, Severity: health.SeverityWarning,
			Measured: "8.0 s", Limit: "at most 4 s", Advice: "Set the keyframe interval to 2 s.",
		}
		silent := health.Issue{Type: health.AudioSilent, Severity: health.SeverityInfo}
		var sessions []*fakeSession
		in := &ingest{next: func(int) (*fakeSession, error) {
			sessions = append(sessions, newFakeSession())
			return sessions[len(sessions)-1], nil
		}}
		d, _, hook, stop := start(t, in, true)
		defer stop()
		said := func() (list []string) {
			for _, e := range hook.AllEntries() {
				if issue, ok := e.Data[KeyIssue]; ok {
					list = append(list, e.Level.String()+" "+string(issue.(health.Type)))
					if e.Level == logrus.WarnLevel && (e.Data[KeyMeasured] != "8.0 s" || e.Data[KeyHint] == "") {
						t.Errorf("logged %v", e.Data)
					}
				}
			}
			return list
		}
		check := func(when, want string) {
			t.Helper()
			if got := strings.Join(said(), ", "); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		sessions0 := func() *fakeSession { return sessions[len(sessions)-1] }
		time.Sleep(20 * time.Second)
		check("good", "")
		sessions0().judged(long, silent)
		time.Sleep(20 * time.Second)
		check("long groups", "warning gopSizeLong")
		if st := d.Status().Health; len(st.Issues) != 2 {
			t.Errorf("status %+v", st)
		}
		sessions0().end(closed())
		time.Sleep(10 * time.Second) // a new session, with nothing found as yet
		check("reconnected", "warning gopSizeLong")
		sessions0().judged(long)
		time.Sleep(20 * time.Second)
		check("the same as before", "warning gopSizeLong")
		sessions0().judged()
		time.Sleep(time.Second)
		check("mended", "warning gopSizeLong, info gopSizeLong")
	})
}

func TestHealthWithoutASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &ingest{next: func(int) (*fakeSession, error) { return nil, refused() }}
		d, _, _, stop := start(t, in, true)
		defer stop()
		time.Sleep(time.Second)
		if h := d.Status().Health; h.Status != health.StatusNoData || h.Issues == nil {
			t.Errorf("health %+v", h)
		}
	})
}
