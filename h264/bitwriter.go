package h264

import "math/bits"

// A BitWriter writes the syntax elements of a raw byte sequence payload
// [7.2]. The zero value is ready; Reset starts the next payload in the same
// memory, so that a writer in steady state does not allocate.
type BitWriter struct {
	buf []byte // whole bytes
	acc uint64 // the bits after them, in its lowest n bits; higher bits are spent
	n   int    // 0 to 7 between calls
}

// Reset forgets what was written. It overwrites what Bytes returned before.
func (w *BitWriter) Reset() { *w = BitWriter{buf: w.buf[:0]} }

// U writes the n lowest bits of v, the highest of them first: u(n), f(n) and
// i(n). n is 0 to 32.
func (w *BitWriter) U(n int, v uint32) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	w.n += n
	for w.n >= 8 {
		w.n -= 8
		w.buf = append(w.buf, byte(w.acc>>w.n))
	}
}

// Flag writes one bit: 1 for true.
func (w *BitWriter) Flag(v bool) {
	if v {
		w.U(1, 1)
	} else {
		w.U(1, 0)
	}
}

// UE writes v as an unsigned Exp-Golomb code, ue(v) [9.1]. The code ends at
// 2^32 - 2, and so does v.
func (w *BitWriter) UE(v uint32) {
	n := bits.Len32(v + 1)
	w.U(n-1, 0)
	w.U(n, v+1)
}

// SE writes v as a signed Exp-Golomb code, se(v) [9.1.1]. v is -2^31 + 1 or
// more.
func (w *BitWriter) SE(v int32) {
	if v > 0 {
		w.UE(uint32(v)<<1 - 1)
	} else {
		w.UE(uint32(-v) << 1)
	}
}

// Align fills the last byte up with copies of bit, if it is not full:
// pcm_alignment_zero_bit, cabac_alignment_one_bit.
func (w *BitWriter) Align(bit bool) {
	var v uint32
	if bit {
		v = 0xff
	}
	w.U(-w.n&7, v)
}

// Aligned reports whether the bits written fill whole bytes.
func (w *BitWriter) Aligned() bool { return w.n == 0 }

// TrailingBits ends the payload: a one, then zeros up to the byte's end,
// rbsp_trailing_bits [7.3.2.11].
func (w *BitWriter) TrailingBits() {
	w.U(1, 1)
	w.Align(false)
}

// Bits is how many bits have been written.
func (w *BitWriter) Bits() int { return 8*len(w.buf) + w.n }

// Bytes is the whole bytes written so far; bits of an unfinished byte are not
// among them. The writer keeps the memory: it is valid until Reset.
func (w *BitWriter) Bytes() []byte { return w.buf }

// AppendNALU appends to dst the NAL unit of a header byte (nal_ref_idc and
// nal_unit_type) and the payload rbsp, without a start code or length, and
// returns the longer slice. It puts an emulation prevention byte wherever the
// payload would read as a start code, and behind a payload that ends in a
// zero byte [7.4.1]. rbsp must not overlap the free capacity of dst.
func AppendNALU(dst []byte, header byte, rbsp []byte) []byte {
	const prevention = 3
	dst = append(dst, header)
	zeros, done := 0, 0 // zero bytes just before i; bytes of rbsp in dst
	for i, b := range rbsp {
		if zeros == 2 && b <= prevention {
			dst = append(dst, rbsp[done:i]...)
			dst = append(dst, prevention)
			zeros, done = 0, i
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	dst = append(dst, rbsp[done:]...)
	if len(rbsp) > 0 && rbsp[len(rbsp)-1] == 0 {
		dst = append(dst, prevention)
	}
	return dst
}
