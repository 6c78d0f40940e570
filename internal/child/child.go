// Package child runs a command whose stdout is a stream and whose stderr is
// for people, and ends it for certain.
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// Log fields.
const (
	LogLine    = "line"    // a line of the command's stderr
	LogDropped = "dropped" // how many lines were left out
	LogIn      = "retry_in"
	LogTimes   = "times" // it has ended like that
)

// maxLine is where a line of stderr is cut.
const maxLine = 4096

// A Child is a running command. Its stdout is read by the owner, its stderr
// goes line by line to the log.
type Child struct {
	// Stdout is the read end of the command's stdout; it takes deadlines.
	Stdout *os.File

	cmd    *exec.Cmd
	stderr *os.File
	logs   sync.WaitGroup
	last   lastLine
	exited chan struct{}
	err    error // of Wait, once exited is closed
	stop   sync.Once
}

// Start starts argv in a process group of its own. The owner has to call Stop,
// also after the command has ended by itself.
func Start(argv []string, log logrus.FieldLogger) (*Child, error) {
	if len(argv) == 0 {
		return nil, errors.New("start command: no command given")
	}
	stdout, stdoutW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		_ = stdout.Close()
		_ = stdoutW.Close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	enlarge(stdout)

	c := &Child{Stdout: stdout, stderr: stderr, cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = stdoutW, stderrW
	c.cmd.SysProcAttr = groupAttr()
	err = c.cmd.Start()
	_ = stdoutW.Close()
	_ = stderrW.Close()
	if err != nil {
		_ = stdout.Close()
		_ = stderr.Close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	c.logs.Go(func() {
		defer stderr.Close()
		var limit limiter
		logLines(stderr, func(line string) {
			c.last.set(line)
			pass, dropped := limit.pass(time.Now())
			if dropped > 0 {
				log.WithField(LogDropped, dropped).Warn("the command writes too much to be logged")
			}
			if pass {
				log.WithField(LogLine, line).Info("the command says")
			}
		})
	})
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// PID is the command's process id, and its process group's.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Exited is closed when the command itself has ended.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Signals, in turn, to a command that shall end, and how long each is given.
var ladder = []struct {
	signal syscall.Signal
	grace  time.Duration
}{
	{syscall.SIGINT, time.Second},
	{syscall.SIGTERM, time.Second},
	{syscall.SIGKILL, time.Second},
}

// Stop ends the command with everything that it started: SIGINT, SIGTERM and
// SIGKILL in turn to its process group, a second apart. It returns when the
// command has ended and its output is closed, within 4 seconds at the worst,
// and tells how it ended: nil for exit status 0. Further calls say the same.
func (c *Child) Stop() error {
	c.stop.Do(c.end)
	return c.err
}

func (c *Child) end() {
	// A tool that is asked to end writes what it still has, and calls a pipe
	// that is closed meanwhile an error: so its stdout is read to the end.
	drained := make(chan struct{})
	_ = c.Stdout.SetReadDeadline(time.Now().Add(ladder[0].grace))
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, c.Stdout)
	}()
	for _, step := range ladder {
		select {
		case <-c.exited:
		default:
			signalGroup(c.cmd.Process.Pid, step.signal)
		}
		timer := time.NewTimer(step.grace)
		select {
		case <-c.exited:
			timer.Stop()
		case <-timer.C:
			_ = c.Stdout.Close() // one that writes on notices that, too
			continue
		}
		break
	}
	_ = c.Stdout.Close()
	<-drained
	// What it leaves behind in its group holds camera and pipes open.
	signalGroup(c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.exited
	// What has left the group may hold stderr open for ever; it is not ours.
	_ = c.stderr.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	c.logs.Wait()
}

// Wait waits for the command to end by itself, at most until ctx is done.
func (c *Child) Wait(ctx context.Context) {
	select {
	case <-c.exited:
	case <-ctx.Done():
	}
}

// LastLine is the last line that the command wrote to stderr, for an error to
// quote, or "".
func (c *Child) LastLine() string { return c.last.get() }

type lastLine struct {
	mu   sync.Mutex
	line string
}

func (l *lastLine) set(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = line
}

func (l *lastLine) get() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line
}

// maxLines is how many lines a second reach the log: some tools write one for
// each picture, and a box has one memory card.
const maxLines = 50

// limiter lets maxLines pass in a second.
type limiter struct {
	since           time.Time
	passed, dropped int
}

// pass reports whether a line may pass, and, once a second is over, how many
// were held back in it.
func (l *limiter) pass(now time.Time) (ok bool, dropped int) {
	if now.Sub(l.since) >= time.Second {
		dropped = l.dropped
		*l = limiter{since: now}
	}
	if l.passed == maxLines {
		l.dropped++
		return false, dropped
	}
	l.passed++
	return true, dropped
}

// logLines gives each line of r to emit, without its end, cut at maxLine.
// Carriage returns end lines too: progress bars use them.
func logLines(r io.Reader, emit func(string)) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, maxLine), 2*maxLine)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		for i, b := range data {
			if b == '\n' || b == '\r' {
				return i + 1, data[:i], nil
			}
			if i == maxLine {
				return i, data[:i], nil
			}
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	for s.Scan() {
		if line := s.Text(); line != "" {
			emit(line)
		}
	}
}
