package slate

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"venuecast/h264"
)

func TestBitrateIsConstant(t *testing.T) {
	for _, c := range []struct {
		width, height int
		fps           float64
		bitrate       int64
	}{
		{1280, 720, 30, 6_000_000},
		{1280, 720, 30, 1_000_000},
		{1280, 720, 29.97, 2_500_000},
		{1920, 1080, 60, 9_000_000},
		{320, 180, 5, 300_000},
		{640, 360, 25, 50_000_000},
		{640, 360, 1, 2_000_000},
	} {
		t.Run(fmt.Sprintf("%dx%d@%v %d", c.width, c.height, c.fps, c.bitrate), func(t *testing.T) {
			e := newEncoder(t, Config{Width: c.width, Height: c.height, FPS: c.fps, Bitrate: c.bitrate, Name: "venue-7"})
			var au h264.AccessUnit
			perSecond := float64(c.bitrate) / 8
			pictures := int64(math.Round(c.fps)) // in a second
			inSecond, owed := 0, 0.0
			for n := range 60 * pictures {
				if n > 0 && n%pictures == 0 {
					if got := float64(inSecond); math.Abs(got-perSecond) > 0.02*perSecond {
						t.Errorf("second %d: %v bytes, want %v", n/pictures, got, perSecond)
					}
					inSecond = 0
				}
				encode(e, &au, n)
				size := 0
				for _, nalu := range au.NALUs {
					size += framing + len(nalu)
				}
				inSecond += size
				// Even, but for a keyframe larger than its share and the
				// pictures that make up for it.
				share := perSecond * float64(e.Rate().Den) / float64(e.Rate().Num)
				owed += float64(size) - share
				if owed < 3 && float64(size) > share+16 || owed < -16 {
					t.Errorf("picture %d: %d bytes, want %v", n, size, share)
				}
			}
		})
	}
}

// TestTooLowBitrateIsForgotten: a card that needs more than it may have is
// sent without padding, and for how long it was is not held against it.
func TestTooLowBitrateIsForgotten(t *testing.T) {
	p := newPadder(8000, Rate{10, 1}) // 100 bytes a picture
	for range 1000 {
		if sei := p.next(500); sei != nil {
			t.Fatalf("%d bytes of padding", len(sei))
		}
	}
	padded := 0
	for range 30 {
		padded += len(p.next(50))
	}
	if padded == 0 {
		t.Error("no padding within 30 small pictures, want a second's debt to be paid")
	}
}

// TestFiller reads the SEI message back [7.3.2.3.1] in all the sizes around
// those where payload_size takes another byte.
func TestFiller(t *testing.T) {
	p := newPadder(8*2000, Rate{1, 1})
	for _, n := range []int{0, 1, 254, 255, 256, 509, 510, 511, 1000, 3, 1024, 0} {
		sei := p.fill(n)
		if sei.Type() != h264.TypeSEI || sei.RefIDC() != 0 || sei[1] != 3 {
			t.Fatalf("payload of %d: begins with % x", n, sei[:2])
		}
		size, at := 0, 2
		for ; sei[at] == 0xff; at++ {
			size += 255
		}
		size += int(sei[at])
		payload := sei[at+1:]
		if size != n || len(payload) != n+1 || payload[n] != 0x80 || bytes.Count(payload[:n], []byte{0xff}) != n {
			t.Errorf("payload of %d: payload_size %d, then % x", n, size, payload)
		}
		if escaped := h264.AppendNALU(nil, sei[0], sei[1:]); !bytes.Equal(escaped, sei) {
			t.Errorf("payload of %d needs emulation prevention", n)
		}
	}
}
