//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"venuecast/internal/tooltest"

	"go.uber.org/goleak"
)

// program is the venuecast that the tests run.
var program string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == feedCommand {
		os.Exit(feed(os.Args[2:])) // started by venuecast, as its camera
	}
	flag.Parse()
	if testing.Short() {
		fmt.Println("e2e: skipped, all of it takes real time")
		os.Exit(0)
	}
	// Each test mostly waits for the pictures of a small stream.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("3"); err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "venuecast-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "venuecast")
	args := []string{"build", "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "venuecast/cmd/venuecast")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: build the program: %v\n%s", err, out)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// need skips the test where a tool is missing, or fails it in CI.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		tooltest.Path(t, tool)
	}
}

// eventually waits for cond, and says how long it took.
func eventually(t *testing.T, within time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !cond() {
		if time.Since(start) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-ticker.C
	}
	return time.Since(start)
}
