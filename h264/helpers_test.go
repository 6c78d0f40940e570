package h264

import (
	"testing"
	"time"
)

// spsFields and the like say what a hand-made stream writes; what they leave
// at zero is the simplest that the standard allows.
type spsFields struct {
	profile, level uint8
	id             uint32
	pocType        uint32
	log2Lsb        uint32 // log2_max_pic_order_cnt_lsb_minus4
	cycle          []int32
	nonRef         int32
	refs           uint32
	fields         bool // frame_mbs_only_flag 0
	reorder        int  // max_num_reorder_frames in the VUI; -1: none
	mbs            [2]uint32
	tick, scale    uint32 // timing_info
}

func (s spsFields) nalu() NALU {
	var w BitWriter
	if s.profile == 0 {
		s.profile = 77
	}
	if s.level == 0 {
		s.level = 30
	}
	mbs := s.mbs
	if mbs[0] == 0 {
		mbs = [2]uint32{20, 15}
	}
	w.U(8, uint32(s.profile))
	w.U(8, 0)
	w.U(8, uint32(s.level))
	w.UE(s.id)
	w.UE(0) // log2_max_frame_num_minus4
	w.UE(s.pocType)
	switch s.pocType {
	case 0:
		w.UE(s.log2Lsb)
	case 1:
		w.Flag(false)
		w.SE(s.nonRef)
		w.SE(0)
		w.UE(uint32(len(s.cycle)))
		for _, o := range s.cycle {
			w.SE(o)
		}
	}
	w.UE(s.refs)
	w.Flag(false)
	w.UE(mbs[0] - 1)
	w.UE(mbs[1] - 1)
	w.Flag(!s.fields)
	if s.fields {
		w.Flag(false)
	}
	w.Flag(true)
	w.Flag(false)
	vui := s.reorder >= 0 || s.scale > 0
	w.Flag(vui)
	if vui {
		w.U(4, 0) // aspect ratio, overscan, video signal, chroma location
		w.Flag(s.scale > 0)
		if s.scale > 0 {
			w.U(32, s.tick)
			w.U(32, s.scale)
			w.Flag(true)
		}
		w.U(3, 0) // HRDs, pic_struct
		w.Flag(s.reorder >= 0)
		if s.reorder >= 0 {
			w.Flag(true)
			for range 4 {
				w.UE(0)
			}
			w.UE(uint32(s.reorder))
			w.UE(4)
		}
	}
	w.TrailingBits()
	return AppendNALU(nil, 0x67, w.Bytes())
}

func ppsNALU(id, spsID uint32, redundant bool) NALU {
	var w BitWriter
	w.UE(id)
	w.UE(spsID)
	w.U(2, 0)
	w.UE(0) // slice groups
	w.UE(0)
	w.UE(0)
	w.U(3, 0) // weights
	w.SE(0)
	w.SE(0)
	w.SE(0)
	w.Flag(false)
	w.Flag(false)
	w.Flag(redundant)
	w.TrailingBits()
	return AppendNALU(nil, 0x68, w.Bytes())
}

// sliceFields is a slice header by the SPS that spsFields made.
type sliceFields struct {
	idr, nonRef   bool
	kind          SliceType
	firstMB       uint32
	pps           uint32
	frameNum      uint32
	idrPicID      uint32
	lsb           uint32
	delta         int32
	field, bottom bool
	redundant     int // -1: not written
	mmco5         bool
	payload       int // bytes of slice data
}

func (s sliceFields) nalu(sps spsFields) NALU {
	var w BitWriter
	w.UE(s.firstMB)
	w.UE(uint32(s.kind))
	w.UE(s.pps)
	w.U(4, s.frameNum)
	if sps.fields {
		w.Flag(s.field)
		if s.field {
			w.Flag(s.bottom)
		}
	}
	if s.idr {
		w.UE(s.idrPicID)
	}
	switch sps.pocType {
	case 0:
		w.U(int(sps.log2Lsb)+4, s.lsb)
	case 1:
		w.SE(s.delta)
	}
	if s.redundant >= 0 {
		w.UE(uint32(s.redundant))
	}
	if s.kind == SliceB {
		w.Flag(true)
	}
	if !s.kind.IsIntra() {
		w.Flag(false) // num_ref_idx_active_override_flag
		w.Flag(false) // modification
		if s.kind == SliceB {
			w.Flag(false)
		}
	}
	if !s.nonRef {
		switch {
		case s.idr:
			w.U(2, 0)
		case s.mmco5:
			w.Flag(true)
			w.UE(5)
			w.UE(0)
		default:
			w.Flag(false)
		}
	}
	w.SE(0)
	w.Align(true)
	for i := range s.payload {
		w.U(8, uint32(i*7+1)&0xff)
	}
	w.TrailingBits()
	header := byte(0x61)
	switch {
	case s.idr:
		header = 0x65
	case s.nonRef:
		header = 0x01
	}
	return AppendNALU(nil, header, w.Bytes())
}

// annexB joins NAL units, with start codes of 3 bytes but for the first.
func annexB(short bool, nalus ...NALU) []byte {
	var b []byte
	for i, n := range nalus {
		if !short || i == 0 {
			b = append(b, 0)
		}
		b = append(append(b, startCode...), n...)
	}
	return b
}

// feed runs a stream through a Framer in pieces of n bytes and gives a copy of
// each access unit, the last one too.
func feed(t testing.TB, stream []byte, n int) (f *Framer, units []AccessUnit) {
	t.Helper()
	f = NewFramer()
	for i := 0; i < len(stream); i += n {
		for piece := stream[i:min(i+n, len(stream))]; len(piece) > 0; {
			k := copy(f.Space(), piece)
			f.Filled(k, time.Duration(i))
			units = append(units, drain(f)...)
			piece = piece[k:]
		}
	}
	f.Flush()
	return f, append(units, drain(f)...)
}

func drain(f *Framer) (units []AccessUnit) {
	var au AccessUnit
	for f.Next(&au) {
		c := au
		c.NALUs = nil
		for _, n := range au.NALUs {
			c.NALUs = append(c.NALUs, append(NALU(nil), n...))
		}
		units = append(units, c)
	}
	return units
}
