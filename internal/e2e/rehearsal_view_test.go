//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"venuecast/flv"
	"venuecast/internal/terminal"
	"venuecast/internal/tooltest"
	"venuecast/rtmp"
)

// A window is a terminal with a program in it.
type window struct {
	*process
	master *os.File

	mu     sync.Mutex
	screen *terminal.Screen
}

// openWindow runs the program on a terminal of its own.
func openWindow(t *testing.T, cols, rows int, args ...string) *window {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		tooltest.Skip(t, fmt.Sprintf("this test needs a pseudoterminal: %v", err))
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &window{master: master, screen: terminal.NewScreen(cols, rows)}
	w.resize(t, cols, rows)
	w.process = &process{name: "venuecast", cmd: exec.Command(program, args...), done: make(chan struct{})}
	w.cmd.Env = environment("TERM=xterm-256color")
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = slave, slave, slave
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	go func() {
		defer close(w.done)
		_ = w.cmd.Wait()
	}()
	var reading sync.WaitGroup
	reading.Go(w.read)
	t.Cleanup(func() {
		w.kill()
		reading.Wait() // until the last of the slave's ends is closed
		_ = master.Close()
		if t.Failed() {
			t.Logf("the screen:\n%s", w.text())
		}
	})
	return w
}

func (w *window) read() {
	buf := make([]byte, 4096)
	for {
		n, err := w.master.Read(buf)
		w.mu.Lock()
		_, _ = w.screen.Write(buf[:n])
		w.mu.Unlock()
		_, _ = w.out.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

func (w *window) resize(t *testing.T, cols, rows int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.screen.Resize(cols, rows)
	size := &unix.Winsize{Col: uint16(cols), Row: uint16(rows)}
	if err := unix.IoctlSetWinsize(int(w.master.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}

func (w *window) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.screen.String()
}

// shows waits until all of the texts stand on the screen at once.
func (w *window) shows(t *testing.T, within time.Duration, texts ...string) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("the screen shows %q", texts), func() bool {
		screen := w.text()
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

// The table of the sessions, as a technician has it before him: primary and
// backup with what is wrong, in a window of any size, and left standing at the
// end. VENUECAST_PICTURES=1 has the documentation's picture made of it.
func TestRehearsalTable(t *testing.T) {
	need(t, "ffmpeg")
	dir := t.TempDir()
	pictures := os.Getenv("VENUECAST_PICTURES") == "1"
	good, long := filepath.Join(dir, "good.flv"), filepath.Join(dir, "long.flv")
	film(t, good, take{size: "1280x720", x264: cbr720 + closed, seconds: 10, audio: stereo})
	film(t, long, take{size: "1280x720", x264: cbr720 + ":keyint=240:min-keyint=240:bframes=0", seconds: 16, audio: stereo})
	port := freePort(t)
	if pictures {
		port = 1935
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	w := openWindow(t, 80, 36, "ingest", "--listen", listen)
	w.shows(t, 5*time.Second, "rtmp://"+listen+"/live2?backup=1", "any stream key", "no encoder is connected")
	app := "rtmp://" + listen + "/live2"
	backup := []string{"-rtmp_app", "live2?backup=1", "-rtmp_playpath", testKey}
	publishing(t, good, app+"/"+testKey, time.Minute, "-re")
	w.shows(t, 5*time.Second, "1 primary")
	sending := publishingWith(t, long, app, time.Minute, backup, "-re")
	w.shows(t, 20*time.Second, "good       1 primary", "ok         2 backup", "live2?backup=1", "keyframes 2.0",
		"1280x720", "AAC-LC", "44100 Hz  stereo", "128 kbit/s", "warning   gopSizeLong: ", "s, want at most 4 s, since ",
		"warning   gopMismatch: ", "2 backup warning gopMismatch: ")
	if pictures {
		w.shows(t, 20*time.Second, "gopSizeLong: 8.0 s")
		w.mu.Lock()
		svg := w.screen.SVG("venuecast ingest: a good primary, and a backup with two warnings")
		w.mu.Unlock()
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "rehearsal.svg"), svg, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	// What a peer calls itself does nothing to the terminal.
	evil(t, port)
	w.shows(t, 5*time.Second, "evil [2J ]0;x ")

	for _, size := range [][2]int{{50, 60}, {132, 40}, {24, 80}, {80, 12}} {
		w.resize(t, size[0], size[1])
		time.Sleep(1200 * time.Millisecond) // two frames
		w.mu.Lock()
		w.screen.Overrun = 0
		w.mu.Unlock()
		w.shows(t, 3*time.Second, "rehearsal ingest", map[bool]string{true: " more lines", false: "gopSizeLong"}[size[1] == 12])
		time.Sleep(600 * time.Millisecond)
		w.mu.Lock()
		if w.screen.Overrun > 0 {
			t.Errorf("in %d columns, %d characters are written beyond the last one:\n%s", size[0], w.screen.Overrun, w.screen)
		}
		for _, line := range w.screen.Lines() {
			if utf8.RuneCountInString(line) >= size[0] {
				t.Errorf("in %d columns: %q", size[0], line)
			}
		}
		w.mu.Unlock()
	}
	w.resize(t, 80, 60)

	sending.signal(t, syscall.SIGTERM)
	w.shows(t, 5*time.Second, "ended      2 backup", "the encoder said goodbye")
	w.signal(t, syscall.SIGINT)
	if code := w.wait(t, 5*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	w.shows(t, 2*time.Second, "this ingest was stopped", "ended      1 primary")
	w.mu.Lock()
	defer w.mu.Unlock()
	x, y, shows := w.screen.Cursor()
	if lines := w.screen.Lines(); x != 0 || !shows || lines[y] != "" || lines[y-1] == "" {
		t.Errorf("the cursor is left at %d, %d, and shows: %v", x, y, shows)
	}
	if len(w.screen.Unknown) > 0 {
		t.Errorf("the terminal was sent %q", w.screen.Unknown)
	}
	requireNoKey(t, "terminal", w.out.String(), testKey)
	if strings.Contains(w.out.String(), "\x1b[2J") {
		t.Error("the whole screen is cleared, which flickers")
	}
}

// evil publishes for a moment, under a name that is meant for a terminal.
func evil(t *testing.T, port int) {
	t.Helper()
	url, err := rtmp.ParseURL(fmt.Sprintf("rtmp://127.0.0.1:%d/live2", port))
	if err != nil {
		t.Fatal(err)
	}
	c, err := rtmp.Dial(t.Context(), rtmp.ClientConfig{URL: url, Key: rtmp.NewStreamKey("another-" + testKey)})
	if err != nil {
		t.Fatal(err)
	}
	body := flv.Metadata{Encoder: "evil\x1b[2J\x1b]0;x\x07\x1b[?25h\r\nname"}.Tag(0).Body
	if err := c.WriteMessage(rtmp.Message{Type: rtmp.DataAMF0, Payload: flv.SetDataFrame(body)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
