package flv

import (
	"bytes"
	"errors"
	"testing"
	"time"

	gotag "github.com/yutopp/go-flv/tag"

	"venuecast/aac"
)

func TestParseVideoOthers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		body    []byte
		want    VideoHeader
		payload []byte
		err     error
	}{
		{"empty", nil, VideoHeader{}, nil, ErrMalformed},
		{"AVC cut short", []byte{0x17, 1, 0, 0}, VideoHeader{}, nil, ErrMalformed},
		{"AVC without payload", []byte{0x27, 1, 0x7f, 0xff, 0xff}, VideoHeader{FrameType: FrameInter, CodecID: CodecAVC, PacketType: AVCNALUs, CompositionTime: (1<<23 - 1) * ms}, []byte{}, nil},
		{"the earliest composition time", []byte{0x27, 1, 0x80, 0, 0}, VideoHeader{FrameType: FrameInter, CodecID: CodecAVC, PacketType: AVCNALUs, CompositionTime: -1 << 23 * ms}, []byte{}, nil},
		{"H.263", []byte{0x12, 1, 2}, VideoHeader{FrameType: FrameKey, CodecID: 2}, []byte{1, 2}, nil},
		{"start of a seek", []byte{0x57, 0}, VideoHeader{}, nil, ErrCommandFrame},
	} {
		h, payload, err := ParseVideo(tt.body)
		if h != tt.want || !bytes.Equal(payload, tt.payload) || !errors.Is(err, tt.err) {
			t.Errorf("%s: %+v, % x, %v; want %+v, % x, %v", tt.name, h, payload, err, tt.want, tt.payload, tt.err)
		}
	}
}

func TestParseAudioOthers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		body    []byte
		want    AudioHeader
		payload []byte
		err     error
	}{
		{"empty", nil, AudioHeader{}, nil, ErrMalformed},
		{"AAC cut short", []byte{0xaf}, AudioHeader{}, nil, ErrMalformed},
		{"MP3, 22 kHz mono", []byte{0x2a, 9}, AudioHeader{SoundFormat: gotag.SoundFormatMP3, SoundRate: 2, SoundSize: 1}, []byte{9}, nil},
	} {
		h, payload, err := ParseAudio(tt.body)
		if h != tt.want || !bytes.Equal(payload, tt.payload) || !errors.Is(err, tt.err) {
			t.Errorf("%s: %+v, % x, %v; want %+v, % x, %v", tt.name, h, payload, err, tt.want, tt.payload, tt.err)
		}
	}
}

func TestEnhanced(t *testing.T) {
	for body, want := range map[string]EnhancedError{
		"\x90hvc1\x01":     {TypeVideo, "hvc1"},
		"\x91av":           {TypeVideo, ""},
		"\x90\x00\x1b\"\n": {TypeVideo, "\x00\x1b\"\n"},
	} {
		_, _, err := ParseVideo([]byte(body))
		var e *EnhancedError
		if !errors.As(err, &e) || *e != want {
			t.Errorf("ParseVideo(%q): %v, want %v", body, err, &want)
		}
	}
	_, _, err := ParseAudio([]byte("\x90Opus"))
	var e *EnhancedError
	if !errors.As(err, &e) || *e != (EnhancedError{TypeAudio, "Opus"}) {
		t.Errorf("ParseAudio: %v", err)
	}
	if got, want := err.Error(), `parse audio tag: Enhanced RTMP audio (FourCC "Opus") is not supported: send H.264 and AAC`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAudioMuxer(t *testing.T) {
	if m, err := NewAudioMuxer(aac.Config{}); !errors.Is(err, aac.ErrUnsupported) {
		t.Errorf("NewAudioMuxer of nothing = %v, %v; want aac.ErrUnsupported", m, err)
	}
	m, err := NewAudioMuxer(lc44)
	if err != nil {
		t.Fatal(err)
	}
	var tags []Tag
	mux := func(frame string, dts time.Duration) (err error) {
		tags, err = m.Mux(nil, []byte(frame), dts)
		return err
	}
	for name, frame := range map[string]string{"empty": "", "ADTS": "\xff\xf1\x50\x80\x01\x3f\xfc!!", "too large": string(make([]byte, maxBodySize-1))} {
		if err := mux(frame, 0); err == nil || len(tags) > 0 {
			t.Errorf("%s: %d tags, %v; want an error", name, len(tags), err)
		}
	}
	if err := mux("one", time.Second); err != nil || len(tags) != 2 || !tags[0].Header || tags[1].Header {
		t.Fatalf("the first frame: %+v, %v; want a sequence header before it", tags, err)
	}
	for _, tag := range tags {
		if tag.Type != TypeAudio || tag.DTS != time.Second || tag.PTS != time.Second || tag.Keyframe {
			t.Errorf("%+v", tag)
		}
	}
	if err := m.SetConfig(lc44); err != nil {
		t.Fatal(err)
	}
	if err := mux("two", time.Second); err != nil || len(tags) != 1 || string(tags[0].Body) != "\xaf\x01two" {
		t.Errorf("with the same configuration: %+v, %v", tags, err)
	}
	if err := m.SetConfig(aac.Config{ObjectType: 1}); err == nil {
		t.Error("took AAC Main")
	}
	if err := mux("three", time.Second); err != nil || len(tags) != 1 {
		t.Errorf("after a refused configuration: %+v, %v", tags, err)
	}
	mono := lc44
	mono.ChannelConfig = 1
	if err := m.SetConfig(mono); err != nil {
		t.Fatal(err)
	}
	if err := mux("four", time.Second); err != nil || len(tags) != 2 || string(tags[0].Body) != "\xaf\x00\x12\x08" {
		t.Errorf("with a new configuration: %+v, %v; want its header", tags, err)
	}

	frame := make([]byte, 372) // 128 kbit/s
	tags = make([]Tag, 0, 1)
	if got := testing.AllocsPerRun(100, func() { tags, _ = m.Mux(tags[:0], frame, 0) }); got != 1 {
		t.Errorf("%v allocations a frame, want 1: the body", got)
	}
}

func FuzzParseVideo(f *testing.F) {
	for _, tt := range golden {
		f.Add(unhex(tt.body))
	}
	f.Add([]byte("\x90hvc1\x01"))
	f.Add([]byte{0x57, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, payload, err := ParseVideo(b); err == nil && h.CodecID == CodecAVC {
			again := append(make([]byte, videoHeaderSize), payload...)
			putVideoHeader(again, h.FrameType, h.PacketType, h.CompositionTime.Milliseconds())
			if !bytes.Equal(again, b) {
				t.Fatalf("% x came back as % x", b, again)
			}
			var other gotag.VideoData
			if err := gotag.DecodeVideoData(bytes.NewReader(b), &other); err != nil ||
				other.AVCPacketType != h.PacketType || time.Duration(other.CompositionTime)*ms != h.CompositionTime {
				t.Fatalf("%+v; go-flv reads %+v, %v", h, other, err)
			}
		}
		if h, payload, err := ParseAudio(b); err == nil && h.SoundFormat == SoundAAC {
			if len(payload) != len(b)-2 {
				t.Fatalf("%+v with %d of %d bytes", h, len(payload), len(b))
			}
		}
	})
}
