package flv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	fileHeaderSize = 9  // [E.2]
	tagHeaderSize  = 11 // [E.4.1]
	tagTrailerSize = 4  // PreviousTagSize [E.3]

	flagVideo = 1 << 0 // TypeFlagsVideo
	flagAudio = 1 << 2 // TypeFlagsAudio

	filterBit = 0x20 // Filter: the body begins with encryption headers
)

// ErrEncrypted is wrapped when a tag's body went through a filter, which means
// encryption [F.3].
var ErrEncrypted = errors.New("encrypted tag")

// A Reader reads the tags of an FLV file or stream. Its methods must not be
// called concurrently.
type Reader struct {
	r      *bufio.Reader
	begun  bool  // the file header has been read
	tags   int64 // read so far, those passed over included
	head   [tagHeaderSize]byte
	now    int64 // the last timestamp, unwrapped, in milliseconds
	timing bool  // now holds the time of a picture or audio frame
}

// NewReader returns a reader of r, from which it reads ahead. It reads nothing
// before the first call of ReadTag.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10)}
}

// ReadTag returns the next tag. Its Body is the caller's and never touched
// again. Timestamps that wrap at 2^32 ms go on counting; a sequence header or
// metadata before the first picture or frame has its timestamp as it stands.
//
// A tag is returned as soon as its body is complete. Passed over are tags without
// a body, which some muxers write to keep a connection alive, video command
// frames, and tags of unknown types. What the file says of the sizes of tags
// behind them is ignored.
//
// Errors: [io.EOF] at the end; one that wraps [io.ErrUnexpectedEOF] when the
// input ends inside a tag; one that wraps [ErrMalformed], [ErrEncrypted] or is
// an [EnhancedError] for a tag that has been read and cannot be used, after which
// the caller may go on with the next one; one that wraps [ErrMalformed] and
// repeats when the input is no FLV; or what the reader below returned.
func (r *Reader) ReadTag() (Tag, error) {
	if !r.begun {
		if err := r.fileHeader(); err != nil {
			return Tag{}, fmt.Errorf("read FLV header: %w", err)
		}
		r.begun = true
	}
	for {
		t, ok, err := r.tag()
		if err == io.EOF {
			return Tag{}, io.EOF
		}
		if err != nil {
			return Tag{}, fmt.Errorf("read FLV tag %d: %w", r.tags, err)
		}
		if ok {
			return t, nil
		}
	}
}

func (r *Reader) fileHeader() error {
	head, err := r.r.Peek(fileHeaderSize)
	if err != nil {
		return inside(err)
	}
	offset := binary.BigEndian.Uint32(head[5:])
	switch {
	case string(head[:3]) != "FLV":
		return fmt.Errorf("%w: signature %q, want \"FLV\"", ErrMalformed, head[:3])
	case head[3] != 1:
		return fmt.Errorf("%w: version %d, want 1", ErrMalformed, head[3])
	case offset < fileHeaderSize:
		return fmt.Errorf("%w: header of %d bytes, want at least %d", ErrMalformed, offset, fileHeaderSize)
	}
	if _, err := io.CopyN(io.Discard, r.r, int64(offset)); err != nil {
		return inside(err)
	}
	return nil
}

// tag reads the trailer of the tag before and then one tag; ok is false for one
// to pass over. io.EOF means that the input ends where a tag may end.
func (r *Reader) tag() (t Tag, ok bool, err error) {
	// A recording cut off at the end of a body has no trailer at all.
	if _, err := io.ReadFull(r.r, r.head[:tagTrailerSize]); err != nil {
		return Tag{}, false, err
	}
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return Tag{}, false, err
	}
	r.tags++

	var (
		typ  = TagType(r.head[0] & 0x1f)
		size = int(r.head[1])<<16 | int(r.head[2])<<8 | int(r.head[3])
		ts   = uint32(r.head[7])<<24 | uint32(r.head[4])<<16 | uint32(r.head[5])<<8 | uint32(r.head[6])
	)
	wanted := typ == TypeAudio || typ == TypeVideo || typ == TypeScript
	if size == 0 || !wanted || r.head[0]&filterBit != 0 {
		if _, err := r.r.Discard(size); err != nil {
			return Tag{}, false, inside(err)
		}
		if wanted && size > 0 {
			return Tag{}, false, ErrEncrypted
		}
		return Tag{}, false, nil
	}

	body := make([]byte, size)
	if _, err := io.ReadFull(r.r, body); err != nil {
		return Tag{}, false, inside(err)
	}
	t = Tag{Type: typ, Header: typ == TypeScript, Body: body}
	cts, err := t.inspect()
	if errors.Is(err, ErrCommandFrame) {
		return Tag{}, false, nil
	}
	if err != nil {
		return Tag{}, false, err
	}
	t.DTS = r.time(ts, t.Header)
	t.PTS = t.DTS + cts
	return t, true, nil
}

// inspect fills Keyframe and Header in from the body and returns the
// composition time.
func (t *Tag) inspect() (cts time.Duration, err error) {
	switch t.Type {
	case TypeVideo:
		h, _, err := ParseVideo(t.Body)
		if err != nil {
			return 0, err
		}
		avc := h.CodecID == CodecAVC
		t.Header = avc && h.PacketType != AVCNALUs
		t.Keyframe = h.FrameType == FrameKey && !(avc && h.PacketType == AVCEndOfSequence)
		if !t.Header {
			cts = h.CompositionTime
		}
	case TypeAudio:
		h, _, err := ParseAudio(t.Body)
		if err != nil {
			return 0, err
		}
		t.Header = h.SoundFormat == SoundAAC && h.PacketType == AACSequenceHeader
	}
	return cts, nil
}

// time unwraps ts. Headers before the first picture or frame stand at 0 even in
// files whose media begins days later, so they do not say where counting starts.
func (r *Reader) time(ts uint32, header bool) time.Duration {
	switch {
	case r.timing:
		r.now += int64(int32(ts - uint32(r.now)))
	case header:
		return time.Duration(ts) * time.Millisecond
	default:
		r.now, r.timing = int64(ts), true
	}
	return time.Duration(r.now) * time.Millisecond
}

// inside is err for a place where the input must not end.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
