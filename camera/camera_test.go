package camera

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/aac"
	"venuecast/camera/exec"
	"venuecast/camera/file"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

func TestBitRateText(t *testing.T) {
	for text, want := range map[string]BitRate{
		"6M": 6e6, "800k": 800e3, "2.5M": 2.5e6, "6000000": 6e6, "0": 0, " 4M ": 4e6, "1234": 1234, "12K": 12e3,
	} {
		var b BitRate
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q: %d, %v; want %d", text, b, err, want)
		}
		var again BitRate
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b {
			t.Errorf("%q prints as %q, which is %d", text, b, again)
		}
	}
	for _, text := range []string{"", "M", "6m", "-1", "6Mbit", "NaN", "1e99", "Inf"} {
		var b BitRate
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d", text, b)
		}
	}
}

func TestOpen(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	base := Config{Source: SourceTestcard, Width: 640, Height: 360, FPS: 30, Bitrate: 1e6, KeyframeInterval: 2 * time.Second}
	if _, err := Open(base, "box", time.Now(), log); err != nil {
		t.Error(err)
	}
	for _, source := range []string{"", "webcam", SourceExec, SourceFile} {
		cfg := base
		cfg.Source = source
		if _, err := Open(cfg, "box", time.Now(), log); err == nil {
			t.Errorf("source %q: no error", source)
		}
	}
}

// TestAudioCarrier: the sources whose sound can be had are those of files that
// have room for it.
func TestAudioCarrier(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	for path, want := range map[string]bool{"x.mp4": true, "x.MOV": true, "x.m4v": true, "x.flv": true, "x.h264": false, "x.264": false} {
		s, err := Open(Config{Source: SourceFile, File: file.Config{Path: path}}, "box", time.Now(), log)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.(AudioCarrier); ok != want {
			t.Errorf("%s carries sound: %v, want %v", path, ok, want)
		}
		if _, ok := s.(LossCounter); !ok {
			t.Errorf("%s cannot be asked for losses", path)
		}
	}
	s, err := Open(Config{Source: SourceExec, Exec: exec.Config{Command: []string{"true"}}}, "box", time.Now(), log)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.(AudioCarrier); ok {
		t.Error("a command carries sound")
	}
}

// TestSoundOfAFile: what TakeAudio is given comes through.
func TestSoundOfAFile(t *testing.T) {
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180, FPS: 25})
	if err != nil {
		t.Fatal(err)
	}
	config := aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 48000, ChannelConfig: 2}
	silence, err := aac.SilentFrame(48000, 2)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := flv.NewAudioMuxer(config)
	if err != nil {
		t.Fatal(err)
	}
	var video flv.VideoMuxer
	var b bytes.Buffer
	w := flv.NewWriter(&b, true, true)
	for i := range 10 {
		var au h264.AccessUnit
		enc.Encode(&au, int64(i), time.Unix(0, 0), i == 0)
		au.DTS = time.Duration(i) * 40 * time.Millisecond
		au.PTS, au.Keyframe = au.DTS, i == 0
		tags, err := video.Mux(nil, &au)
		if err == nil {
			tags, err = sound.Mux(tags, silence, au.DTS)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			if err := w.WriteTag(tag); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "x.flv")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		log, _ := logtest.NewNullLogger()
		s, err := Open(Config{Source: SourceFile, File: file.Config{Path: path}}, "box", time.Now(), log)
		if err != nil {
			t.Fatal(err)
		}
		var pictures, frames []time.Duration
		s.(AudioCarrier).TakeAudio(func(f *aac.Frame) {
			if f.Config != config || !bytes.Equal(f.Data, silence) {
				t.Errorf("frame of %d bytes, %+v", len(f.Data), f.Config)
			}
			frames = append(frames, f.DTS)
		})
		if err := s.Run(t.Context(), func(au *h264.AccessUnit) { pictures = append(pictures, au.DTS) }); err != nil {
			t.Fatal(err)
		}
		if len(pictures) != 10 || !slices.Equal(pictures, frames) {
			t.Errorf("pictures at %v, sound at %v", pictures, frames)
		}
	})
}

// TestADifferenceIsNamed plays a file whose picture is not what the
// configuration asks for.
func TestADifferenceIsNamed(t *testing.T) {
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180, FPS: 25})
	if err != nil {
		t.Fatal(err)
	}
	var stream []byte
	var au h264.AccessUnit
	for i := range 10 {
		enc.Encode(&au, int64(i), time.Unix(0, 0), i%5 == 0)
		for _, n := range au.NALUs {
			stream = append(append(stream, 0, 0, 0, 1), n...)
		}
	}
	path := filepath.Join(t.TempDir(), "x.h264")
	if err := os.WriteFile(path, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		cfg  Config
		want []string
	}{
		{Config{Width: 320, Height: 180, FPS: 25}, nil},
		{Config{Width: 320, Height: 180}, nil},
		{Config{Width: 1920, Height: 1080}, nil}, // by default, so nobody asked
		{Config{Width: 320, Height: 1080, WidthAsked: true}, nil},
		{Config{Width: 640, Height: 1080, WidthAsked: true}, []string{"asks for a picture of width 640, the stream has 320x180"}},
		{Config{Width: 1920, Height: 720, HeightAsked: true}, []string{"asks for a picture of height 720, the stream has 320x180"}},
		{Config{Width: 1920, Height: 1080, WidthAsked: true, HeightAsked: true, FPS: 30}, []string{
			"asks for a picture of 1920x1080, the stream has 320x180",
			"asks for 30 frames a second, the stream says 25",
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			log, hook := logtest.NewNullLogger()
			cfg := test.cfg
			cfg.Source, cfg.File = SourceFile, file.Config{Path: path}
			s, err := Open(cfg, "box", time.Now(), log)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if err := s.Run(t.Context(), func(*h264.AccessUnit) { n++ }); err != nil || n != 10 {
				t.Fatalf("%d pictures, %v", n, err)
			}
			if got := len(hook.AllEntries()); got != len(test.want) {
				t.Errorf("%+v: %d warnings, want %d", test.cfg, got, len(test.want))
				return
			}
			for i, want := range test.want {
				if got := hook.AllEntries()[i].Message; !strings.Contains(got, want) {
					t.Errorf("warned %q, want %q", got, want)
				}
			}
		})
	}
}
