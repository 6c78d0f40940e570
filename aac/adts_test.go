package aac

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"venuecast/internal/tooltest"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"pgregory.net/rapid"
)

var (
	lc44 = Config{ObjectType: ObjectTypeLC, SampleRate: 44100, ChannelConfig: 2}
	lc48 = Config{ObjectType: ObjectTypeLC, SampleRate: 48000, ChannelConfig: 1}
)

// adtsFrames feeds decoding, encoding and the fuzz seeds.
var adtsFrames = []struct {
	name    string
	bytes   []byte
	header  ADTSHeader
	payload []byte
	rewrite bool // AppendADTS gives the same bytes
}{
	{
		"44.1 kHz stereo",
		[]byte{
			0xff, 0xf1, // syncword, MPEG-4, layer 0, no CRC
			0x50,             // profile 1: LC; index 4; private 0; channels 0__
			0x80,             // channels _10; original, home, copyright 0000; length 00_
			0x01, 0x3f, 0xfc, // length 9; fullness 0x7ff; 0: one block
			0xaa, 0xbb,
		},
		ADTSHeader{Config: lc44, FrameLength: 9, Blocks: 1},
		[]byte{0xaa, 0xbb}, true,
	},
	{
		"48 kHz mono, MPEG-2, CRC, private, original and home bits",
		[]byte{
			0xff, 0xf8, // syncword, MPEG-2, layer 0, CRC
			0x4e, // LC, index 3, private 1, channels 0__
			0x70, // channels _01, original and home 11, copyright 00, length 00_
			0x01, 0x40, 0x00,
			0xde, 0xad, // CRC
			0xcc,
		},
		ADTSHeader{Config: lc48, FrameLength: 10, Protected: true, Blocks: 1},
		[]byte{0xcc}, false,
	},
	{
		"Main, 96 kHz, 7.1",
		[]byte{0xff, 0xf1, 0x01, 0xc0, 0x01, 0x1f, 0xfc, 0x01},
		ADTSHeader{Config: Config{ObjectType: 1, SampleRate: 96000, ChannelConfig: 7}, FrameLength: 8, Blocks: 1},
		[]byte{0x01}, true,
	},
}

func TestADTSHeader(t *testing.T) {
	for _, tt := range adtsFrames {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ParseADTSHeader(tt.bytes)
			if err != nil || h != tt.header {
				t.Errorf("ParseADTSHeader = %+v, %v; want %+v", h, err, tt.header)
			}
			if got := tt.bytes[h.Size():h.FrameLength]; !bytes.Equal(got, tt.payload) {
				t.Errorf("payload % x, want % x", got, tt.payload)
			}
			if !tt.rewrite {
				return
			}
			if b, err := AppendADTS(nil, h.Config, tt.payload); err != nil || !bytes.Equal(b, tt.bytes) {
				t.Errorf("AppendADTS = % x, %v; want % x", b, err, tt.bytes)
			}
		})
	}
}

func TestADTSHeaderRefused(t *testing.T) {
	good := adtsFrames[0].bytes
	for name, change := range map[string]func(b []byte){
		"syncword":        func(b []byte) { b[0] = 0xfe },
		"syncword's end":  func(b []byte) { b[1] = 0xe1 },
		"layer 1, an MP3": func(b []byte) { b[1] |= 0x02 },
		"index 13":        func(b []byte) { b[2] = 0x40 | 13<<2 },
		"no payload":      func(b []byte) { b[4], b[5] = 0, 0xff },
		"only a CRC":      func(b []byte) { b[1] &^= 1 },
	} {
		b := bytes.Clone(good)
		change(b)
		if h, err := ParseADTSHeader(b); !errors.Is(err, ErrNotADTS) {
			t.Errorf("%s: %+v, %v; want ErrNotADTS", name, h, err)
		}
	}
	if _, err := ParseADTSHeader(good[:6]); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("six bytes: %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestAppendADTSRefused(t *testing.T) {
	dst := []byte("before")
	for name, tt := range map[string]struct {
		c    Config
		size int
	}{
		"HE-AAC":            {Config{ObjectType: 5, SampleRate: 44100, ChannelConfig: 2}, 1},
		"rate":              {Config{ObjectType: 2, SampleRate: 44101, ChannelConfig: 2}, 1},
		"channels":          {Config{ObjectType: 2, SampleRate: 44100, ChannelConfig: 8}, 1},
		"empty":             {lc44, 0},
		"13 bits of length": {lc44, 8192 - 7},
	} {
		if b, err := AppendADTS(dst, tt.c, make([]byte, tt.size)); err == nil || !bytes.Equal(b, dst) {
			t.Errorf("%s: %d bytes, %v; want an error and dst as it was", name, len(b), err)
		}
	}
	if _, err := AppendADTS(nil, lc44, make([]byte, 8191-7)); err != nil {
		t.Errorf("the longest frame: %v", err)
	}
}

// readAll drains r; frames are copied.
func readAll(r *ADTSReader) (frames [][]byte, configs []Config, err error) {
	for {
		b, h, err := r.Next()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return frames, configs, err
		}
		frames = append(frames, bytes.Clone(b))
		configs = append(configs, h.Config)
	}
}

func TestADTSReader(t *testing.T) {
	frame := func(c Config, payload string) string {
		b, err := AppendADTS(nil, c, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one, two, three := frame(lc44, "one"), frame(lc44, "two, longer"), frame(lc44, "3")
	// A frame of two raw data blocks.
	blocks := []byte(two)
	blocks[6] |= 1

	for _, tt := range []struct {
		name    string
		in      string
		want    string // payloads, joined by |
		skipped int64
		err     error
	}{
		{"empty", "", "", 0, nil},
		{"one frame", one, "one", 0, nil},
		{"frames", one + two + three, "one|two, longer|3", 0, nil},
		{"garbage first", "$ my-encoder v1\n" + one + two, "one|two, longer", 16, nil},
		{"garbage between", one + two + "\xff\xff\xf1" + two + three, "one|two, longer|two, longer|3", 3, nil},
		{"a sync word in the garbage", one + two + "?\xff\xf1\x50\x80\x02\x1f\xfc" + two + three, "one|two, longer|two, longer|3", 8, nil},
		{"a first frame on its own", one + "?" + two + three, "two, longer|3", int64(len(one)) + 1, nil},
		{"a header in a payload, joined in the middle", frame(lc44, "x"+one+"y")[8:] + two + three, "two, longer|3", 11, nil},
		{"garbage last", one + two + "bye", "one|two, longer", 3, nil},
		{"only garbage", "bye bye bye", "", 11, nil},
		{"a new configuration", one + two + frame(lc48, "mono") + frame(lc48, "more"), "one|two, longer|mono|more", 0, nil},
		{"cut in a payload", one + two[:9], "one", 9, io.ErrUnexpectedEOF},
		{"cut in a header", one + two[:5], "one", 5, io.ErrUnexpectedEOF},
		{"several blocks", one + string(blocks) + three, "one", int64(len(blocks)), ErrMultipleBlocks},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for chunking, r := range map[string]io.Reader{
				"whole":     strings.NewReader(tt.in),
				"by a byte": iotest.OneByteReader(strings.NewReader(tt.in)),
				"with EOF":  iotest.DataErrReader(strings.NewReader(tt.in)),
				"by halves": iotest.HalfReader(strings.NewReader(tt.in)),
			} {
				a := NewADTSReader(r)
				frames, _, err := readAll(a)
				if got := string(bytes.Join(frames, []byte("|"))); got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("%s: %q, %v; want %q, %v", chunking, got, err, tt.want, tt.err)
				}
				if a.Skipped() != tt.skipped {
					t.Errorf("%s: %d bytes skipped, want %d", chunking, a.Skipped(), tt.skipped)
				}
			}
		})
	}

	t.Run("goes on after several blocks", func(t *testing.T) {
		a := NewADTSReader(strings.NewReader(string(blocks) + one + two))
		if _, h, err := a.Next(); !errors.Is(err, ErrMultipleBlocks) || h.Blocks != 2 {
			t.Fatalf("%d blocks, %v; want 2, ErrMultipleBlocks", h.Blocks, err)
		}
		if b, _, err := a.Next(); err != nil || string(b) != "one" {
			t.Errorf("%q, %v; want the next frame", b, err)
		}
	})

	t.Run("no ADTS at all", func(t *testing.T) {
		a := NewADTSReader(io.MultiReader(strings.NewReader(strings.Repeat("x", maxGarbage)), strings.NewReader(one+two)))
		if _, _, err := a.Next(); !errors.Is(err, ErrNotADTS) {
			t.Fatalf("%v, want ErrNotADTS", err)
		}
		if b, _, err := a.Next(); err != nil || string(b) != "one" {
			t.Errorf("%q, %v; want to go on searching", b, err)
		}
	})

	t.Run("does not wait for the frame after", func(t *testing.T) {
		pr, pw := io.Pipe()
		go func() { _, _ = io.WriteString(pw, one+two+three) }() // and never closes
		a := NewADTSReader(pr)
		for _, want := range []string{"one", "two, longer", "3"} {
			if b, _, err := a.Next(); err != nil || string(b) != want {
				t.Fatalf("%q, %v; want %q", b, err, want)
			}
		}
	})

	t.Run("hands a failure on", func(t *testing.T) {
		broken := errors.New("broken pipe")
		for cut := range len(one) {
			a := NewADTSReader(io.MultiReader(strings.NewReader(two+three+one[:cut]), iotest.ErrReader(broken)))
			if frames, _, err := readAll(a); !errors.Is(err, broken) || len(frames) != 2 {
				t.Errorf("after %d bytes of a frame: %d frames, %v; want 2, %v", cut, len(frames), err, broken)
			}
		}
	})
}

func TestADTSReaderAllocs(t *testing.T) {
	one, err := AppendADTS(nil, lc44, make([]byte, 400))
	if err != nil {
		t.Fatal(err)
	}
	const runs = 100
	a := NewADTSReader(bytes.NewReader(bytes.Repeat(one, runs+2)))
	if got := testing.AllocsPerRun(runs, func() {
		if _, _, err := a.Next(); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations a frame, want none", got)
	}
}

// TestADTSReaderFindsFrames hides frames in garbage that holds no sync word:
// every one is found, and every other byte counted.
func TestADTSReaderFindsFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			in      []byte
			want    [][]byte
			garbage int64
		)
		noise := rapid.SliceOfN(rapid.ByteRange(0, 0xfe), 0, 40)
		payload := rapid.SliceOfN(rapid.Byte(), 1, 300)
		for range rapid.IntRange(0, 5).Draw(t, "runs") {
			n := noise.Draw(t, "noise")
			in, garbage = append(in, n...), garbage+int64(len(n))
			for range rapid.IntRange(2, 4).Draw(t, "frames") {
				p := payload.Draw(t, "payload")
				want = append(want, p)
				in, _ = AppendADTS(in, lc48, p)
			}
		}
		a := NewADTSReader(iotest.HalfReader(bytes.NewReader(in)))
		got, _, err := readAll(a)
		if err != nil || len(got) != len(want) || a.Skipped() != garbage {
			t.Fatalf("%d frames, %d bytes skipped, %v; want %d and %d", len(got), a.Skipped(), err, len(want), garbage)
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("frame %d: % x, want % x", i, got[i], want[i])
			}
		}
	})
}

// TestADTSReaderAgreesWithOthers reads what ffmpeg's encoder wrote, with
// mediacommon's parser as the second opinion.
func TestADTSReaderAgreesWithOthers(t *testing.T) {
	ffmpeg := tooltest.Path(t, "ffmpeg")
	for _, rate := range []int{32000, 44100, 48000} {
		adts, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("sine=r=%d:d=1", rate),
			"-ac", "2", "-c:a", "aac", "-b:a", "128k", "-f", "adts", "pipe:1").Output()
		if err != nil {
			t.Fatal(err)
		}
		var want mpeg4audio.ADTSPackets
		if err := want.Unmarshal(adts); err != nil {
			t.Fatal(err)
		}
		a := NewADTSReader(bytes.NewReader(adts))
		got, configs, err := readAll(a)
		if err != nil || len(got) != len(want) || len(got) == 0 || a.Skipped() != 0 {
			t.Fatalf("%d Hz: %d frames, %d bytes skipped, %v; want %d frames", rate, len(got), a.Skipped(), err, len(want))
		}
		for i := range got {
			if c := (Config{ObjectType: ObjectTypeLC, SampleRate: rate, ChannelConfig: 2}); configs[i] != c || !bytes.Equal(got[i], want[i].AU) {
				t.Fatalf("%d Hz: frame %d differs: %+v", rate, i, configs[i])
			}
		}
	}
}

func FuzzADTS(f *testing.F) {
	for _, tt := range adtsFrames {
		f.Add(tt.bytes)
		f.Add(append([]byte("noise\xff"), bytes.Repeat(tt.bytes, 3)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b))} {
			a := NewADTSReader(r)
			var used int64
			for {
				frame, h, err := a.Next()
				if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
					break
				}
				if err != nil {
					if !errors.Is(err, ErrMultipleBlocks) && !errors.Is(err, ErrNotADTS) {
						t.Fatal(err)
					}
					continue
				}
				if len(frame) == 0 || len(frame) != h.FrameLength-h.Size() {
					t.Fatalf("frame of %d bytes under %+v", len(frame), h)
				}
				used += int64(h.FrameLength)
				again, err := AppendADTS(nil, h.Config, frame)
				if err != nil {
					t.Fatal(err)
				}
				if g, err := ParseADTSHeader(again); err != nil || g.Config != h.Config {
					t.Fatalf("%+v came back as %+v, %v", h, g, err)
				}
			}
			if used+a.Skipped() != int64(len(b)) {
				t.Fatalf("%d bytes in frames and %d skipped make %d", used, a.Skipped(), len(b))
			}
		}
	})
}
