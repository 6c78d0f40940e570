package h264

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// AVCC makes the AVCDecoderConfigurationRecord of the SPS in use and of every
// PPS that refers to it, for NAL units behind 4-byte lengths. It fails with
// ErrNoParameterSets where one of the two is missing
// [ISO/IEC 14496-15 5.3.3.1.2].
func (p *ParameterSets) AVCC() ([]byte, error) {
	sps, pps := p.sets()
	if sps == nil || len(pps) == 0 {
		return nil, ErrNoParameterSets
	}
	if len(pps) > math.MaxUint8 {
		return nil, fmt.Errorf("make avcC: %d PPS, at most 255 fit", len(pps))
	}
	b := []byte{
		1,          // configurationVersion
		sps.raw[1], // AVCProfileIndication
		sps.raw[2], // profile_compatibility
		sps.raw[3], // AVCLevelIndication
		0xfc | 3,   // reserved, lengthSizeMinusOne
		0xe0 | 1,   // reserved, numOfSequenceParameterSets
	}
	var err error
	if b, err = appendSized(b, sps.raw); err != nil {
		return nil, err
	}
	b = append(b, byte(len(pps)))
	for _, q := range pps {
		if b, err = appendSized(b, q.raw); err != nil {
			return nil, err
		}
	}
	switch sps.ProfileIdc {
	case 100, 110, 122, 144: // the profiles the record names; 244 is left out there
		b = append(b,
			0xfc|byte(sps.ChromaFormatIdc),
			0xf8|byte(sps.BitDepthLumaMinus8),
			0xf8|byte(sps.BitDepthChromaMinus8),
			0, // numOfSequenceParameterSetExt
		)
	}
	return b, nil
}

func appendSized(b []byte, n NALU) ([]byte, error) {
	if len(n) > math.MaxUint16 {
		return nil, fmt.Errorf("make avcC: parameter set of %d bytes, at most 65535 fit", len(n))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(n)))
	return append(b, n...), nil
}

var errAVCC = errors.New("truncated")

// ParseAVCC takes an AVCDecoderConfigurationRecord apart. The parameter sets
// point into b; lengthSize is the number of bytes before each NAL unit.
func ParseAVCC(b []byte) (sps, pps []NALU, lengthSize int, err error) {
	if len(b) < 7 {
		return nil, nil, 0, fmt.Errorf("parse avcC: %w", errAVCC)
	}
	if b[0] != 1 {
		return nil, nil, 0, fmt.Errorf("parse avcC: version %d, want 1", b[0])
	}
	lengthSize = int(b[4]&3) + 1
	if lengthSize == 3 {
		return nil, nil, 0, errors.New("parse avcC: NAL unit lengths of 3 bytes")
	}
	sets := func(rest []byte, count int) (list []NALU, _ []byte, err error) {
		for range count {
			if len(rest) < 2 {
				return nil, nil, fmt.Errorf("parse avcC: %w", errAVCC)
			}
			n := int(binary.BigEndian.Uint16(rest))
			if rest = rest[2:]; len(rest) < n {
				return nil, nil, fmt.Errorf("parse avcC: %w", errAVCC)
			}
			list = append(list, NALU(rest[:n:n]))
			rest = rest[n:]
		}
		return list, rest, nil
	}
	sps, rest, err := sets(b[6:], int(b[5]&0x1f))
	if err != nil {
		return nil, nil, 0, err
	}
	if len(rest) == 0 {
		return nil, nil, 0, fmt.Errorf("parse avcC: %w", errAVCC)
	}
	pps, _, err = sets(rest[1:], int(rest[0]))
	if err != nil {
		return nil, nil, 0, err
	}
	return sps, pps, lengthSize, nil
}

// SplitAVCC appends to dst the NAL units of b, each behind a length of
// lengthSize bytes (1, 2 or 4). They point into b. What stands before an error
// is returned with it.
func SplitAVCC(dst []NALU, b []byte, lengthSize int) ([]NALU, error) {
	for len(b) > 0 {
		if len(b) < lengthSize {
			return dst, fmt.Errorf("split access unit: length of a NAL unit %w", errAVCC)
		}
		var n uint64
		for _, c := range b[:lengthSize] {
			n = n<<8 | uint64(c)
		}
		if b = b[lengthSize:]; n > uint64(len(b)) {
			return dst, fmt.Errorf("split access unit: NAL unit of %d bytes with %d left", n, len(b))
		}
		if n > 0 {
			dst = append(dst, NALU(b[:n:n]))
		}
		b = b[n:]
	}
	return dst, nil
}
