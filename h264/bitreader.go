package h264

import "errors"

// errShort says that a NAL unit ended before the syntax element that was read.
var errShort = errors.New("NAL unit too short")

// errRange says that a syntax element is outside what the standard allows.
var errRange = errors.New("syntax element out of range")

// bitReader reads the RBSP of a NAL unit, stepping over emulation prevention
// as it goes, so that a slice header costs its own bits and not a copy of the
// slice. The first error sticks and every later read gives 0; callers look at
// err once, where they are done.
type bitReader struct {
	data  []byte // what has not been taken yet
	zeros int    // zero bytes at the end of what has been taken
	cur   uint64 // the next left bits, right-aligned
	left  int
	err   error
}

// newBitReader starts behind the NAL unit header.
func newBitReader(n NALU) bitReader {
	if len(n) == 0 {
		return bitReader{err: errShort}
	}
	return bitReader{data: n[1:]}
}

func (r *bitReader) fill() bool {
	if len(r.data) > 0 && r.zeros >= 2 && r.data[0] == 3 {
		r.data, r.zeros = r.data[1:], 0 // emulation_prevention_three_byte
	}
	if len(r.data) == 0 {
		return false
	}
	b := r.data[0]
	r.data = r.data[1:]
	if b == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
	r.cur = r.cur<<8 | uint64(b)
	r.left += 8
	return true
}

// u reads n bits, at most 32 [7.2 u(n)].
func (r *bitReader) u(n int) uint32 {
	for r.left < n {
		if r.err != nil {
			return 0
		}
		if !r.fill() {
			r.err = errShort
			return 0
		}
	}
	if r.err != nil {
		return 0
	}
	r.left -= n
	return uint32(r.cur >> r.left & (1<<n - 1))
}

func (r *bitReader) flag() bool { return r.u(1) == 1 }

// ue reads an unsigned Exp-Golomb code [9.1].
func (r *bitReader) ue() uint32 {
	zeros := 0
	for r.u(1) == 0 {
		if r.err != nil {
			return 0
		}
		if zeros++; zeros > 31 {
			r.err = errRange
			return 0
		}
	}
	return uint32(1)<<zeros - 1 + r.u(zeros)
}

// ueMax is ue for an element that may not exceed limit.
func (r *bitReader) ueMax(limit uint32) uint32 {
	v := r.ue()
	if r.err == nil && v > limit {
		r.err = errRange
	}
	if r.err != nil {
		return 0
	}
	return v
}

// se reads a signed Exp-Golomb code [9.1.1].
func (r *bitReader) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k>>1) + 1
	}
	return -int32(k >> 1)
}
