package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"venuecast/internal/tooltest"

	"go.uber.org/goleak"
)

// TestMain is also the feeder: the programs under test start this binary as
// their camera.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == FeedCommand {
		os.Exit(FeedMain(os.Args[2:]))
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var built struct {
	once      sync.Once
	dir, path string
	err       error
}

// venuecast builds the program once, as it is shipped: without the race
// detector, which would be measured too.
func venuecast(t *testing.T) string {
	t.Helper()
	compiler := tooltest.Path(t, "go")
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "venuecast-rig-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "venuecast")
		cmd := exec.Command(compiler, "build", "-o", built.path, "venuecast/cmd/venuecast")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// two bounds how many broadcasts there are at a time, however many cores.
var two = make(chan struct{}, 2)

// measure plays feed to subject.
func measure(t *testing.T, subject Subject, feed Feed) *Result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Measure(t.Context(), subject, self, feed)
	if err != nil {
		if r != nil {
			t.Log(r.Log)
		}
		t.Fatal(err)
	}
	t.Logf("%s: %v; CPU %.2f s/min, RSS %.0f MB", subject.Name, r.Report, r.CPU, float64(r.RSS)/1e6)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what it said:\n%s", r.Log)
		}
	})
	return r
}
