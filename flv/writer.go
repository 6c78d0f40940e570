package flv

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A Writer writes tags as an FLV file or stream. Its methods must not be called
// concurrently.
type Writer struct {
	w     io.Writer
	clock Clock
	buf   []byte // one tag with its framing; before the first tag the file header
	err   error  // of the write that failed: the file ends inside a tag
}

// NewWriter returns a writer to w; audio and video say what the file will hold.
// It writes nothing before the first tag.
func NewWriter(w io.Writer, audio, video bool) *Writer {
	var flags byte
	if audio {
		flags |= flagAudio
	}
	if video {
		flags |= flagVideo
	}
	return &Writer{w: w, buf: []byte{
		'F', 'L', 'V', 1, flags, 0, 0, 0, fileHeaderSize,
		0, 0, 0, 0, // PreviousTagSize0
	}}
}

// WriteTag writes t by a single call of Write, the first one with the file
// header before it. Its timestamp is that of a [Clock]. t.Body is not kept.
//
// A tag that cannot be framed, which has an unknown type, no body, or one that
// [ErrBodyTooLarge] is about, is refused and leaves no trace. After a failed
// Write every call returns that error.
func (w *Writer) WriteTag(t Tag) error {
	if w.err != nil {
		return w.err
	}
	switch {
	case t.Type != TypeAudio && t.Type != TypeVideo && t.Type != TypeScript:
		return fmt.Errorf("write FLV tag: unknown type %d", t.Type)
	case len(t.Body) == 0:
		return fmt.Errorf("write FLV tag of type %d: %w: empty body", t.Type, ErrMalformed)
	case len(t.Body) > maxBodySize:
		return fmt.Errorf("write FLV tag of type %d: %w", t.Type, ErrBodyTooLarge)
	}

	size, ts := len(t.Body), w.clock.Timestamp(&t)
	w.buf = append(w.buf,
		byte(t.Type),
		byte(size>>16), byte(size>>8), byte(size),
		byte(ts>>16), byte(ts>>8), byte(ts), byte(ts>>24), // the extension comes last
		0, 0, 0) // StreamID
	w.buf = append(w.buf, t.Body...)
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(tagHeaderSize+size))

	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		w.err = fmt.Errorf("write FLV tag: %w", err)
		return w.err
	}
	return nil
}
