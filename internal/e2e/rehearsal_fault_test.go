//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the ingest does wrong on request, our own broadcast says in the words
// that the documentation has for it, and lives through.
func TestRehearsalFaults(t *testing.T) {
	const card = "camera: {source: testcard, width: 640, height: 360, fps: 30, bitrate: 2M, keyframe_interval: 1s}"
	onAir := func(t *testing.T, p *process) { p.says(t, 5*time.Second, "on air") }
	for _, c := range []struct {
		fault string
		check func(t *testing.T, r *rehearsal, p *process)
	}{
		{"refuse", func(t *testing.T, r *rehearsal, p *process) {
			p.says(t, 5*time.Second, "retrying: dial ", ": refused", "Check host and port of the URL")
		}},
		{"badname", func(t *testing.T, r *rehearsal, p *process) {
			p.says(t, 5*time.Second, "rejected: publish to ", "NetStream.Publish.BadName", "Check the stream key")
			r.tells(t, 2*time.Second, "refused", func(e told) bool { return e.Text == "the fault badname" && e.App == "live2" })
		}},
		{"silent", func(t *testing.T, r *rehearsal, p *process) {
			p.says(t, 5*time.Second, "retrying: RTMP handshake with ", "no answer within 1s")
			r.tells(t, 2*time.Second, "refused", func(e told) bool { return strings.Contains(e.Text, "the fault silent") })
		}},
		{"close-after=1s", func(t *testing.T, r *rehearsal, p *process) {
			p.says(t, 5*time.Second, "level=warning", "stream to ", "closed")
			r.tells(t, 5*time.Second, "disconnected", func(e told) bool { return e.Text == "the fault close-after=1s" })
			r.tells(t, 10*time.Second, "connected", func(e told) bool { return e.Session == 2 })
		}},
		{"stall=20s@1s", func(t *testing.T, r *rehearsal, p *process) {
			onAir(t, p)
			r.tells(t, 5*time.Second, "fault", func(e told) bool { return e.Text == "stall=20s@1s" })
			p.says(t, 10*time.Second, "level=warning", "stalled", "The uplink stopped taking data")
		}},
		{"slow=500k", func(t *testing.T, r *rehearsal, p *process) {
			onAir(t, p)
			starved := func(e told) bool { return e.Issue.Type == "videoIngestionStarved" }
			r.tells(t, 15*time.Second, "issue", starved)
			// What is read is the rate that was asked for, and no more.
			e := r.tells(t, 15*time.Second, "report", func(e told) bool { return e.Report.Totals.Seconds > 9 })
			if rate := float64(e.Report.Totals.Bytes) * 8 / e.Report.Totals.Seconds; rate < 350e3 || rate > 650e3 {
				t.Errorf("%.0f bit/s are read, want 500000", rate)
			}
			if lines := p.lines("retrying"); len(lines) > 0 || len(r.told(t, "connected")) != 1 {
				t.Errorf("the session does not live through it: %q", lines)
			}
		}},
		{"reset-without-metadata,no-acks,tiny-window", func(t *testing.T, r *rehearsal, p *process) {
			onAir(t, p)
			r.tells(t, 10*time.Second, "report", func(e told) bool { return e.Report.Totals.Pictures > 100 && e.Status == "ok" || e.Status == "good" })
			p.signal(t, syscall.SIGTERM)
			r.tells(t, 5*time.Second, "disconnected", func(e told) bool { return e.Text == "the encoder said goodbye" })
			if lines := p.lines("level=warning", "destination=venue"); len(lines) > 0 {
				t.Errorf("it complains: %q", lines)
			}
		}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			r := rehearse(t, "--fault", c.fault)
			dir := t.TempDir()
			p := broadcast(t, dir, card, []string{destination(t, dir, "venue", r.url())})
			c.check(t, r, p)
			r.stop(t)
		})
	}
}

// Over rtmps with the ingest's own authority, to primary and backup, with one
// key of those in a file; and what was recorded is what was sent.
func TestRehearsalRecording(t *testing.T) {
	need(t, "ffmpeg")
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "clip.h264")
	encodeH264(t, file, encode{size: "320x180", fps: 30, seconds: 4, profile: "main", params: bFrames})
	want := frames(t, file)
	keys := filepath.Join(dir, "accepted")
	write(t, keys, "another-key\n"+testKey+"\n")
	rec, ca := filepath.Join(dir, "recordings"), filepath.Join(dir, "authority")
	r := rehearse(t, "--key-file", keys, "--record", rec, "--self-signed", ca)
	caFile := r.told(t, "listening")[0].CAFile
	trusts := fmt.Sprintf("tls: {ca_file: %q}", caFile)
	p := broadcast(t, dir, fmt.Sprintf("camera: {source: file, file: {path: %q}}", file), []string{
		strings.Replace(destination(t, dir, "primary", fmt.Sprintf("rtmps://localhost:%d/live2", r.port)), "}", ", "+trusts+"}", 1),
		strings.Replace(destination(t, dir, "backup", fmt.Sprintf("rtmps://127.0.0.1:%d/live2?backup=1", r.port)), "}", ", "+trusts+"}", 1),
	})
	other := t.TempDir()
	write(t, filepath.Join(other, "wrong"), "wrong-"+testKey)
	q := broadcast(t, other, smallCard, []string{
		fmt.Sprintf("  - {name: wrong, url: \"rtmps://localhost:%d/live2\", key_file: wrong, %s}\n", r.port, trusts),
		destination(t, other, "stranger", fmt.Sprintf("rtmps://localhost:%d/live2", r.port)),
	})
	q.says(t, 10*time.Second, "destination=wrong", "NetStream.Publish.BadName")
	q.says(t, 10*time.Second, "destination=stranger", "authority this system does not know")
	if code := p.wait(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	eventually(t, 5*time.Second, "both sessions end", func() bool { return len(r.told(t, "disconnected")) == 2 })
	for _, why := range []string{"its stream key is not among those that are accepted", "it does not trust this ingest's certificate"} {
		if !slices.ContainsFunc(r.told(t, "refused"), func(e told) bool { return strings.Contains(e.Text, why) }) {
			t.Errorf("the ingest does not tell that %s", why)
		}
	}
	if n := len(r.told(t, "refused")); n != 2 {
		t.Errorf("%d refusals are told, want each once, however often it was tried", n)
	}
	r.stop(t)
	var roles []string
	for _, e := range r.told(t, "recording") {
		roles = append(roles, e.Role)
		if !strings.HasSuffix(e.Text, "-"+e.Role+".flv") || strings.Contains(e.Text, "key") {
			t.Errorf("the %s is recorded to %s", e.Role, e.Text)
		}
		requireFrames(t, e.Role, frames(t, e.Text), want)
		requireMonotonic(t, e.Role, readFLV(t, e.Text))
	}
	if slices.Sort(roles); !slices.Equal(roles, []string{"backup", "primary"}) {
		t.Errorf("recorded are %q", roles)
	}
	// While both sent the same, there was nothing to name between them.
	for _, e := range r.told(t, "issue") {
		if strings.Contains(e.Issue.Type, "Mismatch") {
			t.Errorf("%s of the %s: %s", e.Issue.Type, e.Role, e.Issue.Measured)
		}
	}
	if info, err := os.Stat(filepath.Join(ca, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v, %v", info.Mode(), err)
	}
}

// Two programs cannot have one port, and the second says so.
func TestRehearsalPortInUse(t *testing.T) {
	t.Parallel()
	r := rehearse(t)
	p := venuecast(t, environment(), "ingest", "--listen", fmt.Sprintf("127.0.0.1:%d", r.port))
	if code := p.wait(t, 5*time.Second); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if len(p.lines("address already in use; another program listens there")) != 1 {
		t.Errorf("it says %q", p.out.String())
	}
	r.stop(t)
}
