package h264

import (
	"testing"

	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// sei is an SEI NAL unit of one message, whose payload write writes.
func sei(payload int, write func(w *BitWriter)) NALU {
	var w BitWriter
	write(&w)
	w.Flag(true) // bit_equal_to_one, where the payload is not aligned
	w.Align(false)
	return append(append(NALU{byte(TypeSEI), byte(payload), byte(len(w.Bytes()))}, w.Bytes()...), 0x80)
}

func TestRecoveryPoint(t *testing.T) {
	point := func(frames uint32) NALU {
		return sei(6, func(w *BitWriter) {
			w.UE(frames)
			w.U(4, 8) // exact_match_flag, broken_link_flag, changing_slice_group_idc
		})
	}
	for _, tt := range []struct {
		name   string
		nalu   NALU
		frames uint32
		ok     bool
	}{
		{"at once", point(0), 0, true},
		{"after 7 frames", point(7), 7, true},
		{"behind another message", append(NALU{6, 5, 3, 1, 2, 3}, point(2)[1:]...), 2, true},
		{"another message", sei(5, func(w *BitWriter) { w.UE(0) }), 0, false},
		{"cut short", NALU{6, 6}, 0, false},
		{"empty", nil, 0, false},
		{"no SEI", append(NALU{1}, point(0)[1:]...), 0, false},
	} {
		if frames, ok := RecoveryPoint(tt.nalu); frames != tt.frames || ok != tt.ok {
			t.Errorf("%s: %d, %v; want %d, %v", tt.name, frames, ok, tt.frames, tt.ok)
		}
	}
}

func TestPictureScan(t *testing.T) {
	const none = 4 // no clock timestamp
	timing := func(delays int, structure, ctType uint32) NALU {
		return sei(1, func(w *BitWriter) {
			w.U(delays, 0)
			w.U(4, structure)
			w.Flag(ctType != none)
			if ctType != none {
				w.U(2, ctType)
			}
		})
	}
	plain := &mch264.SPS_VUI{PicStructPresentFlag: true}
	hrd := &mch264.SPS_HRD{CpbRemovalDelayLengthMinus1: 9, DpbOutputDelayLengthMinus1: 4}
	for _, tt := range []struct {
		name string
		vui  *mch264.SPS_VUI
		nalu NALU
		want Scan
	}{
		{"a frame", plain, timing(0, 0, none), ScanProgressive},
		{"a bottom field", plain, timing(0, 2, none), ScanInterlaced},
		{"two fields", plain, timing(0, 3, none), ScanInterlaced},
		{"two fields of one time", plain, timing(0, 3, 0), ScanProgressive},
		{"a frame of two times", plain, timing(0, 0, 1), ScanInterlaced},
		{"a film's three fields", plain, timing(0, 5, none), ScanProgressive},
		{"a frame shown twice", plain, timing(0, 7, 2), ScanProgressive},
		{"reserved", plain, timing(0, 9, none), ScanUnknown},
		{"behind the delays of the NAL HRD", &mch264.SPS_VUI{PicStructPresentFlag: true, NalHRD: hrd}, timing(15, 4, none), ScanInterlaced},
		{"behind the delays of the VCL HRD", &mch264.SPS_VUI{PicStructPresentFlag: true, VclHRD: hrd}, timing(15, 4, none), ScanInterlaced},
		{"no pic_struct", &mch264.SPS_VUI{}, timing(0, 3, none), ScanUnknown},
		{"no VUI", nil, timing(0, 3, none), ScanUnknown},
		{"another message", plain, sei(5, func(w *BitWriter) { w.U(8, 0x30) }), ScanUnknown},
		{"cut short", plain, NALU{6, 1}, ScanUnknown},
	} {
		sps := &SPS{}
		sps.VUI = tt.vui
		if got := PictureScan(tt.nalu, sps); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	if PictureScan(timing(0, 3, none), nil) != ScanUnknown {
		t.Error("known without an SPS")
	}
}

func FuzzSEI(f *testing.F) {
	f.Add([]byte{6, 6, 1, 0x84, 0x80})
	f.Add([]byte{6, 1, 1, 0x30, 0x80})
	f.Add([]byte{6, 255, 255, 255})
	sps := &SPS{}
	sps.VUI = &mch264.SPS_VUI{PicStructPresentFlag: true, NalHRD: &mch264.SPS_HRD{CpbRemovalDelayLengthMinus1: 31, DpbOutputDelayLengthMinus1: 31}}
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, ok := RecoveryPoint(b)
		if ok && NALU(b).Type() != TypeSEI || !ok && frames != 0 {
			t.Errorf("% x: %d, %v", b, frames, ok)
		}
		PictureScan(b, sps)
	})
}
