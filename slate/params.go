package slate

import (
	"fmt"

	"venuecast/h264"
)

// A level is a row of [Table A-1].
type level struct {
	idc    uint32
	mbRate int64 // MaxMBPS: macroblocks a second
	size   int   // MaxFS: macroblocks a frame
	kbps   int64 // MaxBR
}

var levels = []level{
	{10, 1485, 99, 64},
	{11, 3000, 396, 192},
	{12, 6000, 396, 384},
	{13, 11880, 396, 768},
	{20, 11880, 396, 2000},
	{21, 19800, 792, 4000},
	{22, 20250, 1620, 4000},
	{30, 40500, 1620, 10000},
	{31, 108000, 3600, 14000},
	{32, 216000, 5120, 20000},
	{40, 245760, 8192, 20000},
	{41, 245760, 8192, 50000},
	{42, 522240, 8704, 50000},
	{50, 589824, 22080, 135000},
	{51, 983040, 36864, 240000},
}

// levelFor is level_idc of the lowest level that holds such a stream [A.3.1].
func levelFor(mbw, mbh int, rate Rate, bitrate int64) (uint32, error) {
	for _, l := range levels {
		side := 8 * l.size // a side may be as long as its square root
		if mbw*mbh <= l.size && mbw*mbw <= side && mbh*mbh <= side &&
			int64(mbw*mbh)*rate.Num <= l.mbRate*rate.Den && bitrate <= l.kbps*1000 {
			return l.idc, nil
		}
	}
	return 0, fmt.Errorf("no H.264 level holds %d bits a second", bitrate)
}

// sps is the sequence parameter set [7.3.2.1.1] that a coder's pictures need.
func sps(c *canvas, rate Rate, level uint32) h264.NALU {
	var w h264.BitWriter
	w.U(8, 66)   // profile_idc: Baseline
	w.U(8, 0xc0) // constraint_set0_flag, constraint_set1_flag: Constrained Baseline, which Main decodes
	w.U(8, level)
	w.UE(0)                   // seq_parameter_set_id
	w.UE(log2MaxFrameNum - 4) // log2_max_frame_num_minus4
	w.UE(2)                   // pic_order_cnt_type: shown in the order of decoding
	w.UE(1)                   // max_num_ref_frames
	w.Flag(false)             // gaps_in_frame_num_value_allowed_flag
	w.UE(uint32(c.mbw - 1))   // pic_width_in_mbs_minus1
	w.UE(uint32(c.mbh - 1))   // pic_height_in_map_units_minus1
	w.Flag(true)              // frame_mbs_only_flag
	w.Flag(true)              // direct_8x8_inference_flag

	right, bottom := uint32(16*c.mbw-c.width)/2, uint32(16*c.mbh-c.height)/2
	crop := right != 0 || bottom != 0
	w.Flag(crop) // frame_cropping_flag
	if crop {
		w.UE(0) // frame_crop_left_offset
		w.UE(right)
		w.UE(0) // frame_crop_top_offset
		w.UE(bottom)
	}
	w.Flag(true) // vui_parameters_present_flag
	vui(&w, rate)
	w.TrailingBits()
	return h264.AppendNALU(nil, byte(3<<5|h264.TypeSPS), w.Bytes())
}

// vui writes vui_parameters() [E.1.1].
func vui(w *h264.BitWriter, rate Rate) {
	const bt709 = 1 // primaries, transfer, matrix [Tables E-3 to E-5]
	w.Flag(true)    // aspect_ratio_info_present_flag
	w.U(8, 1)       // aspect_ratio_idc: square samples
	w.Flag(false)   // overscan_info_present_flag
	w.Flag(true)    // video_signal_type_present_flag
	w.U(3, 5)       // video_format: unspecified
	w.Flag(false)   // video_full_range_flag
	w.Flag(true)    // colour_description_present_flag
	w.U(8, bt709)
	w.U(8, bt709)
	w.U(8, bt709)
	w.Flag(false)               // chroma_loc_info_present_flag
	w.Flag(true)                // timing_info_present_flag
	w.U(32, uint32(rate.Den))   // num_units_in_tick
	w.U(32, uint32(2*rate.Num)) // time_scale: a tick is a field, two are a frame
	w.Flag(true)                // fixed_frame_rate_flag
	w.Flag(false)               // nal_hrd_parameters_present_flag
	w.Flag(false)               // vcl_hrd_parameters_present_flag
	w.Flag(false)               // pic_struct_present_flag
	w.Flag(true)                // bitstream_restriction_flag
	w.Flag(false)               // motion_vectors_over_pic_boundaries_flag
	w.UE(0)                     // max_bytes_per_pic_denom: unlimited
	w.UE(0)                     // max_bits_per_mb_denom: unlimited
	w.UE(0)                     // log2_max_mv_length_horizontal: all are zero
	w.UE(0)                     // log2_max_mv_length_vertical
	w.UE(0)                     // max_num_reorder_frames
	w.UE(1)                     // max_dec_frame_buffering
}

// pps is the picture parameter set [7.3.2.2] that a coder's pictures need.
func pps() h264.NALU {
	var w h264.BitWriter
	w.UE(0)            // pic_parameter_set_id
	w.UE(0)            // seq_parameter_set_id
	w.Flag(false)      // entropy_coding_mode_flag: CAVLC
	w.Flag(false)      // bottom_field_pic_order_in_frame_present_flag
	w.UE(0)            // num_slice_groups_minus1
	w.UE(0)            // num_ref_idx_l0_default_active_minus1
	w.UE(0)            // num_ref_idx_l1_default_active_minus1
	w.Flag(false)      // weighted_pred_flag
	w.U(2, 0)          // weighted_bipred_idc
	w.SE(sliceQP - 26) // pic_init_qp_minus26
	w.SE(0)            // pic_init_qs_minus26
	w.SE(0)            // chroma_qp_index_offset
	w.Flag(true)       // deblocking_filter_control_present_flag
	w.Flag(false)      // constrained_intra_pred_flag: skipped neighbours predict too
	w.Flag(false)      // redundant_pic_cnt_present_flag
	w.TrailingBits()
	return h264.AppendNALU(nil, byte(3<<5|h264.TypePPS), w.Bytes())
}
