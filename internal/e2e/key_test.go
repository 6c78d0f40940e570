//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"venuecast/rtmp"
)

// smallCard is a camera that costs little.
const smallCard = "camera: {source: testcard, width: 160, height: 96, fps: 10, bitrate: 200k, keyframe_interval: 1s}"

// Whatever happens, and however much is logged: the key goes to the ingest and
// nowhere else.
func TestKeyStaysSecret(t *testing.T) {
	const key = "k3y-s3cr-7777-abcd-zyxw?tok=a%2Fb&sig=QUJDRA"
	for _, c := range []struct {
		level, format string
		byFile        bool
	}{
		{"trace", "text", true}, {"trace", "json", false}, {"debug", "text", false}, {"debug", "json", true},
	} {
		by := "environment"
		if c.byFile {
			by = "file"
		}
		t.Run(c.level+" "+c.format+" "+by, func(t *testing.T) {
			t.Parallel()
			takes, refuses := startIngest(t, 0), startIngest(t, 0)
			refuses.refuse = rtmp.ErrBadName
			echoes := startFront(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
			dir := t.TempDir()
			from := "key_env: " + keyEnv
			environ := environment(keyEnv + "=" + key)
			if c.byFile {
				write(t, filepath.Join(dir, "secret"), key+"\n")
				from, environ = "key_file: secret", environment()
			}
			var destinations []string
			for name, url := range map[string]string{
				"takes": takes.url(), "refuses": refuses.url(),
				"echoes": fmt.Sprintf("rtmp://127.0.0.1:%d/live", echoes.port()),
				"absent": fmt.Sprintf("rtmp://127.0.0.1:%d/live?backup=1", freePort(t)),
			} {
				destinations = append(destinations, fmt.Sprintf("  - {name: %s, url: %q, %s}\n", name, url, from))
			}
			file := writeConfig(t, dir, fmt.Sprintf("log: {level: %s, format: %s}\n%s", c.level, c.format, smallCard), destinations)

			p := venuecast(t, environ, "run", "--config", file, "--for", "3s")
			eventually(t, 3*time.Second, "pictures where they are taken", func() bool { return takes.pictures() > 5 })
			for _, what := range []string{"cmdline", "environ"} {
				if what == "environ" && !c.byFile {
					continue
				}
				b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid()), what))
				if err != nil || len(b) == 0 {
					t.Errorf("%d bytes of %s: %v", len(b), what, err)
				}
				requireNoKey(t, what, string(b), key)
			}
			if code := p.wait(t, 10*time.Second); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			for _, in := range []*ingest{takes, refuses} {
				in.set(func() {
					if len(in.keys) == 0 || slices.ContainsFunc(in.keys, func(k string) bool { return k != key }) {
						t.Errorf("the ingest was given %d keys, want this one alone", len(in.keys))
					}
				})
			}
			for name, want := range map[string]string{
				"takes": "on air", "refuses": "rejected: publish to", "echoes": "retrying: ", "absent": "refused",
			} {
				if !slices.ContainsFunc(p.lines(want), func(line string) bool {
					return strings.Contains(line, "destination="+name) || strings.Contains(line, `"destination":"`+name+`"`)
				}) {
					t.Errorf("the log of the destination that %s does not say %q", name, want)
				}
			}
			requireNoKey(t, "output of run", p.out.String(), key)
			for _, args := range [][]string{{"config", "print"}, {"config", "validate"}, {"check"}} {
				p := venuecast(t, environ, append(args, "--config", file)...)
				if code := p.wait(t, 10*time.Second); code != 0 {
					t.Errorf("%v: exit code %d, want 0: %s", args, code, p.out.String())
				}
				requireNoKey(t, "output of "+strings.Join(args, " "), p.out.String(), key)
			}
		})
	}
}

// The camera's command has no business with the key either, and what it prints
// is logged.
func TestKeyIsKeptFromCommand(t *testing.T) {
	t.Parallel()
	in := startIngest(t, 0)
	dir := t.TempDir()
	file := writeConfig(t, dir, `camera: {source: exec, exec: {command: [sh, -c, "env >&2; exec sleep 5"]}}`,
		[]string{fmt.Sprintf("  - {name: venue, url: %q, key_env: %s}\n", in.url(), keyEnv)})
	p := venuecast(t, environment(keyEnv+"="+testKey), "run", "--config", file)
	p.says(t, 3*time.Second, "the command says", "PATH=")
	p.says(t, 3*time.Second, "connected to the ingest")
	p.signal(t, syscall.SIGTERM)
	p.wait(t, 5*time.Second)
}

// A key that is not there yet is asked for, and taken when it comes.
func TestKeyComesLater(t *testing.T) {
	t.Parallel()
	in := startIngest(t, 0)
	dir := t.TempDir()
	file := writeConfig(t, dir, smallCard, []string{fmt.Sprintf("  - {name: venue, url: %q, key_file: later.key}\n", in.url())})
	p := venuecast(t, environment(), "run", "--config", file)
	line := p.says(t, 3*time.Second, "destination=venue", "rejected: no key")
	t.Log(line)
	for _, want := range []string{"later.key", "no such file", "hint=", "put the stream key into it"} {
		if !strings.Contains(line, want) {
			t.Errorf("the log does not say %q:\n%s", want, line)
		}
	}
	write(t, filepath.Join(dir, "later.key"), testKey+"\n")
	took := eventually(t, 3*time.Second, "on air with the key", func() bool { return len(p.lines("on air")) > 0 })
	t.Logf("on air %v after the key", took.Round(time.Millisecond))
	eventually(t, time.Second, "pictures at the ingest", func() bool { return in.pictures() > 0 })
}

// A key that the ingest refuses is replaced by the next that the file holds.
func TestKeyIsCorrected(t *testing.T) {
	t.Parallel()
	in := startIngest(t, 0)
	in.refuse = rtmp.ErrBadName
	dir := t.TempDir()
	key := filepath.Join(dir, "venue.key")
	write(t, key, "wrong-"+testKey+"\n")
	file := writeConfig(t, dir, smallCard, []string{fmt.Sprintf("  - {name: venue, url: %q, key_file: venue.key}\n", in.url())})
	p := venuecast(t, environment(), "run", "--config", file)
	line := p.says(t, 3*time.Second, "destination=venue", "rejected: ", "NetStream.Publish.BadName")
	t.Log(line)
	if want := "Check the stream key"; !strings.Contains(line, want) {
		t.Errorf("the log does not say %q:\n%s", want, line)
	}
	in.set(func() { in.refuse = nil })
	write(t, key, testKey+"\n")
	eventually(t, 3*time.Second, "on air with the other key", func() bool { return len(p.lines("on air")) > 0 })
	in.set(func() {
		if last := in.keys[len(in.keys)-1]; last != testKey {
			t.Error("the ingest was given another key")
		}
	})
}

// A key that is corrected while the ingest is still at refusing the other is
// noticed all the same, not only when the next attempt is due.
func TestKeyIsCorrectedMeanwhile(t *testing.T) {
	t.Parallel()
	in := startIngest(t, 0)
	dir := t.TempDir()
	key := filepath.Join(dir, "venue.key")
	write(t, key, "wrong-"+testKey+"\n")
	in.refuse = rtmp.ErrBadName
	in.asked = func() { write(t, key, testKey+"\n") }
	file := filepath.Join(dir, "venuecast.yml")
	write(t, file, fmt.Sprintf("%s\nbroadcast:\n  backoff: {initial: 30s, max: 30s, rejected_max: 30s}\n"+
		"  destinations: [{name: venue, url: %q, key_file: venue.key}]\n", smallCard, in.url()))
	p := venuecast(t, environment(), "run", "--config", file)
	p.says(t, 3*time.Second, "destination=venue", "rejected: ")
	in.set(func() { in.refuse, in.asked = nil, nil })
	eventually(t, 3*time.Second, "on air with the other key", func() bool { return len(p.lines("on air")) > 0 })
}
