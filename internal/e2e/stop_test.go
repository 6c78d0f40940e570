//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// However it is told to stop: it says goodbye, and leaves within 3 s.
func TestStop(t *testing.T) {
	signalled := func(s syscall.Signal) func(*testing.T, *process) {
		return func(t *testing.T, p *process) { p.signal(t, s) }
	}
	for _, c := range []struct {
		name string
		args []string
		stop func(*testing.T, *process)
	}{
		{"SIGTERM", nil, signalled(syscall.SIGTERM)},
		{"SIGINT", nil, signalled(syscall.SIGINT)},
		{"for", []string{"--for", "2s"}, func(*testing.T, *process) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := startIngest(t, 0)
			dir := t.TempDir()
			began := time.Now()
			p := broadcast(t, dir, smallCard, []string{destination(t, dir, "venue", in.url())}, c.args...)
			eventually(t, 3*time.Second, "pictures at the ingest", func() bool { return in.pictures() > 5 })
			if c.args == nil {
				began = time.Now()
			} else {
				began = began.Add(2 * time.Second)
			}
			c.stop(t, p)
			if code := p.wait(t, 10*time.Second); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			took := time.Since(began)
			t.Logf("gone after %v", took.Round(time.Millisecond))
			if took > 3*time.Second {
				t.Errorf("it took %v to stop", took)
			}
			got := in.got()
			if len(got) != 1 || !got[0].ended || got[0].err != nil {
				t.Errorf("the ingest saw %+v, want one session that ended with a goodbye", got)
			}
			if len(p.lines("venuecast has stopped")) != 1 || len(p.linesBut("level=warning")) > 0 || len(p.lines("level=error")) > 0 {
				t.Errorf("the log of a stop:\n%s", p.out.String())
			}
		})
	}
}

// A peer that does not answer, or takes nothing any more, is not waited for.
func TestStopHeldUp(t *testing.T) {
	t.Parallel()
	stalls := startIngest(t, 4096)
	stalls.stalled = true
	silent := startFront(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	takes := startIngest(t, 0)
	dir := t.TempDir()
	p := broadcast(t, dir, "camera: {source: testcard, width: 640, height: 360, fps: 30, bitrate: 2M, keyframe_interval: 1s}", []string{
		destination(t, dir, "takes", takes.url()),
		destination(t, dir, "stalls", stalls.url()),
		destination(t, dir, "silent", fmt.Sprintf("rtmp://127.0.0.1:%d/live", silent.port())),
		destination(t, dir, "absent", fmt.Sprintf("rtmp://127.0.0.1:%d/live", freePort(t))),
	})
	eventually(t, 5*time.Second, "two seconds of pictures", func() bool { return takes.pictures() > 60 })
	began := time.Now()
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	took := time.Since(began)
	t.Logf("gone after %v", took.Round(time.Millisecond))
	if took > 3*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if got := takes.got(); len(got) != 1 || got[0].err != nil {
		t.Errorf("the ingest that listens saw %+v, want one session that ended with a goodbye", got)
	}
}

// A configuration that cannot work ends the program with status 2 and a line
// that says where to look.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := "broadcast: {destinations: [{name: a, url: %q, key_file: stream.key}]}\n"
	for _, c := range []struct{ name, config, says string }{
		{"no-file", "", "no such file"},
		{"not-yaml", "camera: [", "not-yaml.yml:1"},
		{"unknown-key", "camera: {sauce: testcard}\n", "camera.sauce"},
		{"bad-value", "camera: {source: testcard, width: 17}\n", "camera.width"},
		{"bad-url", fmt.Sprintf(one, "http://127.0.0.1/live"), "broadcast.destinations[0].url"},
		{"key-in-file", "broadcast: {destinations: [{name: a, url: \"rtmp://127.0.0.1/live\", key_file: " + testKey + "}]}\n", "this looks like the stream key itself"},
		{"no-command", "camera: {source: exec}\n", "camera.exec.command"},
	} {
		file := filepath.Join(dir, c.name+".yml")
		if c.config != "" {
			write(t, file, c.config)
		}
		p := venuecast(t, environment(), "run", "--config", file)
		if code := p.wait(t, 10*time.Second); code != 2 {
			t.Errorf("%s: exit code %d, want 2", c.name, code)
		}
		out := p.out.String()
		t.Logf("%s: %s", c.name, strings.ReplaceAll(strings.TrimSpace(out), dir, ""))
		if !strings.Contains(out, c.says) {
			t.Errorf("%s: it does not say %q:\n%s", c.name, c.says, out)
		}
	}
	for _, args := range [][]string{{"run"}, {"run", "--config", "x.yml", "--nonsense"}, {"broadcast"}} {
		p := venuecast(t, environment(), args...)
		if code := p.wait(t, 10*time.Second); code != 2 {
			t.Errorf("%v: exit code %d, want 2: %s", args, code, p.out.String())
		}
	}
}
