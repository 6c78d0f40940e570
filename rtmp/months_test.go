package rtmp

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// crossings are where milliseconds outgrow what somebody counts them in: the
// 24 bits of a header (4 h 39 m), a signed int (24.8 days), 32 bits (49.7 days).
var crossings = []uint64{1<<24 - 1, 1 << 31, 1 << 32}

// months returns a broadcast of 51 days with a picture each few hours, at 25 a
// second around the crossings, and audio between: every picture is a keyframe
// of several chunks.
func months(t *testing.T) []Message {
	t.Helper()
	clip := readFLV(t, makeClip(t, "1280x720", "-bf", "0", "-g", "1", "-b:v", "40M", "-qmin", "2"))
	var ms []Message
	var frames, sounds [][]byte
	for _, m := range clip {
		switch {
		case len(m.Payload) < 2:
		case m.Payload[1] == 0:
			m.Timestamp = 0
			ms = append(ms, m)
		case m.Type == Video:
			if len(m.Payload) > outChunkSize {
				frames = append(frames, m.Payload)
			}
		default:
			sounds = append(sounds, m.Payload)
		}
	}
	if len(ms) != 2 || len(frames) < 20 || len(sounds) < 20 {
		t.Fatalf("%d headers, %d pictures of several chunks, %d sounds", len(ms), len(frames), len(sounds))
	}
	const hour, days = 3_600_000, 51 * 24 * 3_600_000
	var times []uint64
	for at, i := uint64(0), 0; at < days; i++ {
		times = append(times, at)
		at += []uint64{4 * hour, 6 * hour, 20 * hour}[i%3] // below and above what 24 bits of delta hold
	}
	for _, c := range crossings {
		for i := range uint64(8) {
			times = append(times, c-160+i*40, c-1+i%2) // and to the millisecond
		}
	}
	slices.Sort(times)
	for i, at := range slices.Compact(times) {
		ms = append(ms,
			Message{Type: Video, Timestamp: uint32(at), Payload: frames[i%len(frames)]},
			Message{Type: Audio, Timestamp: uint32(at), Payload: sounds[(2*i)%len(sounds)]},
			Message{Type: Audio, Timestamp: uint32(at + 1), Payload: sounds[(2*i+1)%len(sounds)]})
	}
	return ms
}

// sendMonths publishes ms, waiting for the ingest to be there.
func sendMonths(t *testing.T, u URL, key string, ms []Message) {
	t.Helper()
	log, _ := newSecretLog(t)
	var c *Client
	var err error
	for range 100 {
		if c, err = Dial(t.Context(), ClientConfig{URL: u, Key: NewStreamKey(key), Log: log}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		if err := c.WriteMessage(m); err != nil {
			t.Fatalf("at %d ms: %v", m.Timestamp, err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Months of a broadcast arrive, whoever takes them.
func TestMonths(t *testing.T) {
	ms := months(t)
	t.Run("strict parser", func(t *testing.T) {
		var buf bytes.Buffer
		w := newChunkWriter(&buf)
		w.WriteMessage(uint32Message(SetChunkSize, outChunkSize))
		for _, m := range ms {
			m.StreamID = 1
			w.WriteMessage(m)
		}
		got, err := strictChunks(buf.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		requireMessages(t, ms, got[1:])
	})
	t.Run("our Server", func(t *testing.T) {
		l := listen(t)
		sink := &recorder{}
		startServer(t, &Server{Handler: sink.accept}, l)
		sendMonths(t, urlOf(t, l, false), testKey, ms)
		requireMessages(t, ms, sink.wait(t))
	})
	t.Run("nginx-rtmp", func(t *testing.T) {
		l := listen(t)
		u := urlOf(t, l, false)
		l.Close() // nginx takes the port over
		dir := t.TempDir()
		startNginx(t, dir, u.Addr())
		sendMonths(t, u, "name", ms)
		var got []Message
		for range 100 { // it ends the file in its own time
			if got = readFLV(t, filepath.Join(dir, "name.flv")); len(got) >= len(ms) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		want := slices.Clone(ms)
		for i := range want { // its recorder takes 2^31 to 2^32 for times before the first
			if int32(want[i].Timestamp) < 0 {
				want[i].Timestamp = 0
			}
		}
		// nginx adds AAC sequence headers of its own.
		isHeader := func(m Message) bool { return m.Type == Audio && len(m.Payload) > 1 && m.Payload[1] == 0 }
		requireMessages(t, slices.DeleteFunc(want, isHeader), slices.DeleteFunc(got, isHeader))
	})
	t.Run("ffmpeg", func(t *testing.T) {
		addr, out := ffmpegListens(t, "-c", "copy", "-copyts", "-f", "framemd5", "-")
		host, port, _ := net.SplitHostPort(addr)
		n, _ := strconv.Atoi(port)
		sendMonths(t, URL{Host: host, Port: uint16(n), App: "live"}, "name", ms)
		requireFFmpegFrames(t, ms, out())
	})
}

// requireMessages compares type, time and payload.
func requireMessages(t *testing.T, want, got []Message) {
	t.Helper()
	type frame struct {
		Type MessageType
		At   uint32
		Hash string
	}
	frames := func(ms []Message) []frame {
		var fs []frame
		for _, m := range ms {
			fs = append(fs, frame{m.Type, m.Timestamp, hash(m.Payload)})
		}
		return fs
	}
	if diff := cmp.Diff(frames(want), frames(got)); diff != "" {
		t.Errorf("%d messages of %d (-want +got):\n%.3000s", len(got), len(want), diff)
	}
}

func hash(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// ffmpegListens has ffmpeg take one publisher and do as args say with what
// comes. The function it returns waits for ffmpeg to end and returns what it
// printed.
func ffmpegListens(t *testing.T, args ...string) (addr string, out func() string) {
	t.Helper()
	ffmpeg := need(t, "ffmpeg")[0]
	l := listen(t)
	addr = l.Addr().String()
	l.Close() // ffmpeg takes the port over
	cmd := exec.CommandContext(t.Context(), ffmpeg, append([]string{"-nostdin", "-loglevel", "warning", "-listen", "1", "-i", "rtmp://" + addr + "/live/name"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ffmpeg: %.4000s", stderr.String())
		}
	})
	return addr, func() string {
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("ffmpeg: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("ffmpeg does not end")
		}
		return stdout.String()
	}
}

// requireFFmpegFrames compares messages with what framemd5 printed of a copy:
// time and packet of each. ffmpeg lets no time go back, and so stops it at 2^32.
func requireFFmpegFrames(t *testing.T, ms []Message, out string) {
	t.Helper()
	want, got := map[string][]string{}, map[string][]string{}
	last := map[string]uint32{}
	for _, m := range ms {
		stream, header := "0", 5 // of the tag's body, which ffmpeg takes off
		if m.Type == Audio {
			stream, header = "1", 2
		}
		if m.Payload[1] == 0 { // a sequence header
			continue
		}
		last[stream] = max(last[stream], m.Timestamp)
		want[stream] = append(want[stream], fmt.Sprintf("%d %s", last[stream], hash(m.Payload[header:])))
	}
	for line := range strings.Lines(out) {
		if f := strings.Split(line, ","); len(f) == 6 && !strings.HasPrefix(line, "#") {
			got[f[0]] = append(got[f[0]], strings.TrimSpace(f[1])+" "+strings.TrimSpace(f[5]))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d pictures of %d, %d sounds of %d (-want +got):\n%.2000s",
			len(got["0"]), len(want["0"]), len(got["1"]), len(want["1"]), diff)
	}
}
