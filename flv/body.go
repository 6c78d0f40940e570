package flv

import (
	"errors"
	"fmt"
	"time"

	"github.com/yutopp/go-flv/tag"
)

// The fields of a tag body, by the names of go-flv.
type (
	FrameType     = tag.FrameType     // of video: keyframe, inter ... [E.4.3.1]
	CodecID       = tag.CodecID       // of video [E.4.3.1]
	AVCPacketType = tag.AVCPacketType // [E.4.3.1]
	SoundFormat   = tag.SoundFormat   // codec of audio [E.4.2.1]
	AACPacketType = tag.AACPacketType // [E.4.2.1]
)

// The values that are written here and expected from others.
const (
	FrameKey   = tag.FrameTypeKeyFrame
	FrameInter = tag.FrameTypeInterFrame

	CodecAVC = tag.CodecIDAVC

	AVCSequenceHeader = tag.AVCPacketTypeSequenceHeader
	AVCNALUs          = tag.AVCPacketTypeNALU
	AVCEndOfSequence  = tag.AVCPacketTypeEOS

	SoundAAC = tag.SoundFormatAAC

	AACSequenceHeader = tag.AACPacketTypeSequenceHeader
	AACRaw            = tag.AACPacketTypeRaw
)

const (
	videoHeaderSize = 5 // frame type and codec, packet type, composition time
	audioHeaderSize = 2 // format, packet type

	maxBodySize = 1<<24 - 1 // DataSize is UI24 [E.4.1]

	// CompositionTime is SI24 [E.4.3.2].
	minCompositionTime = -1 << 23
	maxCompositionTime = 1<<23 - 1
)

var (
	// ErrBodyTooLarge is wrapped when a tag's body would not fit its 24-bit
	// size: it must stay below 16 MiB.
	ErrBodyTooLarge = errors.New("tag body of 16 MiB or more")

	// ErrMalformed is wrapped by the errors about bytes from outside that are
	// not what the specification says.
	ErrMalformed = errors.New("malformed")

	// ErrCommandFrame is wrapped when a video tag is a command to a player
	// instead of a picture: the start or the end of a seek [E.4.3.1].
	ErrCommandFrame = errors.New("video command frame")
)

// An EnhancedError says that a tag is of Enhanced RTMP, whose codecs are named
// by a FourCC; this program speaks H.264 and AAC in their original form.
type EnhancedError struct {
	Kind   TagType // video or audio
	FourCC string  // as received, so any four bytes; "" when the body ends before it
}

func (e *EnhancedError) Error() string {
	kind := "video"
	if e.Kind == TypeAudio {
		kind = "audio"
	}
	return fmt.Sprintf("Enhanced RTMP %s (FourCC %q) is not supported: send H.264 and AAC", kind, e.FourCC)
}

// VideoHeader is what stands before the payload of a video tag [E.4.3.1].
type VideoHeader struct {
	FrameType FrameType
	CodecID   CodecID

	// PacketType and CompositionTime are 0 for other codecs than AVC.
	// CompositionTime is PTS-DTS, in whole milliseconds and signed.
	PacketType      AVCPacketType
	CompositionTime time.Duration
}

// ParseVideo takes the body of a video tag apart; payload points into it. Any
// codec is accepted, and only AVC's header understood. An error is an
// [EnhancedError] or wraps [ErrMalformed] or [ErrCommandFrame].
func ParseVideo(body []byte) (h VideoHeader, payload []byte, err error) {
	if len(body) < 1 {
		return VideoHeader{}, nil, fmt.Errorf("parse video tag: %w: empty body", ErrMalformed)
	}
	if body[0]&0x80 != 0 { // IsExHeader of Enhanced RTMP; frame types end at 5
		return VideoHeader{}, nil, fmt.Errorf("parse video tag: %w", &EnhancedError{Kind: TypeVideo, FourCC: fourCC(body)})
	}
	h = VideoHeader{FrameType: FrameType(body[0] >> 4), CodecID: CodecID(body[0] & 0x0f)}
	if h.FrameType == tag.FrameTypeVideoInfoCommandFrame {
		// The byte behind is the command, whatever the codec; read as a packet
		// type, the start of a seek would be a sequence header.
		return VideoHeader{}, nil, fmt.Errorf("parse video tag: %w", ErrCommandFrame)
	}
	if h.CodecID != CodecAVC {
		return h, body[1:], nil
	}
	if len(body) < videoHeaderSize {
		return VideoHeader{}, nil, fmt.Errorf("parse video tag: %w: AVC header needs %d bytes, body has %d", ErrMalformed, videoHeaderSize, len(body))
	}
	h.PacketType = AVCPacketType(body[1])
	// Through the top of an int32, so that the shift back extends the sign.
	cts := int32(uint32(body[2])<<24|uint32(body[3])<<16|uint32(body[4])<<8) >> 8
	h.CompositionTime = time.Duration(cts) * time.Millisecond
	return h, body[videoHeaderSize:], nil
}

// putVideoHeader writes the header of an AVC tag to the front of body;
// cts is in milliseconds and within 24 bits.
func putVideoHeader(body []byte, ft FrameType, pt AVCPacketType, cts int64) {
	_ = body[videoHeaderSize-1]
	body[0] = byte(ft)<<4 | byte(CodecAVC)
	body[1] = byte(pt)
	body[2], body[3], body[4] = byte(cts>>16), byte(cts>>8), byte(cts)
}

// AudioHeader is what stands before the payload of an audio tag [E.4.2.1].
type AudioHeader struct {
	SoundFormat SoundFormat

	// What the first byte says of the sound. For AAC it says nothing: the
	// AudioSpecificConfig does.
	SoundRate tag.SoundRate
	SoundSize tag.SoundSize
	SoundType tag.SoundType

	PacketType AACPacketType // 0 for other formats than AAC
}

// ParseAudio takes the body of an audio tag apart; payload points into it. Any
// format is accepted, and only AAC's header understood. An error is an
// [EnhancedError] or wraps [ErrMalformed].
func ParseAudio(body []byte) (h AudioHeader, payload []byte, err error) {
	if len(body) < 1 {
		return AudioHeader{}, nil, fmt.Errorf("parse audio tag: %w: empty body", ErrMalformed)
	}
	h = AudioHeader{
		SoundFormat: SoundFormat(body[0] >> 4),
		SoundRate:   tag.SoundRate(body[0] >> 2 & 3),
		SoundSize:   tag.SoundSize(body[0] >> 1 & 1),
		SoundType:   tag.SoundType(body[0] & 1),
	}
	switch h.SoundFormat {
	case tag.SoundFormatReserved: // ExHeader of Enhanced RTMP v2
		return AudioHeader{}, nil, fmt.Errorf("parse audio tag: %w", &EnhancedError{Kind: TypeAudio, FourCC: fourCC(body)})
	case SoundAAC:
		if len(body) < audioHeaderSize {
			return AudioHeader{}, nil, fmt.Errorf("parse audio tag: %w: AAC header needs %d bytes, body has %d", ErrMalformed, audioHeaderSize, len(body))
		}
		h.PacketType = AACPacketType(body[1])
		return h, body[audioHeaderSize:], nil
	}
	return h, body[1:], nil
}

func fourCC(body []byte) string {
	if len(body) < 5 {
		return ""
	}
	return string(body[1:5])
}
