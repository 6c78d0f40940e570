package h264

// seiPayload finds the first SEI message of a payload type in n and returns a
// reader that stands at its payload [7.3.2.3.1].
func seiPayload(n NALU, payload int) (r bitReader, ok bool) {
	if n.Type() != TypeSEI {
		return r, false
	}
	r = newBitReader(n[:min(len(n), 1024)]) // not through kilobytes of filler
	for r.err == nil && len(r.data) >= 2 {
		var typ, size int
		for _, v := range []*int{&typ, &size} {
			for {
				b := r.u(8)
				*v += int(b)
				if b != 255 || r.err != nil {
					break
				}
			}
		}
		if typ == payload {
			return r, r.err == nil
		}
		for ; size > 0 && r.err == nil; size-- {
			r.u(8)
		}
	}
	return r, false
}

// RecoveryPoint reads a recovery point from n, an SEI NAL unit: decoding may
// begin at its picture, and pictures are right after frames more in decoding
// order (recovery_frame_cnt). ok is false where n has none [D.1.8].
func RecoveryPoint(n NALU) (frames uint32, ok bool) {
	r, ok := seiPayload(n, 6)
	if !ok {
		return 0, false
	}
	if frames = r.ue(); r.err != nil {
		return 0, false
	}
	return frames, true
}

// Scan is how the lines of a picture were captured.
type Scan uint8

// The kinds of scan.
const (
	ScanUnknown     Scan = iota
	ScanProgressive      // all lines at one time
	ScanInterlaced       // every other line, at two times
)

// PictureScan reads from n, an SEI NAL unit of a picture that refers to sps, how
// the picture was captured: ct_type of its picture timing, and pic_struct where
// there is none [D.1.3, D.2.3].
//
// A frame that is shown as fields after a film's pattern (pic_struct 5 and 6) is
// progressive.
func PictureScan(n NALU, sps *SPS) Scan {
	if sps == nil || sps.VUI == nil || !sps.VUI.PicStructPresentFlag {
		return ScanUnknown
	}
	r, ok := seiPayload(n, 1)
	if !ok {
		return ScanUnknown
	}
	hrd := sps.VUI.NalHRD
	if hrd == nil {
		hrd = sps.VUI.VclHRD // CpbDpbDelaysPresentFlag is either; the lengths are the same [E.2.2]
	}
	if hrd != nil {
		r.u(int(hrd.CpbRemovalDelayLengthMinus1) + 1)
		r.u(int(hrd.DpbOutputDelayLengthMinus1) + 1)
	}
	structure := r.u(4)
	scan := ScanProgressive
	if structure >= 1 && structure <= 4 {
		scan = ScanInterlaced
	}
	if r.err != nil || structure > 8 {
		return ScanUnknown
	}
	if r.flag() { // clock_timestamp_flag of the first clock
		switch r.u(2) { // ct_type
		case 0:
			scan = ScanProgressive
		case 1:
			scan = ScanInterlaced
		}
	}
	return scan
}
