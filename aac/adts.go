package aac

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	adtsHeaderSize = 7 // adts_fixed_header and adts_variable_header
	adtsCRCSize    = 2
	maxADTSFrame   = 1<<13 - 1 // aac_frame_length has 13 bits

	// 64 KiB is at least eight frames of the longest kind, and a minute of what
	// a command says on the wrong stream before somebody looks at the log.
	maxGarbage = 64 << 10
)

var (
	// ErrNotADTS is wrapped by the errors about bytes that are no ADTS.
	ErrNotADTS = errors.New("not ADTS")

	// ErrMultipleBlocks is wrapped when an ADTS frame holds several raw data
	// blocks: one FLV tag or MP4 sample takes one, and only a decoder finds
	// where the next begins. Encoders write them when asked to, hardly ever else.
	ErrMultipleBlocks = fmt.Errorf("%w: several raw data blocks in an ADTS frame", ErrUnsupported)
)

// sampleRates by sampling_frequency_index [Table 1.18].
var sampleRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// An ADTSHeader stands before every frame of an ADTS stream [1.A.2.2].
type ADTSHeader struct {
	Config Config // without extension: ADTS signals SBR and PS only implicitly

	// FrameLength counts the whole ADTS frame in bytes, the header included.
	FrameLength int

	// Protected: a CRC of two bytes follows the header. It is not checked, as
	// it covers parts of the payload that only a decoder can delimit.
	Protected bool

	// Blocks is the number of raw data blocks in the frame, 1 to 4.
	Blocks int
}

// Size is the length of the header in bytes, its CRC included.
func (h ADTSHeader) Size() int {
	if h.Protected {
		return adtsHeaderSize + adtsCRCSize
	}
	return adtsHeaderSize
}

// ParseADTSHeader reads the header at the start of b. The error wraps
// [ErrNotADTS] when there is none, and [io.ErrUnexpectedEOF] when b is shorter
// than seven bytes.
func ParseADTSHeader(b []byte) (ADTSHeader, error) {
	if len(b) < adtsHeaderSize {
		return ADTSHeader{}, fmt.Errorf("parse ADTS header of %d bytes: %w", len(b), io.ErrUnexpectedEOF)
	}
	// syncword (12 bits), ID (1), layer (2), protection_absent (1)
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 {
		return ADTSHeader{}, fmt.Errorf("parse ADTS header: %w: syncword and layer % x", ErrNotADTS, b[:2])
	}
	rate := b[2] >> 2 & 0x0f
	if int(rate) >= len(sampleRates) {
		return ADTSHeader{}, fmt.Errorf("parse ADTS header: %w: sampling frequency index %d", ErrNotADTS, rate)
	}
	h := ADTSHeader{
		Config: Config{
			ObjectType:    ObjectType(b[2]>>6) + 1,
			SampleRate:    sampleRates[rate],
			ChannelConfig: b[2]&1<<2 | b[3]>>6,
		},
		FrameLength: int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5),
		Protected:   b[1]&1 == 0,
		Blocks:      int(b[6]&3) + 1,
	}
	if h.FrameLength <= h.Size() {
		return ADTSHeader{}, fmt.Errorf("parse ADTS header: %w: frame length %d", ErrNotADTS, h.FrameLength)
	}
	return h, nil
}

// AppendADTS appends one ADTS frame to dst: a header without CRC, then frame, a
// raw_data_block. It fails when the stream or the length of the frame cannot be
// told in ADTS, and then returns dst as it was.
func AppendADTS(dst []byte, c Config, frame []byte) ([]byte, error) {
	rate := -1
	for i, r := range sampleRates {
		if r == c.SampleRate {
			rate = i
		}
	}
	n := adtsHeaderSize + len(frame)
	switch {
	case c.ObjectType < 1 || c.ObjectType > 4:
		return dst, fmt.Errorf("append ADTS frame: object type %d: %w", c.ObjectType, ErrUnsupported)
	case rate < 0:
		return dst, fmt.Errorf("append ADTS frame: sample rate %d Hz: %w", c.SampleRate, ErrUnsupported)
	case c.ChannelConfig > 7:
		return dst, fmt.Errorf("append ADTS frame: channel configuration %d: %w", c.ChannelConfig, ErrUnsupported)
	case len(frame) == 0 || n > maxADTSFrame:
		return dst, fmt.Errorf("append ADTS frame: payload of %d bytes: want 1 to %d", len(frame), maxADTSFrame-adtsHeaderSize)
	}
	dst = append(dst,
		0xff, 0xf1, // syncword, MPEG-4, layer 0, no CRC
		byte(c.ObjectType-1)<<6|byte(rate)<<2|c.ChannelConfig>>2,
		c.ChannelConfig<<6|byte(n>>11),
		byte(n>>3),
		byte(n)<<5|0x1f, // adts_buffer_fullness 0x7ff: variable rate
		0xfc)            // its rest, one raw data block
	return append(dst, frame...), nil
}

// An ADTSReader takes an ADTS stream apart, however it is chunked and whatever
// stands between the frames. Its methods must not be called concurrently.
type ADTSReader struct {
	r       *bufio.Reader
	pending int    // bytes of the frame last returned, still in the buffer
	locked  uint32 // fixed header of the frame last found; 0: hunting
	skipped int64
}

// NewADTSReader returns a reader of r. It reads ahead by up to 16 KiB.
func NewADTSReader(r io.Reader) *ADTSReader {
	return &ADTSReader{r: bufio.NewReaderSize(r, 2*(maxADTSFrame+1))}
}

// Skipped is how many bytes so far belonged to no frame that Next returned.
func (r *ADTSReader) Skipped() int64 { return r.skipped }

// Next returns the next frame: its raw_data_block, which is valid until the next
// call, and its header.
//
// A frame whose header differs from its predecessor's, and so the first one, is
// believed once another like it, or the end of the stream, follows directly;
// from there on frames are returned as soon as they are complete.
//
// Errors: [io.EOF] at the end; [io.ErrUnexpectedEOF] in a last frame cut short;
// one that wraps [ErrMultipleBlocks], after which the caller may go on with the
// next frame; one that wraps [ErrNotADTS] after 64 KiB without a frame, after
// which the caller may go on searching; or what the reader below returned.
func (r *ADTSReader) Next() (frame []byte, h ADTSHeader, err error) {
	r.discard(r.pending)
	r.pending = 0

	for hunted := 0; hunted < maxGarbage; hunted++ {
		head, err := r.r.Peek(adtsHeaderSize)
		if err != nil {
			return nil, ADTSHeader{}, r.end(head, err)
		}
		h, ok, err := r.candidate(head)
		if err != nil {
			return nil, ADTSHeader{}, err
		}
		if !ok {
			r.locked = 0
			r.discard(1)
			r.skipped++
			continue
		}
		r.locked = fixedHeader(head)
		if h.Blocks > 1 {
			r.discard(h.FrameLength)
			r.skipped += int64(h.FrameLength)
			return nil, h, fmt.Errorf("read ADTS frame of %d blocks: %w", h.Blocks, ErrMultipleBlocks)
		}
		// candidate has seen the frame whole, so it is in the buffer.
		b, err := r.r.Peek(h.FrameLength)
		if err != nil {
			return nil, ADTSHeader{}, fmt.Errorf("read ADTS frame: %w", err)
		}
		r.pending = h.FrameLength
		return b[h.Size():], h, nil
	}
	return nil, ADTSHeader{}, fmt.Errorf("read ADTS: %w: no frame in %d bytes", ErrNotADTS, maxGarbage)
}

// candidate judges whether a frame begins at head, the next bytes of the stream.
func (r *ADTSReader) candidate(head []byte) (h ADTSHeader, ok bool, err error) {
	h, err = ParseADTSHeader(head)
	if err != nil {
		return h, false, nil // anything but a frame is garbage, not a failure
	}
	fixed := fixedHeader(head)
	if fixed == r.locked {
		b, err := r.r.Peek(h.FrameLength)
		switch {
		case err == nil:
			return h, true, nil
		case errors.Is(err, io.EOF):
			r.skipped += int64(len(b))
			r.discard(len(b))
			return h, false, fmt.Errorf("read ADTS frame: %d of %d bytes: %w", len(b), h.FrameLength, io.ErrUnexpectedEOF)
		}
		return h, false, fmt.Errorf("read ADTS frame: %w", err)
	}

	b, err := r.r.Peek(h.FrameLength + adtsHeaderSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, false, fmt.Errorf("read ADTS frame: %w", err)
	}
	if len(b) < h.FrameLength {
		return h, false, nil
	}
	next := b[h.FrameLength:]
	if err != nil { // the end: what there is of a next header must look like one
		var like [adtsHeaderSize]byte
		copy(like[copy(like[:], next):], head[len(next):])
		next = like[:]
	}
	_, err = ParseADTSHeader(next)
	return h, err == nil && fixedHeader(next) == fixed, nil
}

// end is what to return when tail is all that is left before err.
func (r *ADTSReader) end(tail []byte, err error) error {
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read ADTS: %w", err)
	}
	n := len(tail)
	if n == 0 {
		return io.EOF
	}
	partial := r.locked != 0 && tail[0] == 0xff
	r.skipped += int64(n)
	r.discard(n)
	if partial {
		return fmt.Errorf("read ADTS header: %d of %d bytes: %w", n, adtsHeaderSize, io.ErrUnexpectedEOF)
	}
	return io.EOF
}

// discard drops n bytes that are in the buffer.
func (r *ADTSReader) discard(n int) {
	_, _ = r.r.Discard(n) // cannot fail: Peek has shown that they are there
}

// fixedHeader is the adts_fixed_header, which is the same in every frame of a
// stream, without the bits that belong to nobody in particular: private_bit,
// original_copy, home, and whether this frame has a CRC. It is never 0.
func fixedHeader(head []byte) uint32 {
	const mask = 0xfffe_fdc0
	return binary.BigEndian.Uint32(head) & mask
}
