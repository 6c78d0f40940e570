package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/aac"
	"venuecast/broadcaster"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

// needFFmpeg skips the test where there is no encoder, or fails it in CI.
func needFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err == nil {
		return
	}
	if os.Getenv("VENUECAST_NO_SKIP") == "1" {
		t.Fatal("ffmpeg is not installed, and VENUECAST_NO_SKIP forbids to skip the test")
	}
	t.Skip("ffmpeg is not installed: no encoder to listen to")
}

// card gives 30 small pictures a second.
type card struct{ epoch time.Time }

func (c card) Run(ctx context.Context, emit func(*h264.AccessUnit)) error {
	enc, err := slate.NewEncoder(slate.Config{Width: 64, Height: 48})
	if err != nil {
		return err
	}
	ticker := time.NewTicker(time.Second / 30)
	defer ticker.Stop()
	var au h264.AccessUnit
	for i := int64(0); ; i++ {
		enc.Encode(&au, i, time.Unix(0, 0), i%60 == 0)
		au.DTS = time.Since(c.epoch)
		au.PTS = au.DTS
		emit(&au)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// onAir runs pictures and the command's sound through a pump, and calls each
// with every tag as it leaves for a destination, until that returns false.
func onAir(t *testing.T, epoch time.Time, script string, each func(tag flv.Tag, hook *logtest.Hook) bool) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	source, err := Open(Config{Source: SourceExec, Exec: ExecConfig{Command: []string{"sh", "-c", script}}}, epoch, log)
	if err != nil {
		t.Fatal(err)
	}
	hub := broadcaster.NewHub()
	pump, err := broadcaster.NewPump(card{epoch}, hub, broadcaster.PumpConfig{SampleRate: 44100, Channels: 2}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	var g sync.WaitGroup
	defer g.Wait()
	defer cancel()
	sub := hub.Subscribe(4 * time.Second)
	defer sub.Close()
	b := &broadcaster.Broadcaster{Hub: hub, Pump: pump, Audio: source}
	g.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for {
		tag, err := sub.Next(ctx)
		if err != nil {
			for _, e := range hook.AllEntries() {
				line, _ := e.String()
				t.Log(line)
			}
			t.Fatal("the sound did not do what is expected in 40 s")
		}
		if !each(tag, hook) {
			return
		}
	}
}

// TestAKilledEncoderIsSilentWithin200ms, and is heard again by itself.
func TestAKilledEncoderIsSilentWithin200ms(t *testing.T) {
	needFFmpeg(t)
	silence, err := aac.SilentFrame(44100, 2)
	if err != nil {
		t.Fatal(err)
	}
	const frame = 1024 * time.Second / 44100
	var killed time.Time
	var took, back time.Duration
	var end time.Duration
	headers, sounding, again := 0, 0, 0
	onAir(t, time.Now(), "exec ffmpeg -v error -re -f lavfi -i sine=r=44100 -ac 2 -c:a aac -b:a 128k -f adts -", func(tag flv.Tag, hook *logtest.Hook) bool {
		if tag.Type != flv.TypeAudio {
			return true
		}
		if tag.Header {
			headers++
			return true
		}
		if hole := tag.DTS - end; end != 0 && (hole > frame || hole < -time.Millisecond) {
			t.Errorf("sound at %v follows sound that ended at %v", tag.DTS, end)
		}
		end = tag.DTS + frame
		silent := bytes.Equal(tag.Body[2:], silence)
		switch {
		case killed.IsZero() && !silent:
			if sounding++; sounding == 150 {
				for _, e := range hook.AllEntries() {
					if pid, ok := e.Data[keyPID].(int); ok {
						killed = time.Now()
						_ = syscall.Kill(pid, syscall.SIGKILL)
					}
				}
			}
		case killed.IsZero():
		case silent && took == 0:
			took = time.Since(killed)
		case !silent && took != 0:
			if again++; again == 1 {
				back = time.Since(killed)
			}
		}
		return again < 50
	})
	if took > 200*ms {
		t.Errorf("silence was on the wire %v after the kill", took)
	}
	if headers != 1 {
		t.Errorf("%d sequence headers", headers)
	}
	t.Logf("kill -9: silence on the wire after %v, sound again after %v", took.Round(ms), back.Round(ms))
}

const clickEvery = 500 * time.Millisecond

// click writes PCM in real time, 44.1 kHz mono, that clicks every half second
// of the clock that began at epoch, in unix nanoseconds.
func click(epoch string) error {
	nanos, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return err
	}
	const block = 441 // 10 ms
	begin := time.Since(time.Unix(0, nanos)).Truncate(clickEvery) + clickEvery
	for i := range 100 * 60 {
		at := begin + time.Duration(i)*10*ms
		var pcm [block]int16
		for k := range pcm {
			pcm[k] = int16(rand.IntN(400)) // so that no frame is small
			if at%clickEvery == 0 {
				pcm[k] = int16(20000 - 40000*(k/5%2))
			}
		}
		time.Sleep(time.Until(time.Unix(0, nanos).Add(at + 10*ms))) // when it is over
		if err := binary.Write(os.Stdout, binary.LittleEndian, pcm[:]); err != nil {
			return nil // nobody listens any more
		}
	}
	return nil
}

// TestSoundIsWhereThePictureIs: a click at a time of the capture's clock is
// heard at that time of the stream, or later by what the encoder takes.
func TestSoundIsWhereThePictureIs(t *testing.T) {
	needFFmpeg(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	epoch := time.Now()
	config := aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 44100, ChannelConfig: 1}
	var adts []byte
	var times []time.Duration
	script := fmt.Sprintf("VENUECAST_TEST_AUDIO=1 VENUECAST_TEST_AUDIO_CLICKS=%d %s | ffmpeg -v error -fflags nobuffer -probesize 32 -analyzeduration 0 -f s16le -ar 44100 -ac 1 -i - -c:a aac -b:a 128k -f adts -",
		epoch.UnixNano(), exe)
	onAir(t, epoch, script, func(tag flv.Tag, _ *logtest.Hook) bool {
		if tag.Type == flv.TypeAudio && !tag.Header && len(tag.Body) > 40 {
			if adts, err = aac.AppendADTS(adts, config, tag.Body[2:]); err != nil {
				t.Fatal(err)
			}
			times = append(times, tag.DTS)
		}
		return len(times) < 300
	})
	file := filepath.Join(t.TempDir(), "clicks.aac")
	if err := os.WriteFile(file, adts, 0o600); err != nil {
		t.Fatal(err)
	}
	pcm, err := exec.Command("ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-ac", "1", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	var clicks []time.Duration
	for i, quiet := 0, 0; i+1 < len(pcm) && i/2/1024 < len(times); i += 2 {
		v := int16(binary.LittleEndian.Uint16(pcm[i:]))
		if quiet++; v > 8000 || v < -8000 {
			if quiet > 4410 {
				k := i / 2
				clicks = append(clicks, times[k/1024]+time.Duration(k%1024)*time.Second/44100)
			}
			quiet = 0
		}
	}
	if len(clicks) < 8 {
		t.Fatalf("%d clicks are heard in %d frames", len(clicks), len(times))
	}
	least, most := time.Hour, -time.Hour
	for _, at := range clicks {
		off := (at+clickEvery/2)%clickEvery - clickEvery/2
		least, most = min(least, off), max(most, off)
	}
	t.Logf("%d clicks, heard %v to %v after they were made", len(clicks), least.Round(ms/10), most.Round(ms/10))
	if least < -25*ms || most > 120*ms {
		t.Errorf("clicks are heard %v to %v after they were made", least, most)
	}
}
