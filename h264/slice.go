package h264

import "fmt"

// SliceType is slice_type modulo 5 [Table 7-6].
type SliceType uint8

// The slice types.
const (
	SliceP SliceType = iota
	SliceB
	SliceI
	SliceSP
	SliceSI
)

// IsIntra reports whether a slice of the type refers to no other picture.
func (t SliceType) IsIntra() bool { return t == SliceI || t == SliceSI }

// SliceHeader is a slice header up to and with dec_ref_pic_marking: all that
// tells one picture from the next and gives its place in the output order
// [7.3.3].
type SliceHeader struct {
	NALType NALUType
	RefIDC  uint8

	FirstMB       uint32
	Type          SliceType
	PPSID         uint8
	ColourPlane   uint8
	FrameNum      uint32
	FieldPic      bool
	BottomField   bool
	IDRPicID      uint32
	POCLsb        uint32
	DeltaPOCBot   int32
	DeltaPOC      [2]int32
	RedundantPics uint32

	// MMCO5 says that the picture's marking ends with
	// memory_management_control_operation 5: all references are forgotten
	// and the order count starts anew behind this picture.
	MMCO5 bool
}

// IsIDR reports whether the slice is part of an IDR picture.
func (h *SliceHeader) IsIDR() bool { return h.NALType == TypeIDR }

// samePicture reports whether two slices, h the earlier one, belong to the
// same primary coded picture [7.4.1.2.4].
func (h *SliceHeader) samePicture(g *SliceHeader) bool {
	switch {
	case h.FrameNum != g.FrameNum,
		h.PPSID != g.PPSID,
		h.FieldPic != g.FieldPic,
		h.BottomField != g.BottomField,
		h.RefIDC != g.RefIDC && (h.RefIDC == 0 || g.RefIDC == 0),
		h.POCLsb != g.POCLsb,
		h.DeltaPOCBot != g.DeltaPOCBot,
		h.DeltaPOC != g.DeltaPOC,
		h.IsIDR() != g.IsIDR(),
		h.IsIDR() && h.IDRPicID != g.IDRPicID:
		return false
	}
	return true
}

// ParseSliceHeader reads the header of a slice (NAL unit types 1, 2 and 5) by
// the parameter sets that it refers to; those must have been seen, else the
// error is ErrNoParameterSets.
func ParseSliceHeader(n NALU, sets *ParameterSets) (SliceHeader, error) {
	r := newBitReader(n)
	h, sps, pps, err := parseSliceStart(&r, n, sets)
	if err != nil {
		return h, err
	}
	h.parseMarking(&r, sps, pps)
	if r.err != nil {
		return h, fmt.Errorf("parse slice header: %w", r.err)
	}
	return h, nil
}

// parseSliceStart reads up to redundant_pic_cnt: what samePicture compares.
func parseSliceStart(r *bitReader, n NALU, sets *ParameterSets) (h SliceHeader, sps *SPS, pps *PPS, err error) {
	h.NALType, h.RefIDC = n.Type(), n.RefIDC()
	h.FirstMB = r.ue()
	h.Type = SliceType(r.ueMax(9) % 5)
	id := r.ueMax(255)
	if r.err != nil {
		return h, nil, nil, fmt.Errorf("parse slice header: %w", r.err)
	}
	h.PPSID = uint8(id)
	if sps, pps, err = sets.lookup(id); err != nil {
		return h, nil, nil, err
	}
	if sps.SeparateColourPlaneFlag {
		h.ColourPlane = uint8(r.u(2))
	}
	h.FrameNum = r.u(int(sps.Log2MaxFrameNumMinus4) + 4)
	if !sps.FrameMbsOnlyFlag {
		if h.FieldPic = r.flag(); h.FieldPic {
			h.BottomField = r.flag()
		}
	}
	if h.IsIDR() {
		h.IDRPicID = r.ueMax(65535)
	}
	switch sps.PicOrderCntType {
	case 0:
		h.POCLsb = r.u(int(sps.Log2MaxPicOrderCntLsbMinus4) + 4)
		if pps.BottomFieldPicOrderInFramePresent && !h.FieldPic {
			h.DeltaPOCBot = r.se()
		}
	case 1:
		if !sps.DeltaPicOrderAlwaysZeroFlag {
			h.DeltaPOC[0] = r.se()
			if pps.BottomFieldPicOrderInFramePresent && !h.FieldPic {
				h.DeltaPOC[1] = r.se()
			}
		}
	}
	if pps.RedundantPicCntPresent {
		h.RedundantPics = r.ueMax(127)
	}
	if r.err != nil {
		return h, nil, nil, fmt.Errorf("parse slice header: %w", r.err)
	}
	return h, sps, pps, nil
}

// parseMarking reads on to the end of dec_ref_pic_marking.
func (h *SliceHeader) parseMarking(r *bitReader, sps *SPS, pps *PPS) {
	if h.Type == SliceB {
		r.flag() // direct_spatial_mv_pred_flag
	}
	refs := pps.NumRefIdxDefault
	lists := 0
	switch h.Type {
	case SliceP, SliceSP:
		lists = 1
	case SliceB:
		lists = 2
	}
	if lists > 0 && r.flag() { // num_ref_idx_active_override_flag
		for i := range lists {
			refs[i] = int(r.ueMax(31)) + 1
		}
	}
	for range lists {
		if !r.flag() { // ref_pic_list_modification_flag
			continue
		}
		// At most one command an entry, and the end [7.4.3.1].
		for n := 0; r.err == nil; n++ {
			idc := r.ueMax(5)
			if idc == 3 {
				break
			}
			r.ue()
			if n > 66 {
				r.err = errRange
			}
		}
	}
	if pps.WeightedPred && (h.Type == SliceP || h.Type == SliceSP) || pps.WeightedBipredIdc == 1 && h.Type == SliceB {
		h.skipWeights(r, sps, refs, lists)
	}
	if h.RefIDC == 0 {
		return
	}
	if h.IsIDR() {
		r.u(2) // no_output_of_prior_pics_flag, long_term_reference_flag
		return
	}
	if !r.flag() { // adaptive_ref_pic_marking_mode_flag
		return
	}
	for n := 0; r.err == nil; n++ {
		switch op := r.ueMax(6); op {
		case 0:
			return
		case 1, 2, 4, 6:
			r.ue()
		case 3:
			r.ue()
			r.ue()
		case 5:
			h.MMCO5 = r.err == nil
		}
		if n > 66 {
			r.err = errRange
		}
	}
}

// skipWeights steps over pred_weight_table [7.3.3.2].
func (h *SliceHeader) skipWeights(r *bitReader, sps *SPS, refs [2]int, lists int) {
	chroma := sps.ChromaFormatIdc != 0 && !sps.SeparateColourPlaneFlag // ChromaArrayType != 0
	r.ueMax(7)                                                         // luma_log2_weight_denom
	if chroma {
		r.ueMax(7)
	}
	for list := range lists {
		for i := 0; i < refs[list] && r.err == nil; i++ {
			if r.flag() {
				r.se()
				r.se()
			}
			if chroma && r.flag() {
				for range 4 {
					r.se()
				}
			}
		}
	}
}
