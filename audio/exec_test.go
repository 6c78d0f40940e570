package audio

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"venuecast/aac"
)

// The test binary is also the audio command: VENUECAST_TEST_AUDIO says how it
// behaves.
func TestMain(m *testing.M) {
	var err error
	if how := os.Getenv("VENUECAST_TEST_AUDIO"); how != "" {
		if epoch := os.Getenv("VENUECAST_TEST_AUDIO_CLICKS"); epoch != "" {
			err = click(epoch)
		} else {
			err = perform(how)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bad test audio:", err)
			os.Exit(2)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// perform writes ADTS. how is "rate,channels,frames,burst,speed": so many frames
// together, and how fast against real time.
func perform(how string) error {
	var rate, channels, frames, burst int
	var speed float64
	if _, err := fmt.Sscanf(how, "%d,%d,%d,%d,%g", &rate, &channels, &frames, &burst, &speed); err != nil {
		return fmt.Errorf("%q: %w", how, err)
	}
	config := aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: rate, ChannelConfig: uint8(channels)}
	if main := os.Getenv("VENUECAST_TEST_AUDIO_TYPE"); main != "" {
		n, err := strconv.Atoi(main)
		if err != nil {
			return err
		}
		config.ObjectType = aac.ObjectType(n)
	}
	start := time.Now()
	var b []byte
	var err error
	for k := range frames {
		from := len(b)
		if b, err = aac.AppendADTS(b, config, fmt.Appendf(nil, "\x21%06d", k)); err != nil {
			return err
		}
		if os.Getenv("VENUECAST_TEST_AUDIO_BLOCKS") != "" {
			b[from+6] |= 1 // two raw data blocks
		}
		if (k+1)%burst > 0 && k+1 < frames {
			continue
		}
		time.Sleep(time.Until(start.Add(time.Duration(float64(k+1) * 1024e9 / float64(rate) / speed))))
		if _, err := os.Stdout.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	return nil
}

// heard is a frame as the source gave it.
type heard struct {
	aac.Frame
	n       int           // of the command's frames; -1: it has ended
	arrived time.Duration // on the source's clock
}

// listen runs the source until n frames have come or within is over, and kills
// nothing.
func listen(t *testing.T, cfg ExecConfig, n int, within time.Duration) ([]heard, *logtest.Hook) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	epoch := time.Now()
	s, err := Open(Config{Source: SourceExec, Exec: cfg}, epoch, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var list []heard
	frames := 0
	err = s.Run(ctx, func(f *aac.Frame) {
		h := heard{Frame: *f, n: -1, arrived: time.Since(epoch)}
		if h.Data = nil; len(f.Data) > 1 {
			h.n, _ = strconv.Atoi(string(f.Data[1:]))
			frames++
		}
		list = append(list, h)
		if frames == n {
			cancel()
		}
	})
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	return list, hook
}

func self(t *testing.T, how string) ExecConfig {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VENUECAST_TEST_AUDIO", how)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's own pause at exit would count as ours
	return ExecConfig{Command: []string{exe}}
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

func TestFramesComeInTime(t *testing.T) {
	for _, test := range []struct {
		how   string
		burst int
	}{
		{"44100,2,1000,1,1", 1},
		{"48000,1,1000,10,1", 10},
	} {
		list, hook := listen(t, self(t, test.how), 100, 20*time.Second)
		if len(list) < 100 {
			t.Fatalf("%s: %d frames; %q", test.how, len(list), messages(hook, logrus.WarnLevel))
		}
		period := float64(1024e9) / float64(list[0].Config.SampleRate)
		tardy := 0
		for i := 1; i < 100; i++ {
			if list[i].n != list[i-1].n+1 {
				t.Errorf("%s: frame %d behind %d", test.how, list[i].n, list[i-1].n)
			}
			if d := float64(list[i].DTS - list[i-1].DTS); d < 0.99*period || d > 1.01*period {
				t.Errorf("%s: frame %d is %v behind the one before", test.how, list[i].n, time.Duration(d))
			}
			late := list[i].arrived - list[i].DTS
			if late < time.Duration(period)-maxError {
				t.Errorf("%s: frame %d came only %v after its time", test.how, list[i].n, late)
			}
			if late > time.Duration(float64(test.burst+1)*period)+40*ms {
				tardy++ // a busy machine
			}
		}
		if tardy > 25 {
			t.Errorf("%s: %d of 100 frames came later than they were taken", test.how, tardy)
		}
		if w := messages(hook, logrus.WarnLevel); len(w) > 0 {
			t.Errorf("%s: warnings %q", test.how, w)
		}
	}
}

// TestACommandThatEnds is said to have ended at once, and is started again;
// times go on.
func TestACommandThatEnds(t *testing.T) {
	list, hook := listen(t, self(t, "44100,2,20,1,1"), 45, 20*time.Second)
	ends, last := 0, time.Duration(0)
	for i, h := range list {
		switch {
		case h.n < 0:
			ends++
			if wait := h.arrived - list[i-1].arrived; wait > 150*ms {
				t.Errorf("its end was told %v after its last frame", wait)
			}
		case h.DTS <= last:
			t.Errorf("frame %d at %v is not after %v", h.n, h.DTS, last)
		default:
			last = h.DTS
		}
	}
	if ends < 2 {
		t.Errorf("it ended %d times", ends)
	}
	if w := messages(hook, logrus.WarnLevel); len(w) != 1 || !strings.Contains(w[0], "exit status 0") {
		t.Errorf("warnings %q, want one for ends that are alike", w)
	}
}

func TestAKilledCommandIsToldOfAtOnce(t *testing.T) {
	cfg := self(t, "44100,2,100000,43,1") // in bursts, so that the quiet tells nothing
	log, hook := logtest.NewNullLogger()
	s, err := Open(Config{Source: SourceExec, Exec: cfg}, time.Now(), log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	killed := make(chan time.Time, 1)
	time.AfterFunc(700*ms, func() {
		for _, e := range hook.AllEntries() {
			if pid, ok := e.Data[keyPID].(int); ok {
				killed <- time.Now()
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	took := time.Duration(-1)
	_ = s.Run(ctx, func(f *aac.Frame) {
		if len(f.Data) == 0 {
			took = time.Since(<-killed)
			cancel()
		}
	})
	if took < 0 || took > 100*ms {
		t.Errorf("told %v after the kill", took)
	}
}

func TestWhatIsWrongIsNamedOnce(t *testing.T) {
	self := self(t, "44100,2,1000,1,1").Command[0]
	for _, test := range []struct {
		name   string
		script string
		within time.Duration
		want   []string // in one warning
		heard  bool
	}{
		{"PCM", "exec cat /dev/zero", time.Second, []string{"not AAC in ADTS", "-f adts", `\x00`}, false},
		{"PCM that takes its time", "while :; do printf RIFFxxxxWAVEfmt; sleep 0.3; done", nameWithin + time.Second, []string{"not AAC in ADTS", "RIFFxxxx"}, false},
		{"AAC Main", "VENUECAST_TEST_AUDIO_TYPE=1 exec " + self, time.Second, []string{"object type 1", "AAC-LC"}, false},
		{"several blocks", "VENUECAST_TEST_AUDIO_BLOCKS=1 exec " + self, time.Second, []string{"several raw data blocks", "one raw data block a frame"}, false},
		{"twice as fast", "VENUECAST_TEST_AUDIO=44100,2,100000,1,20 exec " + self, time.Second, []string{"faster than it sounds", "-re"}, true},
		{"a command that is not there", "exec " + filepath.Join(t.TempDir(), "missing"), time.Second, []string{"started again", "not found"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, hook := listen(t, ExecConfig{Command: []string{"sh", "-c", test.script}}, -1, test.within)
			w := messages(hook, logrus.WarnLevel)
			named := 0
			for _, m := range w {
				all := true
				for _, want := range test.want {
					all = all && strings.Contains(m, want)
				}
				if all {
					named++
				}
			}
			if named != 1 {
				t.Errorf("named %d times in %q", named, w)
			}
			if sound := len(list) > 0 && list[0].n >= 0; sound != test.heard {
				t.Errorf("%d frames were given", len(list))
			}
		})
	}
}

// TestManyChannelsAreCarried as they are.
func TestManyChannelsAreCarried(t *testing.T) {
	list, hook := listen(t, self(t, "48000,6,1000,1,1"), 10, 10*time.Second)
	if len(list) < 10 || list[0].Config.Channels() != 6 || len(messages(hook, logrus.WarnLevel)) > 0 {
		t.Errorf("%d frames; %q", len(list), messages(hook, logrus.WarnLevel))
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
			s, err := Open(Config{Source: SourceExec, Exec: ExecConfig{Command: []string{"sh", "-c", script}}}, time.Now(), log)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var g sync.WaitGroup
			g.Go(func() {
				if err := s.Run(ctx, func(*aac.Frame) {}); err != nil {
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

func TestOpenRefuses(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	for _, cfg := range []Config{{}, {Source: SourceSilence}, {Source: SourceCamera}, {Source: SourceExec}, {Source: SourceExec, Exec: ExecConfig{Command: []string{""}}}} {
		if _, err := Open(cfg, time.Now(), log); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

// TestAFrameCostsNothing: what a frame needs is there already.
func TestAFrameCostsNothing(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	s := newCommand(ExecConfig{Command: []string{"x"}}, time.Now(), log)
	config := aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 44100, ChannelConfig: 2}
	data := make([]byte, 400)
	emit := func(*aac.Frame) {}
	if got := testing.AllocsPerRun(1000, func() { s.take(data, config, emit) }); got != 0 {
		t.Errorf("%v allocations a frame, want none", got)
	}
}
