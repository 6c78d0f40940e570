package rig

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"venuecast/h264"
)

// A coder makes pictures of a wanted size that any decoder decodes: macroblocks
// of raw samples (I_PCM), which are noise, spread over grey or over what was
// there before. Unlike filler, all of a picture's bytes are in its slices, as a
// camera's are: the part of a picture that tells nothing of where it ends.
type coder struct {
	mbw, mbh int
	fps      float64
	slices   int
	noise    *rand.ChaCha8

	frameNum, idrPicID uint32
	w                  h264.BitWriter
	pcm                []bool // which macroblocks are
}

const (
	log2MaxFrameNum = 8
	lumaChroma      = 384 // samples of a macroblock, a byte each
)

// marker stands, with the picture's number behind it, in front of the first
// slice's first samples. No byte of either is 0 to 3, so that they look the
// same in the NAL unit.
var marker = []byte("venuecast-rig")

func newCoder(f Feed) *coder {
	c := &coder{mbw: (f.Width + 15) / 16, mbh: (f.Height + 15) / 16, fps: f.FPS, slices: f.Slices}
	c.noise = rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), f.Seed)))
	c.pcm = make([]bool, c.mbw*c.mbh)
	return c
}

// picture appends the slices of picture n, of about size bytes.
func (c *coder) picture(dst []h264.NALU, n, size int, keyframe bool) []h264.NALU {
	if keyframe {
		c.frameNum = 0
		c.idrPicID ^= 1 // two IDR pictures in a row must differ [7.4.3]
	}
	for i := range c.slices {
		from, to := i*c.mbh/c.slices*c.mbw, (i+1)*c.mbh/c.slices*c.mbw
		dst = append(dst, c.slice(n, from, to, size/c.slices, keyframe))
	}
	c.frameNum = (c.frameNum + 1) % (1 << log2MaxFrameNum)
	return dst
}

// slice codes the macroblocks from to to-1.
func (c *coder) slice(n, from, to, size int, keyframe bool) h264.NALU {
	w := &c.w
	w.Reset()
	w.UE(uint32(from)) // first_mb_in_slice
	header := byte(1<<5 | h264.TypeSlice)
	if keyframe {
		header = byte(1<<5 | h264.TypeIDR)
		w.UE(7) // slice_type: I, as are all slices of the picture
	} else {
		w.UE(5) // P
	}
	w.UE(0) // pic_parameter_set_id
	w.U(log2MaxFrameNum, c.frameNum)
	if keyframe {
		w.UE(c.idrPicID)
		w.Flag(false) // no_output_of_prior_pics_flag
		w.Flag(false) // long_term_reference_flag
		size -= to - from
	} else {
		w.Flag(false) // num_ref_idx_active_override_flag
		w.Flag(false) // ref_pic_list_modification_flag_l0
		w.Flag(false) // adaptive_ref_pic_marking_mode_flag
	}
	w.SE(0) // slice_qp_delta
	w.UE(1) // disable_deblocking_filter_idc: noise keeps its edges

	const overhead = 3 // of a macroblock of samples
	raw := min(max(1, size/(lumaChroma+overhead)), to-from)
	clear(c.pcm[from:to])
	for i := range raw {
		c.pcm[from+i*(to-from)/raw] = true
	}
	next := from // macroblock to be written
	for mb := from; mb < to; mb++ {
		switch {
		case c.pcm[mb] && keyframe:
			w.UE(25) // I_PCM [Table 7-11]
		case c.pcm[mb]:
			w.UE(uint32(mb - next)) // mb_skip_run
			w.UE(5 + 25)            // I_PCM in a P slice
		case keyframe:
			c.grey(mb, from)
			continue
		default:
			continue
		}
		c.samples(n, mb == from)
		next = mb + 1
	}
	if !keyframe && next < to {
		w.UE(uint32(to - next))
	}
	w.TrailingBits()
	return h264.AppendNALU(nil, header, w.Bytes())
}

// samples writes the samples of a macroblock, with the picture's number in
// front where that is wanted.
func (c *coder) samples(n int, number bool) {
	c.w.Align(false)
	var b [lumaChroma]byte
	_, _ = c.noise.Read(b[:])
	if number {
		p := b[copy(b[:], marker):]
		for i := range numberSize {
			p[i] = 0x80 | byte(n>>(7*i))
		}
	}
	for _, v := range b {
		c.w.U(8, uint32(v))
	}
}

// grey writes an Intra_16x16 macroblock of an I slice, which is its prediction.
func (c *coder) grey(mb, from int) {
	c.w.UE(3) // mb_type: I_16x16_2_0_0, DC prediction [Table 7-11]
	c.w.UE(0) // intra_chroma_pred_mode: DC
	c.w.SE(0) // mb_qp_delta
	// coeff_token for no coefficient [Table 9-5]: a neighbour of samples counts
	// as one with 16, which makes nC 8 or more.
	left := mb%c.mbw > 0 && mb-1 >= from && c.pcm[mb-1]
	above := mb-c.mbw >= from && c.pcm[mb-c.mbw]
	if left || above {
		c.w.U(6, 0b000011)
	} else {
		c.w.U(1, 1)
	}
}

const numberSize = 4 // of 7 bits each

// identify reads a picture's NAL units: the number in its first slice, -1 where
// there is none, and a fingerprint of all its slices.
func identify(nalus []h264.NALU) (n int, fingerprint uint64) {
	n = -1
	sum := sha256.New()
	for _, u := range nalus {
		if !u.Type().IsVCL() {
			continue
		}
		_, _ = sum.Write(binary.BigEndian.AppendUint32(nil, uint32(len(u))))
		_, _ = sum.Write(u)
		if n >= 0 {
			continue
		}
		start := u[:min(len(u), 64)]
		if i := bytes.Index(start, marker); i >= 0 && len(start) >= i+len(marker)+numberSize {
			n = 0
			for k, b := range start[i+len(marker):][:numberSize] {
				n |= int(b&0x7f) << (7 * k)
			}
		}
	}
	return n, binary.BigEndian.Uint64(sum.Sum(nil))
}

// parameters are the sequence and the picture parameter set [7.3.2].
func (c *coder) parameters(f Feed) []h264.NALU {
	var w h264.BitWriter
	w.U(8, 66)                          // profile_idc: Baseline
	w.U(8, 0xc0)                        // constraint_set0_flag, constraint_set1_flag
	w.U(8, 51)                          // level_idc: whatever is asked for
	w.UE(0)                             // seq_parameter_set_id
	w.UE(log2MaxFrameNum - 4)           // log2_max_frame_num_minus4
	w.UE(2)                             // pic_order_cnt_type: shown in the order of decoding
	w.UE(1)                             // max_num_ref_frames
	w.Flag(false)                       // gaps_in_frame_num_value_allowed_flag
	w.UE(uint32(c.mbw - 1))             // pic_width_in_mbs_minus1
	w.UE(uint32(c.mbh - 1))             // pic_height_in_map_units_minus1
	w.Flag(true)                        // frame_mbs_only_flag
	w.Flag(true)                        // direct_8x8_inference_flag
	w.Flag(true)                        // frame_cropping_flag
	w.UE(0)                             // frame_crop_left_offset
	w.UE(uint32(16*c.mbw-f.Width) / 2)  // frame_crop_right_offset
	w.UE(0)                             // frame_crop_top_offset
	w.UE(uint32(16*c.mbh-f.Height) / 2) // frame_crop_bottom_offset
	w.Flag(true)                        // vui_parameters_present_flag
	w.U(4, 0)                           // aspect ratio, overscan, video signal, chroma location: not said
	w.Flag(true)                        // timing_info_present_flag
	w.U(32, 1000)                       // num_units_in_tick
	w.U(32, uint32(2000*c.fps))         // time_scale
	w.Flag(true)                        // fixed_frame_rate_flag
	w.U(4, 0)                           // NAL HRD, VCL HRD, pic_struct, bitstream restriction: none
	w.TrailingBits()
	sps := h264.AppendNALU(nil, byte(3<<5|h264.TypeSPS), w.Bytes())

	w.Reset()
	w.UE(0)       // pic_parameter_set_id
	w.UE(0)       // seq_parameter_set_id
	w.U(2, 0)     // entropy_coding_mode_flag: CAVLC; no bottom field order
	w.UE(0)       // num_slice_groups_minus1
	w.UE(0)       // num_ref_idx_l0_default_active_minus1
	w.UE(0)       // num_ref_idx_l1_default_active_minus1
	w.U(3, 0)     // weighted_pred_flag, weighted_bipred_idc
	w.SE(0)       // pic_init_qp_minus26
	w.SE(0)       // pic_init_qs_minus26
	w.SE(0)       // chroma_qp_index_offset
	w.Flag(true)  // deblocking_filter_control_present_flag
	w.Flag(false) // constrained_intra_pred_flag
	w.Flag(false) // redundant_pic_cnt_present_flag
	w.TrailingBits()
	return []h264.NALU{sps, h264.AppendNALU(nil, byte(3<<5|h264.TypePPS), w.Bytes())}
}
