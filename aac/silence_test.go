package aac

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"testing"

	"venuecast/internal/tooltest"
)

func TestSilentFrameBits(t *testing.T) {
	for _, tt := range []struct {
		channels int
		want     []byte
	}{
		// SCE 000, tag 0000, global_gain 0 (8), ics_info 0 00 0 000000 0,
		// no pulse, TNS or gain control 000, END 111: 32 bits.
		{1, []byte{0b000_0000_0, 0b0000000_0, 0b00_0_00000, 0b0_0_000_111}},
		// CPE 001, tag 0000, common_window 1, ics_info 0 00 0 000000 0, ms_mask
		// 00, twice global_gain and no tools, END 111 and two bits to align.
		{2, []byte{0b001_0000_1, 0b0_00_0_0000, 0b00_0_00_000, 0b00000_000, 0b00000000, 0b000_111_00}},
	} {
		got, err := SilentFrame(48000, tt.channels)
		if err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%d channels: %08b, %v; want %08b", tt.channels, got, err, tt.want)
		}
	}
}

func TestSilentFrameRefused(t *testing.T) {
	for _, tt := range []struct{ rate, channels int }{{0, 2}, {22050, 2}, {96000, 1}, {44100, 0}, {44100, 3}, {44100, -1}} {
		if b, err := SilentFrame(tt.rate, tt.channels); !errors.Is(err, ErrUnsupported) {
			t.Errorf("SilentFrame(%d, %d) = % x, %v; want ErrUnsupported", tt.rate, tt.channels, b, err)
		}
	}
}

// TestSilentFrameDecodes has ffmpeg judge: every sample 0, not a word of
// complaint.
func TestSilentFrameDecodes(t *testing.T) {
	ffmpeg := tooltest.Path(t, "ffmpeg")
	const frames = 20
	for _, rate := range []int{32000, 44100, 48000} {
		for channels := 1; channels <= 2; channels++ {
			for format, size := range map[string]int{"s16le": 2, "f32le": 4} {
				t.Run(fmt.Sprintf("%d Hz %d channels %s", rate, channels, format), func(t *testing.T) {
					frame, err := SilentFrame(rate, channels)
					if err != nil {
						t.Fatal(err)
					}
					c := Config{ObjectType: ObjectTypeLC, SampleRate: rate, ChannelConfig: uint8(channels)}
					var adts []byte
					for range frames {
						if adts, err = AppendADTS(adts, c, frame); err != nil {
							t.Fatal(err)
						}
					}
					cmd := exec.Command(ffmpeg, "-v", "warning", "-err_detect", "explode", "-xerror",
						"-f", "aac", "-i", "pipe:0", "-f", format, "pipe:1")
					cmd.Stdin = bytes.NewReader(adts)
					var stderr bytes.Buffer
					cmd.Stderr = &stderr
					pcm, err := cmd.Output()
					if err != nil || stderr.Len() > 0 {
						t.Fatalf("ffmpeg: %v\n%s", err, &stderr)
					}
					if want := frames * SamplesPerFrame * channels * size; len(pcm) != want {
						t.Errorf("%d bytes of sound, want %d", len(pcm), want)
					}
					for i := 0; i+size <= len(pcm); i += size {
						silent := pcm[i] == 0 && pcm[i+1] == 0
						if size == 4 {
							silent = math.Float32frombits(binary.LittleEndian.Uint32(pcm[i:])) == 0 // a decoder may say -0
						}
						if !silent {
							t.Fatalf("sample %d is % x", i/size, pcm[i:i+size])
						}
					}
				})
			}
		}
	}
}
