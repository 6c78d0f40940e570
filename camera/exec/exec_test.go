package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"venuecast/h264"
	"venuecast/slate"
)

// The test binary is also the camera command: VENUECAST_TEST_CAMERA says how
// it behaves.
func TestMain(m *testing.M) {
	if how := os.Getenv("VENUECAST_TEST_CAMERA"); how != "" {
		camera(how)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// sliceData makes every slice 8 KB longer; nobody here decodes it.
var sliceData = bytes.Repeat([]byte{0x55}, 8<<10)

// camera writes 30 pictures a second; how is "pictures,pieces,pause,until",
// where from picture until/2 on each is written in pieces with a pause between
// them.
func camera(how string) {
	var count, pieces, from int
	var pause time.Duration
	var pauseMS int
	if _, err := fmt.Sscanf(how, "%d,%d,%d,%d", &count, &pieces, &pauseMS, &from); err != nil {
		fmt.Fprintln(os.Stderr, "bad test camera:", how)
		os.Exit(2)
	}
	pause = time.Duration(pauseMS) * time.Millisecond
	every := 30
	if text := os.Getenv("VENUECAST_TEST_CAMERA_KEY"); text != "" {
		every, _ = strconv.Atoi(text)
	}
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180, KeyframeInterval: time.Duration(every) * time.Second / 30})
	if err != nil {
		os.Exit(2)
	}
	var au h264.AccessUnit
	start := time.Now()
	for i := range count {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / 30)))
		enc.Encode(&au, int64(i), time.Unix(int64(i), 0), i%every == 0)
		var b []byte
		for _, n := range au.NALUs {
			b = append(append(b, 0, 0, 0, 1), n...)
		}
		b = append(b, sliceData...) // as large as a camera's
		n := 1
		if i >= from {
			n = pieces
		}
		for k := range n {
			if k > 0 {
				time.Sleep(pause)
			}
			if _, err := os.Stdout.Write(b[k*len(b)/n : (k+1)*len(b)/n]); err != nil {
				os.Exit(1)
			}
		}
	}
}

// picture is what the source made of one.
type picture struct {
	at       time.Duration // DTS
	arrived  time.Duration // when it was emitted
	size     int
	keyframe bool
}

// watch runs the source until n pictures have come or within is over.
func watch(t *testing.T, cfg Config, n int, within time.Duration) ([]picture, *logtest.Hook) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	epoch := time.Now()
	s, err := New(cfg, 0, epoch, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var list []picture
	err = s.Run(ctx, func(au *h264.AccessUnit) {
		p := picture{at: au.DTS, arrived: time.Since(epoch), keyframe: au.Keyframe}
		for _, nalu := range au.NALUs {
			p.size += len(nalu) + 4
		}
		list = append(list, p)
		if len(list) == n {
			cancel()
		}
	})
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	return list, hook
}

func self(t *testing.T, how string) Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VENUECAST_TEST_CAMERA", how)
	return Config{Command: []string{exe}}
}

func messages(hook *logtest.Hook, level logrus.Level) (list []string) {
	for _, e := range hook.AllEntries() {
		if e.Level == level {
			s, _ := e.String()
			list = append(list, s)
		}
	}
	return list
}

func TestPicturesComeWhole(t *testing.T) {
	list, hook := watch(t, self(t, "60,1,0,0"), 60, 10*time.Second)
	if len(list) < 59 { // the last one's end is told by nothing but the end
		t.Fatalf("%d pictures of 60", len(list))
	}
	for i, p := range list {
		if p.keyframe != (i%30 == 0) {
			t.Errorf("picture %d: keyframe %v", i, p.keyframe)
		}
		if i > 0 && p.at <= list[i-1].at {
			t.Errorf("picture %d at %v is not after %v", i, p.at, list[i-1].at)
		}
	}
	if w := messages(hook, logrus.WarnLevel); len(w) > 1 { // one: it has ended
		t.Errorf("warnings: %q", w)
	}
}

// TestNoWaitingForTheNextPicture checks that a picture is not held up until
// its successor's start code comes; the figures proper are the rig's.
func TestNoWaitingForTheNextPicture(t *testing.T) {
	list, _ := watch(t, self(t, "90,1,0,0"), 80, 10*time.Second)
	late := 0
	for _, p := range list[warmUp+5:] {
		if p.arrived-p.at > 20*time.Millisecond {
			late++
		}
	}
	if late > len(list)/4 {
		t.Errorf("%d of %d pictures came over 20 ms after their first byte", late, len(list))
	}
}

func TestPiecesLoseNothing(t *testing.T) {
	list, hook := watch(t, self(t, "90,4,1,0"), 89, 15*time.Second)
	if len(list) != 89 {
		t.Errorf("%d pictures of 89; %q", len(list), messages(hook, logrus.WarnLevel))
	}
}

func TestPausesThatBeginLaterCostOnePicture(t *testing.T) {
	// From picture 45 on, pieces 12 ms apart: the first such picture is cut,
	// and the stream is whole again from keyframe 60 on.
	list, hook := watch(t, self(t, "120,3,12,45"), 150, 6*time.Second)
	warned := 0
	for _, m := range messages(hook, logrus.WarnLevel) {
		if strings.Contains(m, "paused within a picture") {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("cut too early %d times, want once", warned)
	}
	if len(list) < 100 {
		t.Fatalf("%d pictures", len(list))
	}
	small := 0
	for _, p := range list[1:] {
		if p.size < len(sliceData) {
			small++
		}
	}
	if small != 1 {
		t.Errorf("%d damaged pictures were given, want 1", small)
	}
}

// TestAStreamWithoutKeyframesIsBegunAnew: after a picture that was cut, such a
// stream would never be joined again.
func TestAStreamWithoutKeyframesIsBegunAnew(t *testing.T) {
	t.Setenv("VENUECAST_TEST_CAMERA_KEY", "100000")
	list, hook := watch(t, self(t, "1000,3,12,45"), 80, 40*time.Second)
	keys := 0
	for _, p := range list {
		if p.keyframe {
			keys++
		}
	}
	if len(list) != 80 || keys != 2 {
		t.Errorf("%d pictures with %d keyframes; %q", len(list), keys, messages(hook, logrus.WarnLevel))
	}
}

func TestACommandThatEndsIsStartedAgain(t *testing.T) {
	list, hook := watch(t, self(t, "20,1,0,0"), 60, 20*time.Second)
	keys := 0
	for i, p := range list {
		if p.keyframe {
			keys++
		}
		if i > 0 && p.at <= list[i-1].at {
			t.Errorf("picture %d at %v is not after %v", i, p.at, list[i-1].at)
		}
	}
	if len(list) != 60 || keys != 3 {
		t.Errorf("%d pictures with %d keyframes out of three runs", len(list), keys)
	}
	if w := messages(hook, logrus.WarnLevel); len(w) != 1 || !strings.Contains(w[0], "exit status 0") {
		t.Errorf("warnings %q, want one for ends that are alike", w)
	}
}

func TestABrokenCommandIsNamed(t *testing.T) {
	_, hook := watch(t, Config{Command: []string{"sh", "-c", "echo no cameras available >&2; exit 255"}}, 1, 700*time.Millisecond)
	w, started := messages(hook, logrus.WarnLevel), 0
	for _, m := range messages(hook, logrus.InfoLevel) {
		if strings.Contains(m, "camera command started") {
			started++
		}
	}
	if started < 2 || started > 4 {
		t.Errorf("started %d times in 0.7 s", started)
	}
	if len(w) != 1 || (!strings.Contains(w[0], "exit status 255") || !strings.Contains(w[0], "no cameras available")) {
		t.Errorf("said %q", w[0])
	}
	_, hook = watch(t, Config{Command: []string{filepath.Join(t.TempDir(), "missing")}}, 1, 100*time.Millisecond)
	if w := messages(hook, logrus.WarnLevel); len(w) == 0 || !strings.Contains(w[0], "no such file") {
		t.Errorf("of a command that is not there it said %q", w)
	}
}

func TestWhatIsNoH264IsNamed(t *testing.T) {
	for script, within := range map[string]time.Duration{
		"exec yes not-a-camera":                          time.Second,
		"while :; do echo not-a-camera; sleep 0.3; done": nameWithin + 2*time.Second,
	} {
		_, hook := watch(t, Config{Command: []string{"sh", "-c", script}}, 1, within)
		found := false
		for _, m := range messages(hook, logrus.WarnLevel) {
			found = found || strings.Contains(m, "not H.264") && strings.Contains(m, "not-a-camera")
		}
		if !found {
			t.Errorf("of %q it said %q", script, messages(hook, logrus.WarnLevel))
		}
	}
}

// MPEG-TS holds whole H.264, so that a framer finds pictures in it, with the
// packets' headers in their midst.
func TestAnotherFormatNeverGoesOut(t *testing.T) {
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	var au h264.AccessUnit
	var stream, packets []byte
	for i := range 30 {
		enc.Encode(&au, int64(i), time.Unix(int64(i), 0), i == 0)
		for _, n := range au.NALUs {
			stream = append(append(stream, 0, 0, 0, 1), n...)
		}
		stream = append(stream, sliceData...)
	}
	const packet = 188
	for b := range slices.Chunk(stream, packet-4) {
		packets = append(append(packets, 0x47, 1, 0, 0x10), b...)
	}
	file := filepath.Join(t.TempDir(), "stream.ts")
	if err := os.WriteFile(file, packets, 0o600); err != nil {
		t.Fatal(err)
	}
	list, hook := watch(t, Config{Command: []string{"cat", file}}, 1, 500*time.Millisecond)
	if len(list) > 0 {
		t.Error("a picture was made of MPEG-TS")
	}
	if w := messages(hook, logrus.WarnLevel); len(w) != 1 || !strings.Contains(w[0], "MPEG-TS") || !strings.Contains(w[0], "-f h264") {
		t.Errorf("it said %q", w)
	}
}

func TestStopIsQuickWhateverTheCommandDoes(t *testing.T) {
	for name, script := range map[string]string{
		"silent":   "sleep 100",
		"stubborn": "trap '' INT; sleep 100 & wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, _ := logtest.NewNullLogger()
			s, err := New(Config{Command: []string{"sh", "-c", script}}, 0, time.Now(), log)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var g sync.WaitGroup
			g.Go(func() {
				if err := s.Run(ctx, func(*h264.AccessUnit) {}); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
			time.Sleep(100 * time.Millisecond)
			began := time.Now()
			cancel()
			g.Wait()
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("stopping took %v", took)
			}
		})
	}
}

func TestNewRefusesNothing(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	for _, cfg := range []Config{{}, {Command: []string{""}}} {
		if _, err := New(cfg, 0, time.Now(), log); err == nil || errors.Unwrap(err) != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
