package aac

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"

	"venuecast/internal/tooltest"
)

func TestIsSilent(t *testing.T) {
	silent := func(channels int) []byte {
		b, err := SilentFrame(44100, channels)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// block is a raw_data_block of what write writes.
	block := func(write func(w *bitWriter)) []byte {
		var w bitWriter
		write(&w)
		w.put(idEND, 3)
		return w.b
	}
	mono := func(w *bitWriter) {
		w.put(idSCE, 3)
		w.put(0, 12)
		w.icsInfo()
		w.noTools()
	}
	// bands is an element of one channel, with 10 bands in codebook.
	bands := func(w *bitWriter, codebook uint) {
		w.put(idSCE, 3)
		w.put(0, 4)
		w.put(100, 8)
		w.put(0b0000, 4)
		w.put(10, 6) // max_sfb
		w.put(0, 1)
		w.put(codebook, 4)
		w.put(10, 5) // sect_len_incr
	}
	for _, tt := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"our own, mono", silent(1), true},
		{"our own, stereo", silent(2), true},
		{"bands without a spectrum", block(func(w *bitWriter) { bands(w, 0); w.noTools() }), true},
		{"bands with one", block(func(w *bitWriter) { bands(w, 1); w.noTools() }), false},
		{"noise in place of a spectrum", block(func(w *bitWriter) { bands(w, 13); w.noTools() }), false},
		{"a pulse", block(func(w *bitWriter) { bands(w, 0); w.put(0b100, 3) }), false},
		{"noise shaping of nothing", block(func(w *bitWriter) {
			bands(w, 0)
			w.put(0b01, 2)  // tns_data_present
			w.put(1, 2)     // n_filt
			w.put(1, 1)     // coef_res
			w.put(10, 6)    // length
			w.put(2, 5)     // order
			w.put(0b00, 2)  // direction, coef_compress
			w.put(0xff, 8)  // two coefficients of 4 bits
			w.put(0b0, 1)   // gain_control_data_present
			w.put(idEND, 3) // twice does no harm
		}), true},
		{"eight short windows", block(func(w *bitWriter) {
			w.put(idSCE, 3)
			w.put(0, 12)
			w.put(0b0100, 4)    // EIGHT_SHORT_SEQUENCE
			w.put(9, 4)         // max_sfb
			w.put(0b1110111, 7) // two groups
			for range 2 {
				w.put(0, 4)
				w.put(7, 3) // the escape
				w.put(2, 3)
			}
			w.noTools()
		}), true},
		{"filled up", block(func(w *bitWriter) {
			w.put(idFIL, 3)
			w.put(15, 4)
			w.put(3, 8) // 17 bytes
			for range 17 {
				w.put(0x00, 8)
			}
			mono(w)
		}), true},
		{"data beside", block(func(w *bitWriter) {
			w.put(idDSE, 3)
			w.put(0, 4)
			w.put(1, 1) // data_byte_align_flag
			w.put(2, 8) // 16 bits so far
			w.put(0xffff, 16)
			mono(w)
		}), true},
		{"5.1", block(func(w *bitWriter) {
			mono(w)
			for range 2 {
				w.put(idCPE, 3)
				w.put(0, 4)
				w.put(0, 1) // no common_window
				for range 2 {
					w.put(0, 8)
					w.icsInfo()
					w.noTools()
				}
			}
			w.put(idLFE, 3)
			w.put(0, 12)
			w.icsInfo()
			w.noTools()
		}), true},
		{"SBR beside", block(func(w *bitWriter) {
			mono(w)
			w.put(idFIL, 3)
			w.put(2, 4)
			w.put(13, 4)
			w.put(0, 12)
		}), false},
		{"a coupling channel", block(func(w *bitWriter) { mono(w); w.put(2, 3) }), false},
		{"no channel at all", block(func(*bitWriter) {}), false},
		{"cut short", silent(2)[:3], false},
		{"empty", nil, false},
	} {
		if got := IsSilent(tt.frame, lc44); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if c := (Config{ObjectType: 4, SampleRate: 44100, ChannelConfig: 1}); IsSilent(silent(1), c) {
		t.Error("AAC LTP is read")
	}
}

// TestIsSilentFFmpeg: ffmpeg's silence is silence, and no sound of it is, the
// least of 16 bits included.
func TestIsSilentFFmpeg(t *testing.T) {
	path := tooltest.Path(t, "ffmpeg")
	for _, tt := range []struct {
		source string
		silent bool
	}{
		{"anullsrc=r=%d:cl=stereo", true},
		{"anullsrc=r=%d:cl=mono", true},
		{"anullsrc=r=%d:cl=5.1", true},
		{"sine=f=440:r=%d", false},
		{"aevalsrc=exprs='2/32768*sin(2*PI*300*t)|2/32768*sin(2*PI*500*t)':s=%d", false}, // 84 dB below full scale
		{"anoisesrc=c=pink:a=0.001:r=%d", false},
	} {
		for _, rate := range []int{22050, 32000, 44100, 48000} {
			source := fmt.Sprintf(tt.source, rate)
			t.Run(source, func(t *testing.T) {
				out, err := exec.Command(path, "-v", "error", "-nostdin", "-f", "lavfi", "-i", source, "-t", "1", "-c:a", "aac", "-b:a", "128k", "-f", "adts", "pipe:1").Output()
				if err != nil {
					t.Fatal(err)
				}
				r := NewADTSReader(bytes.NewReader(out))
				frames, silent := 0, 0
				for {
					frame, h, err := r.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					frames++
					if IsSilent(frame, h.Config) {
						silent++
					}
				}
				want := 0
				if tt.silent {
					want = frames
				}
				// An encoder may begin and end sound with a silent frame.
				if frames < 20 || (silent-want) > 2 || silent < want {
					t.Errorf("%d of %d frames are silent, want %d", silent, frames, want)
				}
			})
		}
	}
}

func FuzzIsSilent(f *testing.F) {
	for channels := 1; channels <= 2; channels++ {
		b, err := SilentFrame(48000, channels)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		silent := IsSilent(b, lc44)
		// What stands behind the end of the block is not looked at.
		if silent && !IsSilent(append(bytes.Clone(b), 0xff), lc44) {
			t.Errorf("% x is silent, and not with a byte behind it", b)
		}
	})
}
