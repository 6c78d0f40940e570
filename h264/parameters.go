package h264

import (
	"bytes"
	"errors"
	"fmt"

	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// ErrNoParameterSets says that no picture can be described yet: the stream has
// not shown the sequence and picture parameter sets that it refers to.
var ErrNoParameterSets = errors.New("no SPS and PPS seen yet")

// SPS is a sequence parameter set [7.3.2.1.1].
type SPS struct {
	mch264.SPS
	raw NALU
}

// ParseSPS reads a sequence parameter set. It keeps a copy of n.
func ParseSPS(n NALU) (*SPS, error) {
	if n.Type() != TypeSPS || len(n) < 4 {
		return nil, fmt.Errorf("parse SPS: %w", errShort)
	}
	s := &SPS{raw: bytes.Clone(n)}
	if err := s.Unmarshal(s.raw); err != nil {
		return nil, fmt.Errorf("parse SPS: %w", err)
	}
	switch {
	case s.ID > 31,
		s.ChromaFormatIdc > 3,
		s.Log2MaxFrameNumMinus4 > 12,
		s.PicOrderCntType > 2,
		s.Log2MaxPicOrderCntLsbMinus4 > 12,
		len(s.OffsetForRefFrames) > 255,
		s.MaxNumRefFrames > 16,
		// Level 6.2 ends at 139264 macroblocks, 1055 of them in a row.
		s.PicWidthInMbsMinus1 > 1054,
		s.PicHeightInMapUnitsMinus1 > 1054:
		return nil, fmt.Errorf("parse SPS: %w", errRange)
	}
	if c := s.FrameCropping; c != nil {
		// Twice the offset in samples is the most that a crop unit makes of it.
		for _, pair := range [][3]uint32{
			{c.LeftOffset, c.RightOffset, 16 * (s.PicWidthInMbsMinus1 + 1)},
			{c.TopOffset, c.BottomOffset, 32 * (s.PicHeightInMapUnitsMinus1 + 1)},
		} {
			if pair[0] > pair[2] || pair[1] > pair[2] {
				return nil, fmt.Errorf("parse SPS: cropping: %w", errRange)
			}
		}
	}
	// What is cropped beyond the picture comes out as a huge one: mediacommon
	// counts in 32 bits without a sign.
	if w, h := s.Width(), s.Height(); w <= 0 || h <= 0 ||
		w > 16*(int(s.PicWidthInMbsMinus1)+1) || h > 32*(int(s.PicHeightInMapUnitsMinus1)+1) {
		return nil, fmt.Errorf("parse SPS: cropping leaves no picture: %w", errRange)
	}
	return s, nil
}

// Width is the width of the picture on the screen, in luma samples.
func (s *SPS) Width() int {
	w := s.SPS.Width()
	if c := s.FrameCropping; c != nil && (s.ChromaFormatIdc == 0 || s.SeparateColourPlaneFlag) {
		w -= int(c.LeftOffset + c.RightOffset) // CropUnitX is 1 there [7-19], mediacommon says 0
	}
	return w
}

// Bytes is the NAL unit the SPS was read from, not to be changed.
func (s *SPS) Bytes() NALU { return s.raw }

// FrameRate is what the VUI says, in frames a second, or 0 where it says
// nothing that can be true. A tick is a field's time [E.2.1].
func (s *SPS) FrameRate() float64 {
	if s.VUI == nil || s.VUI.TimingInfo == nil {
		return 0
	}
	t := s.VUI.TimingInfo
	if t.NumUnitsInTick == 0 || t.TimeScale == 0 {
		return 0
	}
	fps := float64(t.TimeScale) / (2 * float64(t.NumUnitsInTick))
	if fps < 0.1 || fps > 300 { // seen in the wild: 1/0.04, 90000/1
		return 0
	}
	return fps
}

// maxDpbMbs is MaxDpbMbs by level_idc [Table A-1]; level 1b counts as 1.
var maxDpbMbs = map[uint8]int{
	9: 396, 10: 396, 11: 900, 12: 2376, 13: 2376, 20: 2376, 21: 4752, 22: 8100,
	30: 8100, 31: 18000, 32: 20480, 40: 32768, 41: 32768, 42: 34816,
	50: 110400, 51: 184320, 52: 184320, 60: 696320, 61: 696320, 62: 696320,
}

// maxDpbFrames is MaxDpbFrames: how many frames a decoder of the stream's
// level can hold at its size [A.3.1 h].
func (s *SPS) maxDpbFrames() int {
	mbs, ok := maxDpbMbs[s.LevelIdc]
	if s.LevelIdc == 11 && s.ConstraintSet3Flag && s.ProfileIdc <= 88 {
		mbs = 396 // level 1b
	}
	if !ok {
		return 16
	}
	heightInMbs := int(s.PicHeightInMapUnitsMinus1) + 1
	if !s.FrameMbsOnlyFlag {
		heightInMbs *= 2
	}
	return min(16, mbs/((int(s.PicWidthInMbsMinus1)+1)*heightInMbs))
}

// ReorderDepth is how many pictures may come before a picture in the stream
// and after it on the screen (max_num_reorder_frames). exact is true where the
// stream says so itself, by its VUI or because its profile or its picture
// order count type leaves no other choice; otherwise depth is the most that
// the level allows, and the truth is to be observed [E.2.1].
func (s *SPS) ReorderDepth() (depth int, exact bool) {
	switch {
	case s.VUI != nil && s.VUI.BitstreamRestriction != nil:
		return int(min(s.VUI.BitstreamRestriction.MaxNumReorderFrames, 16)), true
	case s.PicOrderCntType == 2: // output order is decoding order [8.2.1.3]
		return 0, true
	case s.ProfileIdc == 66: // Baseline has no B slices
		return 0, true
	case s.ConstraintSet3Flag && (s.ProfileIdc == 44 || s.ProfileIdc == 86 || s.ProfileIdc >= 100):
		return 0, true // intra profiles
	case s.MaxNumRefFrames == 0:
		return 0, true
	}
	return s.maxDpbFrames(), false
}

// PPS is what the rest of a stream needs of a picture parameter set to be
// understood; the lists behind it are a decoder's own business [7.3.2.2].
type PPS struct {
	ID, SPSID                         uint8
	EntropyCodingMode                 bool // CABAC
	BottomFieldPicOrderInFramePresent bool
	SliceGroups                       int // 1 without FMO
	SliceGroupMapType                 uint8
	SliceGroupChangeRate              uint32
	NumRefIdxDefault                  [2]int // of list 0 and 1
	WeightedPred                      bool
	WeightedBipredIdc                 uint8
	PicInitQP                         int
	DeblockingFilterControlPresent    bool
	ConstrainedIntraPred              bool
	RedundantPicCntPresent            bool

	raw NALU
}

// ParsePPS reads a picture parameter set. It keeps a copy of n.
func ParsePPS(n NALU) (*PPS, error) {
	if n.Type() != TypePPS {
		return nil, fmt.Errorf("parse PPS: NAL unit of type %d", n.Type())
	}
	p := &PPS{raw: bytes.Clone(n)}
	r := newBitReader(p.raw)
	p.ID = uint8(r.ueMax(255))
	p.SPSID = uint8(r.ueMax(31))
	p.EntropyCodingMode = r.flag()
	p.BottomFieldPicOrderInFramePresent = r.flag()
	p.SliceGroups = int(r.ueMax(7)) + 1
	if p.SliceGroups > 1 {
		p.parseSliceGroups(&r)
	}
	p.NumRefIdxDefault[0] = int(r.ueMax(31)) + 1
	p.NumRefIdxDefault[1] = int(r.ueMax(31)) + 1
	p.WeightedPred = r.flag()
	p.WeightedBipredIdc = uint8(r.u(2))
	p.PicInitQP = 26 + int(r.se())
	r.se() // pic_init_qs_minus26
	r.se() // chroma_qp_index_offset
	p.DeblockingFilterControlPresent = r.flag()
	p.ConstrainedIntraPred = r.flag()
	p.RedundantPicCntPresent = r.flag()
	if r.err != nil {
		return nil, fmt.Errorf("parse PPS: %w", r.err)
	}
	return p, nil
}

func (p *PPS) parseSliceGroups(r *bitReader) {
	p.SliceGroupMapType = uint8(r.ueMax(6))
	switch p.SliceGroupMapType {
	case 0:
		for range p.SliceGroups {
			r.ue() // run_length_minus1
		}
	case 2:
		for range p.SliceGroups - 1 {
			r.ue() // top_left
			r.ue() // bottom_right
		}
	case 3, 4, 5:
		r.flag() // slice_group_change_direction_flag
		p.SliceGroupChangeRate = r.ue() + 1
	case 6:
		bits := 1
		if p.SliceGroups > 4 {
			bits = 3
		} else if p.SliceGroups > 2 {
			bits = 2
		}
		size := r.ueMax(1<<18) + 1
		for i := uint32(0); i < size && r.err == nil; i++ {
			r.u(bits)
		}
	}
}

// Bytes is the NAL unit the PPS was read from, not to be changed.
func (p *PPS) Bytes() NALU { return p.raw }

// ParameterSets keeps the parameter sets that a stream has shown, by their
// ids, and knows which SPS is in use. The zero value is empty and ready.
// It is not safe for concurrent use.
type ParameterSets struct {
	sps    [32]*SPS
	pps    [256]*PPS
	active *SPS
}

// Update takes an SPS or PPS NAL unit and copies it where it is new. changed
// is true where its bytes are not those that stood under its id, so also for a
// set that comes back after another one. A set that cannot be read is an error
// and changes nothing; a NAL unit of another type is ignored.
func (p *ParameterSets) Update(n NALU) (changed bool, err error) {
	switch n.Type() {
	case TypeSPS:
		// The usual case, a repeated set, must not cost a parse.
		for _, s := range p.sps {
			if s != nil && bytes.Equal(s.raw, n) {
				return false, nil
			}
		}
		s, err := ParseSPS(n)
		if err != nil {
			return false, err
		}
		old := p.sps[s.ID]
		p.sps[s.ID] = s
		if p.active == nil || p.active == old {
			p.active = s
		}
		return true, nil
	case TypePPS:
		r := newBitReader(n)
		id := r.ueMax(255)
		if r.err != nil {
			return false, fmt.Errorf("parse PPS: %w", r.err)
		}
		if old := p.pps[id]; old != nil && bytes.Equal(old.raw, n) {
			return false, nil
		}
		pps, err := ParsePPS(n)
		if err != nil {
			return false, err
		}
		p.pps[pps.ID] = pps
		return true, nil
	}
	return false, nil
}

// Activate tells which SPS is in use: the one that slice, a VCL NAL unit,
// refers to by way of its PPS. changed is true where that is another one than
// before.
func (p *ParameterSets) Activate(slice NALU) (changed bool, err error) {
	r := newBitReader(slice)
	r.ue() // first_mb_in_slice
	r.ue() // slice_type
	id := r.ueMax(255)
	if r.err != nil {
		return false, fmt.Errorf("parse slice header: %w", r.err)
	}
	sps, _, err := p.lookup(id)
	if err != nil {
		return false, err
	}
	changed = sps != p.active
	p.active = sps
	return changed, nil
}

// lookup gives the PPS of an id and the SPS it refers to.
func (p *ParameterSets) lookup(ppsID uint32) (*SPS, *PPS, error) {
	if ppsID > 255 || p.pps[ppsID] == nil {
		return nil, nil, fmt.Errorf("slice refers to PPS %d: %w", ppsID, ErrNoParameterSets)
	}
	pps := p.pps[ppsID]
	sps := p.sps[pps.SPSID]
	if sps == nil {
		return nil, nil, fmt.Errorf("PPS %d refers to SPS %d: %w", ppsID, pps.SPSID, ErrNoParameterSets)
	}
	return sps, pps, nil
}

// SPS is the sequence parameter set in use, or nil.
func (p *ParameterSets) SPS() *SPS { return p.active }

// sets gives the SPS in use and every PPS that refers to it.
func (p *ParameterSets) sets() (*SPS, []*PPS) {
	if p.active == nil {
		return nil, nil
	}
	var pps []*PPS
	for _, q := range p.pps {
		if q != nil && uint32(q.SPSID) == p.active.ID {
			pps = append(pps, q)
		}
	}
	return p.active, pps
}
