package rtmp

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"venuecast/internal/tooltest"

	"github.com/google/go-cmp/cmp"
)

// readFLV returns an FLV file's audio and video tags as messages.
func readFLV(t *testing.T, file string) []Message {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ms []Message
	for b = b[min(13, len(b)):]; len(b) >= 11; {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if len(b) < 15+n {
			t.Fatalf("%s is cut short", filepath.Base(file))
		}
		at := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
		if typ := MessageType(b[0]); typ == Audio || typ == Video {
			ms = append(ms, Message{Type: typ, Timestamp: at, Payload: b[11 : 11+n]})
		}
		b = b[15+n:]
	}
	return ms
}

// startNginx serves app live on addr, recording to dir.
func startNginx(t *testing.T, dir, addr string) {
	t.Helper()
	const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so" // where Debian has it
	nginx := tooltest.Path(t, "nginx")
	if _, err := os.Stat(module); err != nil {
		tooltest.Skip(t, "libnginx-mod-rtmp is not installed")
	}
	conf := fmt.Sprintf(`
		load_module %s;
		pid %[2]s/pid; error_log %[2]s/error.log info; daemon off; master_process off;
		events {}
		rtmp { server {
			listen %[3]s; ping 100ms; ack_window 65536;
			application live { live on; record all; record_path %[2]s; }
			application private { live on; deny publish all; }
		} }`, module, dir, addr)
	if err := os.WriteFile(dir+"/nginx.conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-c", dir+"/nginx.conf", "-p", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(dir + "/error.log")
			t.Logf("nginx: %s%s", out.Bytes(), log)
		}
	})
}

// nginx-rtmp, whose chunk parser is strict, records what we send it, past the
// 24 bits of a timestamp, while it pings us and asks for acknowledgements.
func TestClientToNginx(t *testing.T) {
	ffmpeg := need(t, "ffmpeg")[0]
	l := listen(t)
	u := urlOf(t, l, false)
	l.Close() // nginx takes the port over
	dir := t.TempDir()
	startNginx(t, dir, u.Addr())

	source := filepath.Join(dir, "source.flv")
	if out, err := exec.Command(ffmpeg, "-nostdin", "-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25", "-f", "lavfi", "-i", "sine", "-t", "2",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "20M", "-g", "25", "-c:a", "aac", source).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	want := readFLV(t, source)

	log, _ := newSecretLog(t)
	cfg := ClientConfig{URL: u, Key: NewStreamKey("name?" + testKey), Log: log}
	var c *Client
	var err error
	for range 100 { // until nginx listens
		if c, err = Dial(t.Context(), cfg); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	const offset = 0xFFFFFF - 1000
	for _, m := range want {
		m.Timestamp += offset
		if err := c.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond) // for some pings: unanswered, nginx hangs up
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if s := c.Stats(); !s.AckSeen || s.ChunkBytes-s.BytesAcked > 2*clientWindow {
		t.Errorf("acks: %+v", s)
	}

	got := readFLV(t, filepath.Join(dir, "name.flv"))
	if len(got) == 0 {
		t.Fatal("nginx recorded nothing")
	}
	// The record's time starts where nginx thinks it does.
	base := got[0].Timestamp
	for i := range got {
		got[i].Timestamp -= base
	}
	// And it has AAC sequence headers of nginx's own.
	isHeader := func(m Message) bool { return m.Type == Audio && len(m.Payload) > 1 && m.Payload[1] == 0 }
	want, got = slices.DeleteFunc(want, isHeader), slices.DeleteFunc(got, isHeader)
	if diff := cmp.Diff(want, got, equateEmpty); diff != "" {
		t.Errorf("%d messages recorded of %d (-want +got):\n%.2000s", len(got), len(want), diff)
	}

	// It says Publish.Start to those it then throws out: the supervisor's case
	// of a wrong key.
	cfg.URL.App = "private"
	if c, err = Dial(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	requireError(t, c.Err(), KindClosed, PhaseLive)
	c.Close(t.Context())

	cfg.URL.App = "nosuchapp"
	_, err = Dial(t.Context(), cfg)
	requireError(t, err, KindClosed, PhaseConnect)
}
