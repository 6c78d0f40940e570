package flv

import (
	"bytes"
	"encoding/hex"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	gotag "github.com/yutopp/go-flv/tag"

	"venuecast/aac"
	"venuecast/h264"
)

// unhex reads bytes written in hexadecimal with notes: whatever stands behind a
// // on a line.
func unhex(s string) []byte {
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "//")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(err)
	}
	return b
}

// What x264 made of black pictures.
var (
	sps64x48  = h264.NALU(unhex(`67 42c00a d9047b0110000003001000000303 20f1226480`))
	sps128x96 = h264.NALU(unhex(`67 42c00a d9020db01100000300010000 0300320f122648`)) // the same id, 0
	pps       = h264.NALU(unhex(`68 cb83cb20`))
	sps1      = h264.NALU(unhex(`6742c00a56411ec044000003000400000300c83c489920`)) // sps64x48 as id 1
	pps1      = h264.NALU(unhex(`68 48b83cb2`))                                    // pps as id 1, of SPS 1
	slice1    = h264.NALU(unhex(`41 9920`))                                        // the beginning of a slice of PPS 1
	aud       = h264.NALU(unhex(`09 10`))
	sei       = h264.NALU(unhex(`06 05 01 aa 80`))
	idr       = h264.NALU(unhex(`65 88840bf2628000abcc9c9c9d75d75d75d75e`))
	slice     = h264.NALU(unhex(`41 9a3817e360`))
	filler    = h264.NALU(unhex(`0c ffff 80`))
)

const ms = time.Millisecond

// golden feeds encoding, decoding, the file, go-flv's decoder and the fuzz seeds.
var golden = []struct {
	name  string
	make  func() Tag
	body  string
	video VideoHeader
	audio AudioHeader
}{
	{
		name: "AVC sequence header",
		make: func() Tag { return mustMux(keyframe())[0] },
		body: `
			17                   // frame type 1: key; codec 7: AVC
			00                   // packet type 0: sequence header
			000000               // composition time 0
			01 42 c0 0a          // avcC version 1; Baseline, constraints c0, level 1
			ff                   // reserved 111111, 4-byte lengths
			e1                   // reserved 111, one SPS
			0017                 // of 23 bytes
			6742c00ad9047b011000000300100000030320f1226480
			01 0005 68cb83cb20   // one PPS of 5 bytes`,
		video: VideoHeader{FrameType: FrameKey, CodecID: CodecAVC, PacketType: AVCSequenceHeader},
	},
	{
		name: "keyframe",
		make: func() Tag { return mustMux(keyframe())[1] },
		body: `
			17                   // key, AVC
			01                   // packet type 1: NAL units
			000028               // composition time 40 ms
			00000005 060501aa80  // SEI; the delimiter and the parameter sets are left out
			00000013 6588840bf2628000abcc9c9c9d75d75d75d75e`,
		video: VideoHeader{FrameType: FrameKey, CodecID: CodecAVC, PacketType: AVCNALUs, CompositionTime: 40 * ms},
	},
	{
		name: "inter picture before its DTS",
		make: func() Tag {
			au := &h264.AccessUnit{NALUs: []h264.NALU{aud, slice, filler}, DTS: 540 * ms, PTS: 539 * ms}
			return mustMux(keyframe(), au)[2]
		},
		body: `
			27                   // frame type 2: inter; AVC
			01                   // NAL units
			ffffff               // composition time -1 ms; unsigned it would be 4.66 h
			00000006 419a3817e360 // filler is left out`,
		video: VideoHeader{FrameType: FrameInter, CodecID: CodecAVC, PacketType: AVCNALUs, CompositionTime: -ms},
	},
	{
		name: "end of sequence",
		make: func() Tag { return EndOfSequence(580 * ms) },
		body: `
			17     // key, AVC
			02     // packet type 2: end of sequence
			000000 // composition time 0`,
		video: VideoHeader{FrameType: FrameKey, CodecID: CodecAVC, PacketType: AVCEndOfSequence},
	},
	{
		name: "AAC sequence header",
		make: func() Tag { return mustMuxAudio()[0] },
		body: `
			af   // format 10: AAC; 44 kHz, 16 bit, stereo, as for every AAC
			00   // packet type 0: sequence header
			1210 // AAC-LC, 44.1 kHz, 2 channels`,
		audio: AudioHeader{SoundFormat: SoundAAC, SoundRate: 3, SoundSize: 1, SoundType: 1, PacketType: AACSequenceHeader},
	},
	{
		name: "AAC frame",
		make: func() Tag { return mustMuxAudio()[1] },
		body: `
			af // AAC
			01 // packet type 1: raw
			21000000001c // silence`,
		audio: AudioHeader{SoundFormat: SoundAAC, SoundRate: 3, SoundSize: 1, SoundType: 1, PacketType: AACRaw},
	},
	{
		name: "metadata",
		make: func() Tag {
			return Metadata{
				Width: 1920, Height: 1080, FrameRate: 29.97, VideoDataRate: 6000, VideoCodecID: CodecAVC,
				AudioCodecID: SoundAAC, AudioSampleRate: 44100, AudioSampleSize: 16, Stereo: true, Encoder: "venuecast",
			}.Tag(500 * ms)
		},
		body: `
			02 000a 6f6e4d65746144617461                          // "onMetaData"
			08 0000000a                                           // ECMA array of 10
			0005 7769647468             00 409e000000000000       // width 1920
			0006 686569676874           00 4090e00000000000       // height 1080
			000d 766964656f6461746172617465 00 40b7700000000000   // videodatarate 6000
			0009 6672616d6572617465     00 403df851eb851eb8       // framerate 29.97
			000c 766964656f636f6465636964 00 401c000000000000     // videocodecid 7
			000f 617564696f73616d706c6572617465 00 40e5888000000000 // audiosamplerate 44100
			000f 617564696f73616d706c6573697a65 00 4030000000000000 // audiosamplesize 16
			0006 73746572656f           01 01                     // stereo true
			000c 617564696f636f6465636964 00 4024000000000000     // audiocodecid 10
			0007 656e636f646572         02 0009 76656e756563617374 // encoder "venuecast"
			0000 09                                               // end`,
	},
}

func keyframe() *h264.AccessUnit {
	return &h264.AccessUnit{
		NALUs: []h264.NALU{aud, sps64x48, pps, sei, idr},
		DTS:   500 * ms, PTS: 540 * ms, Keyframe: true,
	}
}

func mustMux(aus ...*h264.AccessUnit) (tags []Tag) {
	var m VideoMuxer
	for _, au := range aus {
		var err error
		if tags, err = m.Mux(tags, au); err != nil {
			panic(err)
		}
	}
	return tags
}

var lc44 = aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 44100, ChannelConfig: 2}

func mustMuxAudio() []Tag {
	m, err := NewAudioMuxer(lc44)
	if err != nil {
		panic(err)
	}
	frame, err := aac.SilentFrame(44100, 2)
	if err != nil {
		panic(err)
	}
	tags, err := m.Mux(nil, frame, 510*ms)
	if err != nil {
		panic(err)
	}
	return tags
}

func TestGolden(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			got, want := tt.make(), unhex(tt.body)
			if !bytes.Equal(got.Body, want) {
				t.Errorf("body\n% x, want\n% x", got.Body, want)
			}
			switch got.Type {
			case TypeVideo:
				h, payload, err := ParseVideo(want)
				if err != nil || h != tt.video || !bytes.Equal(payload, want[5:]) {
					t.Errorf("ParseVideo = %+v, % x, %v; want %+v", h, payload, err, tt.video)
				}
			case TypeAudio:
				h, payload, err := ParseAudio(want)
				if err != nil || h != tt.audio || !bytes.Equal(payload, want[2:]) {
					t.Errorf("ParseAudio = %+v, % x, %v; want %+v", h, payload, err, tt.audio)
				}
			}
		})
	}
}

// TestGoldenFile is the framing, by hand.
func TestGoldenFile(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, true, true)
	for _, tag := range []Tag{
		{Type: TypeAudio, DTS: -time.Hour, Header: true, Body: []byte{0xaf, 0, 0x12, 0x10}}, // older than the media
		{Type: TypeVideo, DTS: time.Hour, PTS: time.Hour, Body: []byte{0x27, 1, 0, 0, 0, 0xaa}},
		{Type: TypeVideo, DTS: time.Hour + 0x12345678*ms, Body: []byte{0x27, 1, 0, 0, 0}},
	} {
		if err := w.WriteTag(tag); err != nil {
			t.Fatal(err)
		}
	}
	want := unhex(`
		464c56 01                  // "FLV", version 1
		05                         // audio and video
		00000009 00000000          // header of 9 bytes, no tag before
		08 000004 000000 00 000000 // audio, 4 bytes, at 0, stream 0
		af001210
		0000000f                   // 11+4
		09 000006 000000 00 000000 // video, 6 bytes, at 0: the clock starts here
		27 01 000000 aa
		00000011                   // 11+6
		09 000005 345678 12 000000 // 0x12345678 ms: the top byte comes last
		27 01 000000
		00000010`)
	if !bytes.Equal(file.Bytes(), want) {
		t.Errorf("wrote\n% x, want\n% x", file.Bytes(), want)
	}
}

// TestGoFLVReadsGolden has another's decoder read what the writer writes.
func TestGoFLVReadsGolden(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, true, true)
	var tags []Tag
	for _, tt := range golden {
		tags = append(tags, tt.make())
		if err := w.WriteTag(tags[len(tags)-1]); err != nil {
			t.Fatal(err)
		}
	}
	file.Next(fileHeaderSize + tagTrailerSize)
	for i, want := range tags {
		var got gotag.FlvTag
		if err := gotag.DecodeFlvTag(&file, &got); err != nil {
			t.Fatalf("%s: %v", golden[i].name, err)
		}
		if uint8(got.TagType) != uint8(want.Type) || got.StreamID != 0 {
			t.Errorf("%s: type %d, stream %d", golden[i].name, got.TagType, got.StreamID)
		}
		switch d := got.Data.(type) {
		case *gotag.VideoData:
			payload, err := io.ReadAll(d.Data)
			v := golden[i].video
			if err != nil || d.FrameType != v.FrameType || d.CodecID != v.CodecID || d.AVCPacketType != v.PacketType ||
				time.Duration(d.CompositionTime)*ms != v.CompositionTime || !bytes.Equal(payload, want.Body[5:]) {
				t.Errorf("%s: %+v, % x, %v", golden[i].name, d, payload, err)
			}
		case *gotag.AudioData:
			payload, err := io.ReadAll(d.Data)
			a := golden[i].audio
			if err != nil || d.SoundFormat != a.SoundFormat || d.SoundRate != a.SoundRate || d.SoundSize != a.SoundSize ||
				d.SoundType != a.SoundType || d.AACPacketType != a.PacketType || !bytes.Equal(payload, want.Body[2:]) {
				t.Errorf("%s: %+v, % x, %v", golden[i].name, d, payload, err)
			}
		case *gotag.ScriptData:
			want := map[string]any{
				"width": 1920., "height": 1080., "videodatarate": 6000., "framerate": 29.97, "videocodecid": 7.,
				"audiosamplerate": 44100., "audiosamplesize": 16., "stereo": true, "audiocodecid": 10., "encoder": "venuecast",
			}
			if got := map[string]any(d.Objects["onMetaData"]); len(d.Objects) != 1 || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, want %v", golden[i].name, d.Objects, want)
			}
		}
		file.Next(tagTrailerSize)
	}
}
