package rtmp

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"venuecast/internal/tooltest"

	"github.com/google/go-cmp/cmp"
)

// makeClip encodes 2 s of video, with B pictures unless told otherwise, and
// audio, and returns the file.
func makeClip(t *testing.T, size string, args ...string) string {
	t.Helper()
	ffmpeg := need(t, "ffmpeg")[0]
	file := filepath.Join(t.TempDir(), "source.flv")
	args = append(append([]string{"-nostdin", "-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=25", "-f", "lavfi", "-i", "sine", "-t", "2",
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-b_strategy", "0", "-g", "25", "-qmin", "1", "-b:v", "20M", "-c:a", "aac"}, args...), file)
	if out, err := exec.Command(ffmpeg, args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return file
}

// writeFLV writes messages as an FLV file (Adobe's specification 10.1, annex
// E), as a recording ingest would.
func writeFLV(t *testing.T, file string, ms []Message) {
	t.Helper()
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for _, m := range ms {
		n := uint32(len(m.Payload))
		b = binary.BigEndian.AppendUint32(b, uint32(m.Type)<<24|n)
		b = append(b, byte(m.Timestamp>>16), byte(m.Timestamp>>8), byte(m.Timestamp), byte(m.Timestamp>>24), 0, 0, 0)
		b = append(b, m.Payload...)
		b = binary.BigEndian.AppendUint32(b, n+11)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// frameMD5 returns the hashes of a file's decoded frames, in their order: kind
// is v or a.
func frameMD5(t *testing.T, file, kind string) []string {
	t.Helper()
	cmd := exec.Command(need(t, "ffmpeg")[0], "-nostdin", "-loglevel", "error", "-i", file, "-map", "0:"+kind, "-vsync", "passthrough", "-f", "framemd5", "-")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	var hashes []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			hashes = append(hashes, strings.TrimSpace(line[strings.LastIndex(line, ",")+1:]))
		}
	}
	return hashes
}

// requireSameFrames checks that what was recorded decodes to what was sent.
func requireSameFrames(t *testing.T, source string, got []Message) {
	t.Helper()
	record := filepath.Join(t.TempDir(), "record.flv")
	writeFLV(t, record, got)
	for _, kind := range []string{"v", "a"} {
		want, have := frameMD5(t, source, kind), frameMD5(t, record, kind)
		if len(want) < 50 {
			t.Fatalf("%d frames of %s in the source", len(want), kind)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %d frames recorded of %d (-want +got):\n%.1000s", kind, len(have), len(want), diff)
		}
	}
	last := map[MessageType]uint32{}
	for _, m := range got {
		if m.Timestamp < last[m.Type] {
			t.Errorf("%v goes back from %d to %d ms", m.Type, last[m.Type], m.Timestamp)
		}
		last[m.Type] = m.Timestamp
	}
	if v := last[Video]; v < 1900 || v > 2100 {
		t.Errorf("2 s of video end at %d ms", v)
	}
}

// ingestFor takes publishers in for the tests below.
func ingestFor(t *testing.T) (addr string, sink *recorder) {
	l := listen(t)
	sink = &recorder{ended: make(chan struct{})} // some have sent all before they publish
	startServer(t, &Server{Handler: sink.accept}, l)
	return l.Addr().String(), sink
}

// An encoder is a program that others made, and what it means to publish to.
type encoder struct {
	name   string
	args   []string // ADDR stands for the ingest's
	app    string
	key    string
	backup bool
}

// requirePublishes runs encoders on a clip: our Server loses nothing of it and
// knows which of YouTube's two ingests they mean. They are to send in real
// time: none waits at the end for what it sent to be read, and when an
// acknowledgement meets its closed socket, the reset takes with it what our
// kernel still had.
func requirePublishes(t *testing.T, source string, encoders []encoder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sinks := make([]*recorder, len(encoders))
	said := make([]chan error, len(encoders))
	for i, e := range encoders { // all at once, since they take their time
		var addr string
		addr, sinks[i] = ingestFor(t)
		var args []string
		for _, arg := range e.args {
			args = append(args, strings.ReplaceAll(arg, "ADDR", addr))
		}
		said[i] = make(chan error, 1)
		go func() {
			out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w\n%s", err, out)
			}
			said[i] <- err
		}()
	}
	for i, e := range encoders {
		t.Run(e.name, func(t *testing.T) {
			if err := <-said[i]; err != nil {
				t.Fatal(err)
			}
			requireSameFrames(t, source, sinks[i].wait(t))
			p := sinks[i].publish
			if p.App != e.app || p.Key.Reveal() != e.key || p.Backup() != e.backup || p.AppName() != "live2" {
				t.Errorf("published %+v, key %q, backup %v", p, p.Key.Reveal(), p.Backup())
			}
			if name, _, _ := strings.Cut(e.key, "?"); p.Name().Reveal() != name {
				t.Errorf("name %q", p.Name().Reveal())
			}
			if err := sinks[i].endErr; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestFFmpegPublishes(t *testing.T) {
	source := makeClip(t, "320x240")
	copyTo := func(args ...string) []string {
		return append([]string{need(t, "ffmpeg")[0], "-nostdin", "-loglevel", "error", "-re", "-i", source, "-c", "copy", "-f", "flv"}, args...)
	}
	requirePublishes(t, source, []encoder{
		{"plain", copyTo("rtmp://ADDR/live2/" + testKey), "live2", testKey, false},
		{"backup", copyTo("rtmp://ADDR/live2?backup=1/name"), "live2?backup=1", "name", true},
		{"backup behind the key", copyTo("rtmp://ADDR/live2/name?backup=1"), "live2", "name?backup=1", true},
		{"backup by options", copyTo("-rtmp_app", "live2?backup=1", "-rtmp_playpath", "name", "rtmp://ADDR/live2"), "live2?backup=1", "name", true},
	})
}

func TestGStreamerPublishes(t *testing.T) {
	source := makeClip(t, "320x240")
	launch := needGStreamer(t, "rtmp2sink", "rtmpsink", "flvmux", "flvdemux", "h264parse", "aacparse")
	through := func(sink string) []string {
		return slices.Concat([]string{launch, "-q", "filesrc", "location=" + source, "!", "flvdemux", "name=d",
			"flvmux", "name=m", "streamable=true", "!"}, strings.Fields(sink), strings.Fields(
			"d.video ! queue ! h264parse ! m.video d.audio ! queue ! aacparse ! m.audio"))
	}
	requirePublishes(t, source, []encoder{
		{"rtmp2sink", through("rtmp2sink sync=true location=rtmp://ADDR/live2/name"), "live2", "name", false},
		{"rtmp2sink, backup", through("rtmp2sink sync=true location=rtmp://ADDR/live2/name application=live2?backup=1"), "live2?backup=1", "name", true},
		// librtmp, as in OBS and many others.
		{"rtmpsink", through("rtmpsink sync=true location=rtmp://ADDR/live2/name"), "live2", "name", false},
		{"rtmpsink, backup", through("rtmpsink sync=true location=rtmp://ADDR/live2?backup=1/name"), "live2?backup=1", "name", true},
	})
}

// needGStreamer returns gst-launch-1.0 if it has the elements.
func needGStreamer(t *testing.T, elements ...string) string {
	t.Helper()
	tools := need(t, "gst-launch-1.0", "gst-inspect-1.0")
	for _, e := range elements {
		if exec.Command(tools[1], "--exists", e).Run() != nil {
			tooltest.Skip(t, "GStreamer has no "+e)
		}
	}
	return tools[0]
}

// Enhanced RTMP's codecs have bodies of another form, which are the Sink's
// business: they arrive as they were sent, and so does what an encoder offers
// of it in connect.
func TestServerEnhanced(t *testing.T) {
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	c := dialRaw(t, l)
	c.command(0, "connect", 1, map[string]any{"app": "live2", "fourCcList": []any{"av01", "vp09", "hvc1"}, "capsEx": 15,
		"videoFourCcInfoMap": map[string]any{"*": 7}})
	c.expect("_result", "NetConnection.Connect.Success")
	c.command(1, "publish", 2, nil, "name", "live")
	c.expect("onStatus", publishStart)
	c.Write(uint32Message(SetChunkSize, 4096))
	var want []Message
	for i, body := range []string{
		"\x90hvc1", "\x91hvc1\x00\x00\x28", "\xa3hvc1", // sequence start, coded frames, coded frames X
		"\x90av01\x81\x0c\x0c", "\x91av01", "\x94av01", // metadata
		"\x96\x00hvc1\x00", "\x97\x01\x00\x00\x03\x91vp09", // multitrack, ModEx
	} {
		want = append(want, Message{Video, uint32(i * 40), 1, append([]byte(body), seq(10_000)...)})
	}
	for i, body := range []string{"\x90Opus", "\x91Opus", "\x95\x10Opus\x00", "\x94fLaC"} {
		want = append(want, Message{Audio, uint32(i * 40), 1, append([]byte(body), seq(300)...)})
	}
	for _, m := range want {
		c.Write(m)
	}
	// AMF3 metadata passes as well, and an AMF3 command that is none is skipped.
	want = append(want, Message{DataAMF3, 200, 1, []byte("\x00\x02\x00\x0aonMetaData\x11\x09\x01")})
	c.Write(Message{Type: CommandAMF3, StreamID: 1, Payload: []byte("\x11\x06\x0dpublish")})
	c.Write(want[len(want)-1])
	c.command(1, "deleteStream", 3, nil, 1)
	c.expect("onStatus", unpublishSuccess)
	c.nc.Close()
	requireMessages(t, want, sink.wait(t))
}

// Aggregate messages come apart into the frames that went in.
func TestServerAggregates(t *testing.T) {
	source := makeClip(t, "320x240")
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	c, err := Dial(t.Context(), ClientConfig{URL: urlOf(t, l, false), Key: NewStreamKey(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	ms := readFLV(t, source)
	for len(ms) > 0 {
		n := min(5, len(ms))
		var body []byte
		for _, m := range ms[:n] {
			size := uint32(len(m.Payload))
			at := m.Timestamp + 1<<24 // from another zero than the message's own
			body = binary.BigEndian.AppendUint32(body, uint32(m.Type)<<24|size)
			body = append(body, byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0)
			body = append(body, m.Payload...)
			body = binary.BigEndian.AppendUint32(body, size+11)
		}
		if err := c.WriteMessage(Message{Type: Aggregate, Timestamp: ms[0].Timestamp, Payload: body}); err != nil {
			t.Fatal(err)
		}
		ms = ms[n:]
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	requireMessages(t, readFLV(t, source), sink.wait(t))
	requireSameFrames(t, source, sink.wait(t))
}
