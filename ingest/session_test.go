package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"venuecast/flv"
	"venuecast/health"
	"venuecast/internal/tooltest"
	"venuecast/rtmp"
)

func kinds(events []Event) (list []EventKind) {
	for _, e := range events {
		if e.Kind != StatusChange && e.Kind != IssueBegan && e.Kind != IssueCleared && e.Kind != Reported { // the judge's
			list = append(list, e.Kind)
		}
	}
	return list
}

// A session is told from its begin to its end, recorded, and what arrived is
// counted.
func TestSession(t *testing.T) {
	dir := t.TempDir()
	r := rehearse(t, Config{Record: dir})
	c := r.publish("live2?backup=1", nil)
	describe(t, c, "an\x1b[31mencoder "+testKey)
	send(t, c, rtmp.Message{Type: rtmp.Video, Payload: []byte{0x17, 0, 0, 0, 0, 1}})
	send(t, c, rtmp.Message{Type: rtmp.Audio, Payload: []byte{0xaf, 0, 0x12, 0x10}})
	for i := range uint32(90) {
		send(t, c, picture(i*40, i%50 == 0, 1000))
		send(t, c, rtmp.Message{Type: rtmp.Audio, Timestamp: i*40 + 10, Payload: []byte{0xaf, 1, 0x21, 0x10}})
	}
	r.tells(Connected)
	goodbye(c)
	e := r.tells(Disconnected)
	s := e.Session
	if s.ID != 1 || s.Role != Backup || s.App != "live2?backup=1" || !strings.HasPrefix(s.Remote, "127.0.0.1:") ||
		s.Encoder != "an [31mencoder ***" || s.Announced != 2128e3 || !s.Goodbye || s.Live() {
		t.Errorf("session %+v", s)
	}
	want := Totals{
		Bytes: s.Totals.Bytes, Pictures: 90, Keyframes: 2, AudioFrames: 90,
		Span: 89 * 40 * time.Millisecond, LongestPause: 40 * time.Millisecond, LongestGroup: 2 * time.Second, SoundLead: 10 * time.Millisecond,
	}
	if s.Totals != want || s.Totals.Bytes < 90e3 {
		t.Errorf("totals %+v, want %+v", s.Totals, want)
	}
	r.stop()
	if got := kinds(r.told()); !slices.Equal(got, []EventKind{Connected, Recording, Disconnected}) {
		t.Errorf("told %v", got)
	}
	if list := r.in.Sessions(); len(list) != 1 || list[0].Ended.IsZero() {
		t.Errorf("sessions %+v", list)
	}

	if want := filepath.Join(dir, s.Began.Format("20060102-150405")+"-backup.flv"); s.Recording != want {
		t.Errorf("recorded to %s, want %s", s.Recording, want)
	}
	tags := recorded(t, s.Recording)
	if len(tags) != 3+180 {
		t.Fatalf("%d tags are recorded, want 183", len(tags))
	}
	if md, err := flv.ParseMetadata(tags[0].Body); err != nil || md.Width != 320 || strings.HasPrefix(string(tags[0].Body[3:]), "@") {
		t.Errorf("the recording begins with %q: %v", tags[0].Body, err)
	}
	if last := tags[len(tags)-2]; last.Type != flv.TypeVideo || last.DTS != 89*40*time.Millisecond || len(last.Body) != 1000 {
		t.Errorf("the last picture is %v at %v, %d bytes", last.Type, last.DTS, len(last.Body))
	}
}

// recorded reads a recording to its end, and checks what its header says.
func recorded(t *testing.T, name string) (tags []flv.Tag) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var has byte
	for r := flv.NewReader(f); ; {
		tag, err := r.ReadTag()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tags = append(tags, tag)
		has |= map[flv.TagType]byte{flv.TypeAudio: flvHasAudio, flv.TypeVideo: flvHasVideo}[tag.Type]
	}
	flags := make([]byte, 1)
	if _, err := f.ReadAt(flags, flvFlagsAt); err != nil || flags[0] != has {
		t.Errorf("%s: flags %#x (%v), want %#x", name, flags, err, has)
	}
	return tags
}

// Each session has a file of its own, whatever was there before.
func TestRecordingsAreApart(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	var names []string
	for range 3 {
		r, err := record(dir, Primary, now)
		if err != nil {
			t.Fatal(err)
		}
		r.add(frame{kind: flv.TypeVideo, body: []byte{0x27, 1, 0, 0, 0}})
		r.close()
		names = append(names, filepath.Base(r.name))
		if tags := recorded(t, r.name); len(tags) != 1 {
			t.Errorf("%s: %d tags", r.name, len(tags))
		}
	}
	base := now.Format("20060102-150405") + "-primary"
	if want := []string{base + ".flv", base + "-2.flv", base + "-3.flv"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if info, err := os.Stat(filepath.Join(dir, names[0])); err != nil || info.Mode().Perm()&^0o644 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A full disk ends the recording with a whole tag, and not the session.
func TestRecordingDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		tooltest.Skip(t, "this test needs /dev/full")
	}
	r := &recording{tags: make(chan flv.Tag, maxQueuedTags), done: make(chan struct{})}
	go r.run(full)
	for range 3 {
		r.add(frame{kind: flv.TypeVideo, body: []byte{0x27, 1, 0, 0, 0}})
	}
	r.close()
	if err := r.failed(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want that no space is left", err)
	}
}

// A disk that takes nothing is not waited for.
func TestRecordingDiskHangs(t *testing.T) {
	r := &recording{tags: make(chan flv.Tag, maxQueuedTags), done: make(chan struct{})}
	body := make([]byte, 1<<20)
	for range 70 {
		r.add(frame{kind: flv.TypeVideo, body: body})
	}
	if err := r.failed(); !errors.Is(err, errSlowDisk) {
		t.Errorf("got %v, want %v", err, errSlowDisk)
	}
	if n := len(r.tags); n > 64 {
		t.Errorf("%d MiB wait for the disk", n)
	}
	small := &recording{tags: make(chan flv.Tag, maxQueuedTags), done: make(chan struct{})}
	for range maxQueuedTags + 1 {
		small.add(frame{kind: flv.TypeVideo, body: body[:10]})
	}
	if err := small.failed(); !errors.Is(err, errSlowDisk) {
		t.Errorf("got %v, want %v", err, errSlowDisk)
	}
}

// Where there is no recording there is a session all the same.
func TestRecordingCannotBegin(t *testing.T) {
	r := rehearse(t, Config{Record: filepath.Join(t.TempDir(), "lost")})
	c := r.publish("live2", nil)
	describe(t, c, "")
	e := r.tells(NotRecording)
	if !strings.Contains(e.Text, "no such file or directory") || e.Session.ID != 1 {
		t.Errorf("told %+v", e)
	}
	goodbye(c)
	if e := r.tells(Disconnected); !e.Session.Goodbye {
		t.Errorf("told %+v", e)
	}
}

func TestKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keys")
	if err := os.WriteFile(file, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, _, err := LoadKeys([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	r := rehearse(t, Config{Keys: keys})
	if e := refusedBy(t, r); e.Kind != rtmp.KindBadName {
		t.Errorf("the client says %q", e)
	}
	r.tells(Refused)
	r.stop()
	if list := r.told(); len(list) != 1 || list[0].Text != "its stream key is not among those that are accepted" {
		t.Errorf("told %+v, want the one refusal", list)
	}
}

// Sessions that ended are let go of, but for the last few.
func TestEndedSessionsAreForgotten(t *testing.T) {
	r := rehearse(t, Config{})
	const n = maxEnded + 3
	for i := range n {
		goodbye(r.publish(fmt.Sprintf("live%d", i), nil))
	}
	r.stop()
	if list := r.told(Disconnected); len(list) != n {
		t.Errorf("%d ends are told, want %d", len(list), n)
	}
	list := r.in.Sessions()
	if len(list) != maxEnded || list[len(list)-1].ID != n {
		t.Errorf("%d sessions are kept, the last of them %d", len(list), list[len(list)-1].ID)
	}
}

func TestWhy(t *testing.T) {
	in := New(Config{})
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "the encoder said goodbye"},
		{io.EOF, "the encoder closed the connection without a goodbye"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "the encoder closed the connection without a goodbye"},
		{&fs.PathError{Err: syscall.ECONNRESET}, "the encoder or the network reset the connection"},
		{os.ErrDeadlineExceeded, "the encoder sent nothing for too long"},
		{rtmp.ErrReplaced, "the connection was dead, and the encoder has a new one"},
		{faultEnd("x"), "the fault x"},
		{errors.New("chunk \x1b of " + testKey), "chunk of ***"},
	} {
		if got := in.why(c.err, rtmp.NewStreamKey(testKey)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}

// Times go on beyond what 32 bits of milliseconds can say, and headers before
// the first picture do not say where they begin.
func TestCounterWraps(t *testing.T) {
	var c counter
	const begin = 1<<32 - 100
	c.read(flv.TypeVideo, 0, []byte{0x17, 0, 0, 0, 0})
	var last frame
	for i := range uint32(10) {
		last = c.read(flv.TypeVideo, begin+i*40, []byte{0x27, 1, 0, 0, 0})
	}
	if c.Pictures != 10 || c.Span != 360*time.Millisecond || c.Backwards != 0 || last.at != begin+360 {
		t.Errorf("%+v, the last at %d ms", c.Totals, last.at)
	}
	c.read(flv.TypeVideo, 200, []byte{0x27, 1, 0, 0, 0})
	c.read(flv.TypeVideo, 300, nil)
	if c.Backwards != 1 || c.Unreadable != 1 {
		t.Errorf("%+v, want one picture backwards and one unreadable message", c.Totals)
	}
}

// A backup is compared with the primary of the same key, and with no other.
func TestPair(t *testing.T) {
	r := rehearse(t, Config{})
	header := func(c *rtmp.Client, config uint16) {
		describe(t, c, "")
		send(t, c, rtmp.Message{Type: rtmp.Audio, Payload: binary.BigEndian.AppendUint16([]byte{0xaf, 0}, config)})
		send(t, c, rtmp.Message{Type: rtmp.Audio, Payload: []byte{0xaf, 1, 0x21, 0x10}})
	}
	const rate44100, rate48000 = 0x1210, 0x1190 // AudioSpecificConfig of AAC-LC stereo
	other := r.client("live2", nil)
	other.Key = rtmp.NewStreamKey("another-" + testKey)
	stranger, err := rtmp.Dial(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer goodbye(stranger)
	header(stranger, rate44100)
	backup := r.publish("live2?backup=1", nil)
	header(backup, rate48000)
	time.Sleep(2 * lookEvery)
	mismatched := func() (list []Event) {
		for _, e := range r.told(IssueBegan) {
			if e.Issue.Type == health.AudioSampleRateMismatch {
				list = append(list, e)
			}
		}
		return list
	}
	if list := mismatched(); len(list) > 0 {
		t.Fatalf("compared with a stranger: %+v", list)
	}
	primary := r.publish("live2", nil)
	header(primary, rate44100)
	for deadline := time.Now().Add(3 * time.Second); len(mismatched()) == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	list := mismatched()
	if len(list) != 1 || list[0].Session.Role != Backup || !strings.Contains(list[0].Issue.Measured, "48") {
		t.Fatalf("told %+v, want the sample rates' mismatch with the backup", list)
	}
	if s := list[0].Session.Status; s == health.StatusGood || s == health.StatusNoData {
		t.Errorf("the backup's status is %s", s)
	}
	goodbye(primary)
	cleared := r.tells(IssueCleared)
	if cleared.Issue.Type != health.AudioSampleRateMismatch {
		t.Errorf("cleared %+v", cleared.Issue)
	}
}

// The likeliest mistakes of whoever sets up an encoder are told in their words.
func TestMistakesAreNamed(t *testing.T) {
	r := rehearse(t, Config{})
	r.publish("live2", nil)
	if e := refusedBy(t, r); e.Kind != rtmp.KindBadName {
		t.Errorf("a second publisher is told %q", e)
	}
	if e := r.tells(Refused); !strings.Contains(e.Text, "a session with the same stream key and app goes on") || e.Session.App != "live2" {
		t.Errorf("of a second publisher it tells %+v", e)
	}

	r = rehearse(t, Config{})
	var conns []net.Conn
	defer func() {
		for _, nc := range conns {
			_ = nc.Close()
		}
	}()
	for range 17 {
		nc, err := net.Dial("tcp", "127.0.0.1:"+r.port)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, nc)
	}
	if e := r.tells(Refused); !strings.Contains(e.Text, "too many connections") {
		t.Errorf("of too many connections it tells %+v", e)
	}
}

// A backup may carry its query behind the key, which is not part of the key.
func TestKeyWithAQueryIsAccepted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, _, err := LoadKeys([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	r := rehearse(t, Config{Keys: keys})
	cfg := r.client("live2", nil)
	cfg.Key = rtmp.NewStreamKey(testKey + "?backup=1")
	c, err := rtmp.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer goodbye(c)
	if e := r.tells(Connected); e.Session.Role != Backup {
		t.Errorf("told %+v", e)
	}
}
