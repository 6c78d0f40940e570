package flv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/yutopp/go-amf0"
)

const (
	onMetaData   = "onMetaData"
	setDataFrame = "@setDataFrame"
)

// ErrNotMetadata is wrapped when a script tag carries something else than
// onMetaData, such as captions or cue points.
var ErrNotMetadata = errors.New("not onMetaData")

// Metadata describes a stream to an ingest or a player [E.5]. What is 0 or ""
// is not known: it is not written, and was not found.
type Metadata struct {
	Width, Height int
	FrameRate     float64 // frames a second

	VideoDataRate, AudioDataRate float64 // kbit/s

	VideoCodecID CodecID     // CodecAVC
	AudioCodecID SoundFormat // SoundAAC

	AudioSampleRate int // in Hz
	AudioSampleSize int // in bits; 16
	Stereo          bool

	Encoder string
}

// Tag returns the onMetaData script tag. The same Metadata always gives the
// same bytes, keys in the order of ffmpeg's. An Encoder beyond 65535 bytes is
// cut; a number that is not finite, or negative, is not written.
func (m Metadata) Tag(dts time.Duration) Tag {
	var (
		props []byte
		count uint32
	)
	key := func(name string, marker amf0.Marker) {
		props = append(appendUTF8(props, name), byte(marker))
		count++
	}
	number := func(name string, v float64) {
		if v > 0 && !math.IsInf(v, 1) {
			key(name, amf0.MarkerNumber)
			props = binary.BigEndian.AppendUint64(props, math.Float64bits(v))
		}
	}

	number("width", float64(m.Width))
	number("height", float64(m.Height))
	number("videodatarate", m.VideoDataRate)
	number("framerate", m.FrameRate)
	number("videocodecid", float64(m.VideoCodecID))
	number("audiodatarate", m.AudioDataRate)
	number("audiosamplerate", float64(m.AudioSampleRate))
	number("audiosamplesize", float64(m.AudioSampleSize))
	if m.AudioCodecID != 0 || m.Stereo { // false means mono only where there is audio
		key("stereo", amf0.MarkerBoolean)
		props = append(props, 0)
		if m.Stereo {
			props[len(props)-1] = 1
		}
	}
	number("audiocodecid", float64(m.AudioCodecID))
	if m.Encoder != "" {
		key("encoder", amf0.MarkerString)
		props = appendUTF8(props, m.Encoder)
	}

	body := appendUTF8([]byte{byte(amf0.MarkerString)}, onMetaData)
	body = append(body, byte(amf0.MarkerEcmaArray))
	body = binary.BigEndian.AppendUint32(body, count)
	body = append(body, props...)
	body = append(body, 0, 0, byte(amf0.MarkerObjectEnd))
	return Tag{Type: TypeScript, DTS: dts, PTS: dts, Header: true, Body: body}
}

// SetDataFrame returns the form that a publisher sends body in over RTMP, where
// body is that of an onMetaData tag: with the string "@setDataFrame" before it.
// The result shares nothing with body.
func SetDataFrame(body []byte) []byte {
	b := make([]byte, 0, 3+len(setDataFrame)+len(body))
	b = appendUTF8(append(b, byte(amf0.MarkerString)), setDataFrame)
	return append(b, body...)
}

// appendUTF8 appends s, made valid and cut to what 16 bits of length can say, as
// AMF0 writes keys and, behind a marker, strings.
func appendUTF8(b []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > math.MaxUint16 {
		end := math.MaxUint16
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// ParseMetadata reads the body of an onMetaData script tag, also behind
// "@setDataFrame", as an ECMA array or an object. Keys it does not know and
// values of another type than expected are passed over. The error wraps
// [ErrNotMetadata] or [ErrMalformed].
//
// It does not use go-amf0's decoder, which a caller cannot defend itself
// against: a strict array announced in five bytes makes it allocate 32 GiB,
// and objects nested to the end of a tag overflow the stack; neither is a panic
// that can be recovered.
func ParseMetadata(body []byte) (Metadata, error) {
	s := amfScanner{b: body}
	name := s.stringValue()
	if name == setDataFrame {
		name = s.stringValue()
	}
	if s.err != nil {
		return Metadata{}, fmt.Errorf("parse metadata: name: %w", s.err)
	}
	if name != onMetaData {
		return Metadata{}, fmt.Errorf("parse metadata: %w: %.40q", ErrNotMetadata, name)
	}

	switch m := amf0.Marker(s.u8()); m {
	case amf0.MarkerEcmaArray:
		s.take(4) // the count is a hint, and wrong in the wild
	case amf0.MarkerObject:
	default:
		if s.err == nil {
			s.err = fmt.Errorf("%w: AMF0 type %#02x, want an ECMA array or an object", ErrMalformed, byte(m))
		}
	}

	var m Metadata
	for s.err == nil {
		if len(s.b) == 0 {
			break // some writers leave the end marker out
		}
		key, end := s.property()
		if end {
			break
		}
		m.set(key, s.value(0))
	}
	if s.err != nil {
		return Metadata{}, fmt.Errorf("parse metadata: %w", s.err)
	}
	return m, nil
}

// set takes the value of one key, where key and type are known.
func (m *Metadata) set(key string, v any) {
	switch v := v.(type) {
	case float64:
		m.setNumber(key, v)
	case bool:
		if key == "stereo" {
			m.Stereo = v
		}
	case string:
		switch key {
		case "encoder":
			m.Encoder = v
		case "videocodecid": // as Flash Media Live Encoder writes it
			if v == "avc1" {
				m.VideoCodecID = CodecAVC
			}
		case "audiocodecid":
			if v == "mp4a" {
				m.AudioCodecID = SoundAAC
			}
		}
	}
}

func (m *Metadata) setNumber(key string, v float64) {
	if !(v > 0 && v <= math.MaxInt32) { // NaN fails as well
		return
	}
	switch key {
	case "width":
		m.Width = int(v)
	case "height":
		m.Height = int(v)
	case "framerate":
		m.FrameRate = v
	case "videodatarate":
		m.VideoDataRate = v
	case "audiodatarate":
		m.AudioDataRate = v
	case "audiosamplerate":
		m.AudioSampleRate = int(v)
	case "audiosamplesize":
		m.AudioSampleSize = int(v)
	case "videocodecid":
		if v <= 15 { // four bits in a tag; a number made of a FourCC is none of ours
			m.VideoCodecID = CodecID(v)
		}
	case "audiocodecid":
		if v <= 15 {
			m.AudioCodecID = SoundFormat(v)
		}
	}
}

// maxAMFDepth is far beyond the one level of nesting, the keyframe index of
// recorded files, that metadata has been seen with.
const maxAMFDepth = 16

// An amfScanner reads AMF0 from the front of b. The first error sticks, and
// every read after it returns zeros [AMF0 2].
type amfScanner struct {
	b   []byte
	err error
}

// take returns the next n bytes, or nil.
func (s *amfScanner) take(n uint64) []byte {
	if s.err == nil && n > uint64(len(s.b)) {
		s.err = fmt.Errorf("%w: AMF0 ends %d bytes short", ErrMalformed, n-uint64(len(s.b)))
	}
	if s.err != nil {
		return nil
	}
	b := s.b[:n]
	s.b = s.b[n:]
	return b
}

func (s *amfScanner) u8() byte {
	if b := s.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (s *amfScanner) u16() uint64 {
	if b := s.take(2); b != nil {
		return uint64(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (s *amfScanner) u32() uint64 {
	if b := s.take(4); b != nil {
		return uint64(binary.BigEndian.Uint32(b))
	}
	return 0
}

// stringValue reads a string with its marker.
func (s *amfScanner) stringValue() string {
	if m := amf0.Marker(s.u8()); s.err == nil && m != amf0.MarkerString {
		s.err = fmt.Errorf("%w: AMF0 type %#02x, want a string", ErrMalformed, byte(m))
	}
	return string(s.take(s.u16()))
}

// property reads the key of a property, or the end of the object.
func (s *amfScanner) property() (key string, end bool) {
	k := s.take(s.u16())
	if len(k) == 0 && s.err == nil && len(s.b) > 0 && amf0.Marker(s.b[0]) == amf0.MarkerObjectEnd {
		s.take(1)
		return "", true
	}
	return string(k), false
}

// value reads one value and returns a float64, bool or string, or nil for every
// other type.
func (s *amfScanner) value(depth int) any {
	if depth > maxAMFDepth && s.err == nil {
		s.err = fmt.Errorf("%w: AMF0 nested more than %d deep", ErrMalformed, maxAMFDepth)
	}
	switch m := amf0.Marker(s.u8()); m {
	case amf0.MarkerNumber:
		if b := s.take(8); b != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case amf0.MarkerBoolean:
		return s.u8() != 0
	case amf0.MarkerString:
		return string(s.take(s.u16()))
	case amf0.MarkerLongString, amf0.MarkerXMLDocument:
		s.take(s.u32())
	case amf0.MarkerNull, amf0.MarkerUndefined, amf0.MarkerUnsupported:
	case amf0.MarkerReference:
		s.take(2)
	case amf0.MarkerDate:
		s.take(8 + 2) // milliseconds, time zone
	case amf0.MarkerStrictArray:
		for n := s.u32(); n > 0 && s.err == nil; n-- { // each element has a byte at least
			s.value(depth + 1)
		}
	case amf0.MarkerTypedObject:
		s.take(s.u16()) // class name
		s.properties(depth)
	case amf0.MarkerEcmaArray:
		s.take(4)
		s.properties(depth)
	case amf0.MarkerObject:
		s.properties(depth)
	default:
		if s.err == nil {
			s.err = fmt.Errorf("%w: AMF0 type %#02x", ErrMalformed, byte(m))
		}
	}
	return nil
}

// properties passes over the properties of an object, its end included.
func (s *amfScanner) properties(depth int) {
	for s.err == nil {
		if _, end := s.property(); end {
			return
		}
		s.value(depth + 1)
	}
}
