package flv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"venuecast/h264"
)

var (
	// ErrNoParameterSets is wrapped when a picture refers to parameter sets
	// that the stream has not shown. The caller drops such pictures, which
	// nobody could decode, and counts them.
	ErrNoParameterSets = h264.ErrNoParameterSets

	// ErrNoPicture is wrapped when an access unit holds no slice.
	ErrNoPicture = errors.New("no coded picture in the access unit")

	// ErrCompositionTime is wrapped when PTS and DTS are too far apart for the
	// 24 bits of a tag: 2 h 19 m.
	ErrCompositionTime = errors.New("composition time out of range")
)

// A VideoMuxer turns the access units of one H.264 stream into tags. The zero
// value is ready. Calls must not overlap.
type VideoMuxer struct {
	params  h264.ParameterSets
	changed bool   // params may differ from avcc
	avcc    []byte // the record of the last sequence header; it is shared with that tag
}

// Mux appends the tags of au to dst: a sequence header when the parameter sets
// that the picture uses are new or differ from the last ones, also under the
// same id, and then the picture. It copies au into them, with one allocation a
// tag beyond growing dst.
//
// The picture's tag holds the slices and SEI of au, each behind a 4-byte length
// [ISO/IEC 14496-15 5.3.4.2]. Parameter sets are in the sequence header.
// Delimiters, filler and the ends of sequence and stream mean nothing in a tag,
// and NAL units of extensions belong to no AVC decoder.
//
// On an error dst comes back as it was, and what au brought by way of parameter
// sets is kept for the pictures to come. The error wraps [ErrNoParameterSets],
// [ErrNoPicture], [ErrCompositionTime], [ErrBodyTooLarge], or says what is wrong
// with a parameter set or a slice header.
func (m *VideoMuxer) Mux(dst []Tag, au *h264.AccessUnit) ([]Tag, error) {
	size, slice, err := m.scan(au)
	if err != nil {
		return dst, fmt.Errorf("mux picture: %w", err)
	}
	if slice == nil {
		return dst, fmt.Errorf("mux picture: %w", ErrNoPicture)
	}
	if size > maxBodySize {
		return dst, fmt.Errorf("mux picture: %w", ErrBodyTooLarge)
	}
	cts := millis(au.PTS) - millis(au.DTS)
	if cts < minCompositionTime || cts > maxCompositionTime {
		return dst, fmt.Errorf("mux picture: %w: %d ms", ErrCompositionTime, cts)
	}

	switched, err := m.params.Activate(slice)
	if err != nil {
		return dst, fmt.Errorf("mux picture: %w", err)
	}
	if m.changed = m.changed || switched; m.changed {
		if dst, err = m.header(dst, au.DTS); err != nil {
			return dst, fmt.Errorf("mux sequence header: %w", err)
		}
		m.changed = false
	}

	body := make([]byte, size)
	ft := FrameInter
	if au.Keyframe {
		ft = FrameKey
	}
	putVideoHeader(body, ft, AVCNALUs, cts)
	rest := body[videoHeaderSize:]
	for _, n := range au.NALUs {
		if carried(n.Type()) {
			binary.BigEndian.PutUint32(rest, uint32(len(n)))
			rest = rest[4+copy(rest[4:], n):]
		}
	}
	return append(dst, Tag{
		Type: TypeVideo, DTS: au.DTS, PTS: au.PTS,
		Keyframe: au.Keyframe, RecoveryPoint: au.Keyframe && slice.Type() != h264.TypeIDR,
		Body: body,
	}), nil
}

// scan takes the parameter sets of au and returns the size of the picture's
// body, which is only meaningful up to maxBodySize+1, and its first slice, or
// nil when there is none.
func (m *VideoMuxer) scan(au *h264.AccessUnit) (size int, slice h264.NALU, err error) {
	size = videoHeaderSize
	for _, n := range au.NALUs {
		t := n.Type()
		switch {
		case t == h264.TypeSPS || t == h264.TypePPS:
			changed, err := m.params.Update(n)
			if err != nil {
				return 0, nil, err
			}
			m.changed = m.changed || changed
		case carried(t):
			// Bounded at each step, so that int, of 32 bits on ARM, cannot
			// overflow.
			if size <= maxBodySize {
				size += 4 + min(len(n), maxBodySize)
			}
			// Partitions B and C have no slice header.
			if slice == nil && t.IsVCL() && t != h264.TypeDataPartB && t != h264.TypeDataPartC {
				slice = n
			}
		}
	}
	return size, slice, nil
}

// carried reports whether a picture's tag holds NAL units of type t.
func carried(t h264.NALUType) bool { return t.IsVCL() || t == h264.TypeSEI }

// header appends the AVC sequence header, unless it would repeat the last one.
func (m *VideoMuxer) header(dst []Tag, dts time.Duration) ([]Tag, error) {
	avcc, err := m.params.AVCC()
	if err != nil {
		return dst, err
	}
	if bytes.Equal(avcc, m.avcc) {
		return dst, nil
	}
	body := make([]byte, videoHeaderSize+len(avcc))
	if len(body) > maxBodySize {
		return dst, ErrBodyTooLarge
	}
	putVideoHeader(body, FrameKey, AVCSequenceHeader, 0)
	copy(body[videoHeaderSize:], avcc)
	m.avcc = body[videoHeaderSize:]
	return append(dst, Tag{Type: TypeVideo, DTS: dts, PTS: dts, Keyframe: true, Header: true, Body: body}), nil
}

// EndOfSequence returns the tag that tells a player to show the pictures it
// still holds back: no more follow [E.4.3.2].
func EndOfSequence(dts time.Duration) Tag {
	body := make([]byte, videoHeaderSize)
	putVideoHeader(body, FrameKey, AVCEndOfSequence, 0)
	return Tag{Type: TypeVideo, DTS: dts, PTS: dts, Header: true, Body: body}
}

// SPS is the sequence parameter set that the last picture refers to, or nil
// before the first. It is not to be changed.
func (m *VideoMuxer) SPS() *h264.SPS { return m.params.SPS() }
