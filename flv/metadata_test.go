package flv

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yutopp/go-amf0"
	"pgregory.net/rapid"
)

// scripts feeds ParseMetadata and the fuzz seeds.
var scripts = []struct {
	name string
	body string
	want Metadata
	err  error
}{
	{
		name: "an object, behind @setDataFrame",
		body: `
			02 000d 40736574446174614672616d65 // "@setDataFrame"
			02 000a 6f6e4d65746144617461       // "onMetaData"
			03                                 // object
			0005 7769647468 00 4084000000000000 // width 640
			0000 09`,
		want: Metadata{Width: 640},
	},
	{
		name: "every type of value",
		body: `
			02 000a 6f6e4d65746144617461 08 00000000 // a wrong count
			0001 61 05                     // null
			0001 62 06                     // undefined
			0001 63 07 0001                // reference
			0001 64 0b 4276000000000000 0000 // date
			0001 65 0c 00000003 616263     // long string
			0001 66 0d                     // unsupported
			0001 67 0f 00000001 78         // XML document
			0001 68 10 0003 466f6f 0001 61 05 0000 09 // typed object
			0009 6b65796672616d6573 03     // keyframes: an object of arrays
			  0005 74696d6573 0a 00000002 00 0000000000000000 00 4008000000000000
			  0000 09
			0001 69 08 00000001 0001 61 01 01 0000 09 // ECMA array
			0007 656e636f646572 02 0003 4f4253 // encoder "OBS"
			0000 09`,
		want: Metadata{Encoder: "OBS"},
	},
	{
		name: "codecs by name, types that do not fit, no end",
		body: `
			02 000a 6f6e4d65746144617461 08 00000004
			000c 766964656f636f6465636964 02 0004 61766331 // videocodecid "avc1"
			000c 617564696f636f6465636964 02 0004 6d703461 // audiocodecid "mp4a"
			0005 7769647468 02 0001 39                     // width "9"
			0006 73746572656f 00 3ff0000000000000          // stereo 1.0`,
		want: Metadata{VideoCodecID: CodecAVC, AudioCodecID: SoundAAC},
	},
	{
		name: "numbers that cannot be",
		body: `
			02 000a 6f6e4d65746144617461 03
			0005 7769647468 00 7ff8000000000001       // width NaN
			0006 686569676874 00 7ff0000000000000     // height +Inf
			0009 6672616d6572617465 00 c03e000000000000 // framerate -30
			000c 766964656f636f6465636964 00 41d858ccfb400000 // videocodecid 'hvc1' or so
			0000 09`,
	},
	{name: "empty", body: ``, err: ErrMalformed},
	{name: "another event", body: `02 000a 6f6e546578744461 7461 08 00000000 000009`, err: ErrNotMetadata},
	{name: "a number for a name", body: `00 0000000000000000`, err: ErrMalformed},
	{name: "no value", body: `02 000a 6f6e4d65746144617461`, err: ErrMalformed},
	{name: "a string for a value", body: `02 000a 6f6e4d65746144617461 02 0000`, err: ErrMalformed},
	{name: "cut in a key", body: `02 000a 6f6e4d65746144617461 03 0005 7769`, err: ErrMalformed},
	{name: "cut in a number", body: `02 000a 6f6e4d65746144617461 03 0005 7769647468 00 4084`, err: ErrMalformed},
	{name: "an unknown type", body: `02 000a 6f6e4d65746144617461 03 0001 61 11`, err: ErrMalformed},
	// go-amf0 allocates 32 GiB for this one.
	{name: "a strict array of 2^31-1", body: `02 000a 6f6e4d65746144617461 03 0001 61 0a 7fffffff`, err: ErrMalformed},
}

func TestParseMetadata(t *testing.T) {
	for _, tt := range scripts {
		got, err := ParseMetadata(unhex(tt.body))
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// TestParseMetadataDepth nests to the end of the largest tag.
func TestParseMetadataDepth(t *testing.T) {
	body := unhex(`02 000a 6f6e4d65746144617461 03 0001 61`)
	for name, nest := range map[string][]byte{"objects": {3, 0, 1, 'a'}, "arrays": {10, 0, 0, 0, 1}} {
		deep := append(bytes.Clone(body), bytes.Repeat(nest, maxBodySize/len(nest)-10)...)
		if _, err := ParseMetadata(deep); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestMetadataLeftOut(t *testing.T) {
	got := Metadata{
		Width: -1, FrameRate: math.NaN(), VideoDataRate: math.Inf(1), AudioDataRate: math.Inf(-1),
	}.Tag(0)
	want := unhex(`02 000a 6f6e4d65746144617461 08 00000000 000009`)
	if !bytes.Equal(got.Body, want) || got.Type != TypeScript || !got.Header || got.Keyframe {
		t.Errorf("%+v, want body % x", got, want)
	}
}

func TestMetadataEncoderFits(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("x", 65535):                strings.Repeat("x", 65535),
		strings.Repeat("x", 65536):                strings.Repeat("x", 65535),
		strings.Repeat("x", 65534) + "ü":          strings.Repeat("x", 65534),
		strings.Repeat("x", 65533) + "ü":          strings.Repeat("x", 65533) + "ü",
		strings.Repeat("€", 30000):                strings.Repeat("€", 21845),
		"bad \xff byte":                           "bad \uFFFD byte",
		strings.Repeat("x", 65535) + "\xff":       strings.Repeat("x", 65535),
		strings.Repeat("x", 65533) + "\U0001F3A5": strings.Repeat("x", 65533),
	} {
		m, err := ParseMetadata(Metadata{Encoder: in}.Tag(0).Body)
		if err != nil || m.Encoder != want {
			t.Errorf("encoder of %d bytes: %d, %v; want %d", len(in), len(m.Encoder), err, len(want))
		}
	}
}

func TestMetadataRoundTrip(t *testing.T) {
	size := rapid.IntRange(0, math.MaxInt32)
	rate := rapid.Float64Range(0, math.MaxInt32)
	rapid.Check(t, func(t *rapid.T) {
		want := Metadata{
			Width: size.Draw(t, "width"), Height: size.Draw(t, "height"), FrameRate: rate.Draw(t, "frame rate"),
			VideoDataRate: rate.Draw(t, "video data rate"), AudioDataRate: rate.Draw(t, "audio data rate"),
			VideoCodecID:    CodecID(rapid.Uint8Range(0, 15).Draw(t, "video codec")),
			AudioCodecID:    SoundFormat(rapid.Uint8Range(0, 15).Draw(t, "audio codec")),
			AudioSampleRate: size.Draw(t, "sample rate"), AudioSampleSize: size.Draw(t, "sample size"),
			Stereo: rapid.Bool().Draw(t, "stereo"), Encoder: rapid.String().Draw(t, "encoder"),
		}
		body := want.Tag(0).Body
		if again := want.Tag(0).Body; !bytes.Equal(body, again) {
			t.Fatalf("% x, then % x", body, again)
		}
		for form, b := range map[string][]byte{"FLV": body, "RTMP": SetDataFrame(body)} {
			if got, err := ParseMetadata(b); err != nil || got != want {
				t.Fatalf("%s: %+v, %v; want %+v", form, got, err, want)
			}
		}
	})
}

func TestSetDataFrame(t *testing.T) {
	body := Metadata{Width: 640}.Tag(0).Body
	got := SetDataFrame(body)
	want := append(unhex(`02 000d 40736574446174614672616d65`), body...)
	if !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if cap(got) != len(want) {
		t.Errorf("%d bytes for %d", cap(got), len(want))
	}
	// A third-party decoder sees three values.
	d := amf0.NewDecoder(bytes.NewReader(got))
	for _, want := range []any{"@setDataFrame", "onMetaData"} {
		var v any
		if err := d.Decode(&v); err != nil || v != want {
			t.Errorf("%v, %v; want %v", v, err, want)
		}
	}
	var array amf0.ECMAArray
	if err := d.Decode(&array); err != nil || len(array) != 1 || array["width"] != 640. {
		t.Errorf("%v, %v; want a width of 640", array, err)
	}
}

func FuzzParseMetadata(f *testing.F) {
	for _, tt := range scripts {
		f.Add(unhex(tt.body))
	}
	for _, tt := range golden {
		f.Add(unhex(tt.body))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMetadata(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNotMetadata) {
				t.Fatal(err)
			}
			return
		}
		if !utf8.ValidString(m.Encoder) {
			m.Encoder = strings.ToValidUTF8(m.Encoder, "\uFFFD")
			if len(m.Encoder) > math.MaxUint16 {
				return
			}
		}
		if again, err := ParseMetadata(m.Tag(0).Body); err != nil || again != m {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}
