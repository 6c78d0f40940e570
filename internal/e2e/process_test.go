//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output collects what a process prints, for others to look at meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// A process is a child with a group of its own, which the test's end ends.
type process struct {
	name string
	cmd  *exec.Cmd
	out  output // stdout and stderr
	done chan struct{}
}

func start(t *testing.T, environ []string, argv ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(argv[0]), cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Env = environ
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = 2 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, tail(p.out.String(), 16<<10))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "... " + s[len(s)-n:]
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill kills the process with all it has started, as a power cut would.
func (p *process) kill() {
	if p.running() {
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	}
	<-p.done
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.pid(), s); err != nil {
		t.Fatalf("%v to %s: %v", s, p.name, err)
	}
}

// wait waits for the process to end by itself, and gives its exit code.
func (p *process) wait(t *testing.T, within time.Duration) int {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-timer.C:
		t.Fatalf("%s has not ended within %v", p.name, within)
		return -1
	}
}

// lines gives the lines of the output so far that hold all of the texts.
func (p *process) lines(texts ...string) (found []string) {
	for line := range strings.Lines(p.out.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}

// linesBut is lines without what an ingest would say of the picture: the test
// cards here are smaller than a broadcast's.
func (p *process) linesBut(texts ...string) []string {
	return slices.DeleteFunc(p.lines(texts...), func(line string) bool { return strings.Contains(line, "issue=") })
}

// says waits for a line that holds all of the texts, and gives the first.
func (p *process) says(t *testing.T, within time.Duration, texts ...string) string {
	t.Helper()
	var found []string
	eventually(t, within, fmt.Sprintf("%s says %q", p.name, texts), func() bool {
		found = p.lines(texts...)
		return len(found) > 0
	})
	return found[0]
}

// testKey is the stream key of most tests: long and odd enough not to turn up by
// chance.
const testKey = "e2e0-s3cr-7777-abcd-wxyz"

// keyEnv is the variable for tests that give the key by environment.
const keyEnv = "VENUE_TEST_KEY"

// environment is the test's own without what would configure venuecast.
func environment(more ...string) (environ []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "VENUECAST_") {
			environ = append(environ, v)
		}
	}
	// The race detector's own pause at exit would count as ours.
	return append(append(environ, "GORACE=atexit_sleep_ms=0"), more...)
}

// venuecast starts the program. At its end nothing it has printed may hold the
// key, or tell of a race or a panic.
func venuecast(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	p := start(t, environ, append([]string{program}, args...)...)
	t.Cleanup(func() {
		p.kill()
		out := p.out.String()
		requireNoKey(t, "output", out, testKey)
		for _, bad := range []string{"DATA RACE", "panic:", "fatal error:", "goroutine 1 ["} {
			if strings.Contains(out, bad) {
				t.Errorf("venuecast printed %q", bad)
			}
		}
	})
	return p
}

// broadcast starts "venuecast run" with the configuration in dir. It is YAML,
// without the section for the destinations.
func broadcast(t *testing.T, dir, config string, destinations []string, args ...string) *process {
	t.Helper()
	file := writeConfig(t, dir, config, destinations)
	return venuecast(t, environment(), append([]string{"run", "--config", file}, args...)...)
}

func writeConfig(t *testing.T, dir, config string, destinations []string) string {
	t.Helper()
	file := filepath.Join(dir, "venuecast.yml")
	write(t, file, config+"\nbroadcast:\n"+common+"  destinations:\n"+strings.Join(destinations, ""))
	return file
}

// common are the timeouts of all tests: nothing on 127.0.0.1 takes longer.
const common = "  timeouts: {dns: 1s, dial: 1s, tls: 1s, handshake: 1s, command: 2s, write: 2s}\n"

// destination is the YAML of one; its key stands in dir/stream.key.
func destination(t *testing.T, dir, name, url string) string {
	t.Helper()
	key := filepath.Join(dir, "stream.key")
	if _, err := os.Stat(key); err != nil {
		write(t, key, testKey+"\n")
	}
	return fmt.Sprintf("  - {name: %s, url: %q, key_file: stream.key}\n", name, url)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freePort finds a port below the range that the kernel gives to outgoing
// connections, so that it stays free while nobody listens there.
func freePort(t *testing.T) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	for range 100 {
		port := 10000 + rand.IntN(20000)
		if ports.given[port] {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		ports.given[port] = true
		return port
	}
	t.Fatal("no free port")
	return 0
}

// listening reports whether somebody listens on the port, without connecting:
// ffmpeg takes one connection only.
func listening(port int) bool {
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false
	}
	want := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		const listen = "0A"
		if len(f) > 3 && strings.HasSuffix(f[1], want) && f[3] == listen {
			return true
		}
	}
	return false
}
