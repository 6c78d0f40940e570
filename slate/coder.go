package slate

import (
	"math/bits"

	"venuecast/h264"
)

// What the picture parameter set and the coder have to agree upon.
const (
	log2MaxFrameNum = 8
	sliceQP         = 22 // the coarsest of a macroblock's, see coder.macroblock
)

// A coder turns canvases into slices, one a picture. Its sequence has picture
// order count type 2 and one reference frame; its pictures are all references.
//
// The decoded picture is the canvas: the coder needs no picture of its own to
// predict from.
type coder struct {
	frameNum uint32
	idrPicID uint32

	w    h264.BitWriter
	nalu []byte
	qp   int32 // QP_Y of the macroblock before
}

// code returns the slice that makes c the decoded picture. An IDR picture
// holds all of it, another picture only what changed since the last call,
// which must have been with the same canvas. The NAL unit is valid until the
// next call.
func (k *coder) code(c *canvas, idr bool) h264.NALU {
	k.w.Reset()
	k.qp = sliceQP
	header := byte(1<<5 | h264.TypeSlice) // nal_ref_idc 1
	if idr {
		header = byte(1<<5 | h264.TypeIDR)
		k.frameNum = 0
		k.idrPicID ^= 1 // two IDR pictures in a row must differ [7.4.3]
	}
	k.sliceHeader(idr)
	if idr {
		k.intraData(c)
	} else {
		k.changedData(c)
	}
	clear(c.changed)
	k.w.TrailingBits()
	k.frameNum = (k.frameNum + 1) % (1 << log2MaxFrameNum)
	k.nalu = h264.AppendNALU(k.nalu[:0], header, k.w.Bytes())
	return k.nalu
}

// sliceHeader writes slice_header() [7.3.3].
func (k *coder) sliceHeader(idr bool) {
	w := &k.w
	w.UE(0) // first_mb_in_slice
	if idr {
		w.UE(7) // slice_type: all slices are I
	} else {
		w.UE(5) // all slices are P
	}
	w.UE(0) // pic_parameter_set_id
	w.U(log2MaxFrameNum, k.frameNum)
	if idr {
		w.UE(k.idrPicID)
		w.Flag(false) // no_output_of_prior_pics_flag
		w.Flag(false) // long_term_reference_flag
	} else {
		w.Flag(false) // num_ref_idx_active_override_flag
		w.Flag(false) // ref_pic_list_modification_flag_l0
		w.Flag(false) // adaptive_ref_pic_marking_mode_flag
	}
	w.SE(0) // slice_qp_delta
	w.UE(1) // disable_deblocking_filter_idc: cells keep their edges
}

// intraData writes the slice_data() [7.3.4] of an I slice.
func (k *coder) intraData(c *canvas) {
	for mby := range c.mbh {
		for mbx := range c.mbw {
			k.macroblock(c, mbx, mby, 0)
		}
	}
}

// changedData writes the slice_data() of a P slice: what has not changed is
// P_Skip. No macroblock has a motion vector, so those inferred are zero
// [8.4.1.1], and what is skipped is the same as before.
func (k *coder) changedData(c *canvas) {
	const firstIntraType = 5 // mb_type of I macroblocks in P slices starts here [Table 7-13]
	next := 0                // macroblock to be written
	for i, word := range c.changed {
		for ; word != 0; word &= word - 1 {
			mb := 64*i + bits.TrailingZeros64(word)
			k.w.UE(uint32(mb - next)) // mb_skip_run
			k.macroblock(c, mb%c.mbw, mb/c.mbw, firstIntraType)
			next = mb + 1
		}
	}
	if n := c.mbw * c.mbh; next < n {
		k.w.UE(uint32(n - next))
	}
}

// macroblock writes macroblock_layer() [7.3.5] for an Intra_16x16 macroblock
// with DC prediction and no AC coefficients, whose mb_type counts from
// firstType.
//
// It is exact. Let D be the 4x4 differences between the cells and their
// prediction and H the Hadamard matrix of [8.5.10]: HH = 4I, so levels
// L = HDH/2^s come back as HLH = 16D/2^s. At QP 4 + 6s, where LevelScale is
// 256, [8.5.10] makes 64D of that and [8.5.12] makes D, nothing being rounded,
// provided that 2^s divides HDH. Chroma is the same with a 2x2 matrix of
// HH = 2I [8.5.11] and levels HDH/2^(s-1), as QP_C equals QP_Y below 30.
//
// The coarsest step is taken that divides: s = 3 does for a flat macroblock
// and for two greys 16 apart, and its levels are the shortest. s = 1 does for
// everything, as luma is even: what differs from one prediction by numbers of
// the same parity has an even HDH. The largest level is then 8*239 in
// luma and 4*255 in chroma, and CAVLC of the Main profile and below reaches
// 2063 [9.2.2.1]; s = 0 would not fit.
func (k *coder) macroblock(c *canvas, mbx, mby int, firstType uint32) {
	luma, lumaBits := lumaDC(c, mbx, mby)
	cb, cbBits := chromaDC(c, 0, mbx, mby)
	cr, crBits := chromaDC(c, 1, mbx, mby)
	chromaBits := cbBits | crBits

	shift, qp := 0, k.qp
	if lumaBits|chromaBits != 0 {
		shift = coarsest(lumaBits, chromaBits)
		qp = int32(4 + 6*shift)
	}

	const dcPrediction = 2
	mbType := firstType + 1 + dcPrediction // [Table 7-11]
	if chromaBits != 0 {
		mbType += 4 // CodedBlockPatternChroma 1: DC
	}
	w := &k.w
	w.UE(mbType)
	w.UE(0)         // intra_chroma_pred_mode: DC
	w.SE(qp - k.qp) // mb_qp_delta
	k.qp = qp

	for i := range luma {
		luma[i] >>= shift
	}
	// nC is 0 for every block: it counts AC coefficients of the neighbours
	// [9.2.1].
	writeBlock(w, luma[:], lumaTokens)
	if chromaBits == 0 {
		return
	}
	for _, block := range [...]*[4]int32{&cb, &cr} {
		for i := range block {
			block[i] >>= shift - 1
		}
		writeBlock(w, block[:], chromaTokens)
	}
}

// coarsest is the largest s, up to 3, by which the numbers ORed in both can be
// divided without a rest; see macroblock.
func coarsest(lumaBits, chromaBits uint32) int {
	return min(3, bits.TrailingZeros32(lumaBits), bits.TrailingZeros32(chromaBits)+1)
}

// zigzag is where the coefficients of a 4x4 block stand in it, in the order
// in which they are coded [Table 8-2, frame].
var zigzag = [16]uint8{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// lumaDC is HDH of a macroblock's luma in the order of coding, with all its
// numbers ORed: their common power of two, and whether there is any at all.
func lumaDC(c *canvas, mbx, mby int) (levels [16]int32, or uint32) {
	stride := 4 * c.mbw
	at := mby*4*stride + mbx*4

	// Intra_16x16 DC prediction [8.3.3.3]. A neighbouring cell stands for the
	// four samples that touch the macroblock.
	var above, left int32
	if mby > 0 {
		for _, y := range c.luma[at-stride:][:4] {
			above += int32(y)
		}
	}
	if mbx > 0 {
		for i := range 4 {
			left += int32(c.luma[at-1+i*stride])
		}
	}
	var pred int32
	switch {
	case mbx > 0 && mby > 0:
		pred = (4*above + 4*left + 16) >> 5
	case mbx > 0 || mby > 0:
		pred = (4*above + 4*left + 8) >> 4
	default:
		pred = 128
	}

	var d [16]int32
	for i := range 4 {
		for j, y := range c.luma[at+i*stride:][:4] {
			d[4*i+j] = int32(y) - pred
			or |= uint32(d[4*i+j])
		}
	}
	if or == 0 {
		return levels, 0
	}
	for i := 0; i < 16; i += 4 {
		hadamard(&d[i], &d[i+1], &d[i+2], &d[i+3])
	}
	for i := range 4 {
		hadamard(&d[i], &d[i+4], &d[i+8], &d[i+12])
	}
	or = 0
	for i, at := range zigzag {
		levels[i] = d[at]
		or |= uint32(d[at])
	}
	return levels, or
}

// hadamard multiplies a vector by the matrix of [8.5.10].
func hadamard(a, b, c, d *int32) {
	s, t, u, v := *a+*b, *a-*b, *c+*d, *c-*d
	*a, *b, *c, *d = s+u, s-u, t-v, t+v
}

// chromaDC is lumaDC for the 2x2 cells of Cb or Cr.
func chromaDC(c *canvas, plane, mbx, mby int) (levels [4]int32, or uint32) {
	stride := 2 * c.mbw
	at := mby*2*stride + mbx*2
	p := c.chroma[plane]

	// Each cell is predicted from the cells that it looks at, and not all of
	// them look both ways [8.3.4.1-3].
	var above, left [2]int32
	if mby > 0 {
		above = [2]int32{int32(p[at-stride]), int32(p[at-stride+1])}
	}
	if mbx > 0 {
		left = [2]int32{int32(p[at-1]), int32(p[at-1+stride])}
	}
	var pred [4]int32
	switch {
	case mbx > 0 && mby > 0:
		pred = [4]int32{(above[0] + left[0] + 1) >> 1, above[1], left[1], (above[1] + left[1] + 1) >> 1}
	case mbx > 0:
		pred = [4]int32{left[0], left[0], left[1], left[1]}
	case mby > 0:
		pred = [4]int32{above[0], above[1], above[0], above[1]}
	default:
		pred = [4]int32{128, 128, 128, 128}
	}

	d0, d1 := int32(p[at])-pred[0], int32(p[at+1])-pred[1]
	d2, d3 := int32(p[at+stride])-pred[2], int32(p[at+stride+1])-pred[3]
	levels = [4]int32{d0 + d1 + d2 + d3, d0 - d1 + d2 - d3, d0 + d1 - d2 - d3, d0 - d1 - d2 + d3}
	return levels, uint32(levels[0] | levels[1] | levels[2] | levels[3])
}
