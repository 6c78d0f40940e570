//go:build linux

package child

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, script string) (*Child, *logtest.Hook) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	c, err := Start([]string{"sh", "-c", script}, log)
	if err != nil {
		t.Fatal(err)
	}
	return c, hook
}

// awaitLine waits for the command to say that it is ready.
func awaitLine(t *testing.T, c *Child, want string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); c.LastLine() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the command said %q, want %q", c.LastLine(), want)
		}
	}
}

func TestStdoutAndStderr(t *testing.T) {
	c, hook := start(t, `printf out; printf 'one\rtwo\n\nthree' >&2`)
	out, err := io.ReadAll(c.Stdout)
	if err != nil || string(out) != "out" {
		t.Errorf("stdout %q, %v", out, err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
	var lines []any
	for _, e := range hook.AllEntries() {
		lines = append(lines, e.Data[LogLine])
	}
	if got := fmt.Sprint(lines); got != "[one two three]" || c.LastLine() != "three" {
		t.Errorf("logged %v, last %q", got, c.LastLine())
	}
}

func TestExitStatus(t *testing.T) {
	c, _ := start(t, "echo broken >&2; exit 7")
	<-c.Exited()
	if err := c.Stop(); err == nil || err.Error() != "exit status 7" {
		t.Errorf("Stop: %v", err)
	}
}

func TestNotThere(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	for _, argv := range [][]string{nil, {"/no/such/camera-tool"}} {
		if _, err := Start(argv, log); err == nil {
			t.Errorf("%q: no error", argv)
		}
	}
}

// TestSignalsInTurn runs commands that each heed one signal only.
func TestSignalsInTurn(t *testing.T) {
	for _, test := range []struct {
		name, script string
		least, most  time.Duration
		end          string
	}{
		{"SIGINT", `trap 'exit 3' INT; echo ready >&2; while :; do sleep 0.01; done`, 0, time.Second, "exit status 3"},
		{"SIGTERM", `trap '' INT; trap 'exit 4' TERM; echo ready >&2; while :; do sleep 0.01; done`, time.Second, 2 * time.Second, "exit status 4"},
		{"SIGKILL", `trap '' INT TERM; echo ready >&2; while :; do sleep 0.01; done`, 2 * time.Second, 4 * time.Second, "signal: killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := start(t, test.script)
			awaitLine(t, c, "ready")
			began := time.Now()
			err := c.Stop()
			took := time.Since(began)
			if err == nil || err.Error() != test.end {
				t.Errorf("ended with %v, want %s", err, test.end)
			}
			if took < test.least || took > test.most {
				t.Errorf("took %v, want %v to %v", took, test.least, test.most)
			}
		})
	}
}

// TestNothingIsLeft checks that what the command started ends with it, and that
// what has left its group does not hold Stop up.
func TestNothingIsLeft(t *testing.T) {
	c, _ := start(t, `sleep 1000 & echo $! >&2; wait`)
	for end := time.Now().Add(5 * time.Second); c.LastLine() == "" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	pid, err := strconv.Atoi(c.LastLine())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Stop()
	for end := time.Now().Add(2 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what the command started is still there")
		}
	}

	c, _ = start(t, `setsid sh -c 'echo $$ >&2; exec sleep 3' & wait`)
	for end := time.Now().Add(5 * time.Second); c.LastLine() == "" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	_ = c.Stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Stop waited %v for a process that is not ours", took)
	}
	if pid, err := strconv.Atoi(c.LastLine()); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// alive reports whether a process runs; a zombie that nobody reaps does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestPipeIsEnlarged(t *testing.T) {
	c, _ := start(t, "sleep 10")
	defer c.Stop()
	if n, err := pipeSizeOf(c.Stdout); err != nil || n != pipeSize {
		t.Errorf("the pipe holds %d bytes, %v; want %d", n, err, pipeSize)
	}
}

func TestBuffered(t *testing.T) {
	c, _ := start(t, "printf 12345; echo ready >&2; sleep 10")
	defer c.Stop()
	awaitLine(t, c, "ready")
	if n := Buffered(c.Stdout); n != 5 {
		t.Errorf("%d bytes are buffered, want 5", n)
	}
}

func TestAChattyCommandIsHeldBack(t *testing.T) {
	c, hook := start(t, `i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done; sleep 1.1; echo last >&2`)
	<-c.Exited()
	_ = c.Stop()
	said, dropped := 0, 0
	for _, e := range hook.AllEntries() {
		if e.Level == logrus.WarnLevel {
			dropped += e.Data[LogDropped].(int)
		} else {
			said++
		}
	}
	if said > 3*maxLines || said+dropped < 3001 {
		t.Errorf("%d lines logged and %d left out of 3001", said, dropped)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	var lines []string
	logLines(strings.NewReader(strings.Repeat("x", 3*maxLine)+"\nend"), func(s string) { lines = append(lines, s) })
	if len(lines) != 4 || len(lines[0]) != maxLine || lines[3] != "end" {
		t.Errorf("%d lines, the first of %d bytes", len(lines), len(lines[0]))
	}
}
