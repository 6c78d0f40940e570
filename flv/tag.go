package flv

import "time"

// TagType is the type of a tag, and of the RTMP message that carries it
// [Adobe Flash Video File Format 10.1, E.4.1].
type TagType uint8

// The types of tag.
const (
	TypeAudio  TagType = 8
	TypeVideo  TagType = 9
	TypeScript TagType = 18
)

// A Tag is one FLV tag without its file framing: what an RTMP message carries
// as its payload, and what a file wraps into 11 bytes before and 4 behind.
//
// A tag is immutable once it has been handed on: every subscriber shares Body.
type Tag struct {
	Type TagType

	// DTS and PTS are on the capture's monotonic clock. Milliseconds exist on
	// the wire only; the signed composition time, PTS-DTS, is in Body.
	DTS, PTS time.Duration

	// Keyframe: a decoder may start at this video tag.
	Keyframe bool

	// RecoveryPoint: the keyframe is no IDR picture, so pictures that follow
	// it in the stream and precede it on the screen may refer to what a decoder
	// that starts here has not seen.
	RecoveryPoint bool

	// Header: a sequence header, an end of sequence or metadata, not a
	// picture or an audio frame.
	Header bool

	Body []byte
}
