package aac

// IsSilent reports whether frame, a raw_data_block of a stream of config c,
// codes no sound at all: every channel's spectrum is zero by the syntax, without
// decoding it. Sound however quiet is not silent, and neither is a frame that
// cannot be told: another object type than AAC-LC, SBR data, a coupling channel,
// a program config element, or bits that are no raw_data_block.
//
// The first silent frame behind sound still ends that sound: windows overlap.
func IsSilent(frame []byte, c Config) bool {
	if c.ObjectType != ObjectTypeLC {
		return false
	}
	r := bitReader{b: frame}
	for channels := false; ; {
		id := r.u(3)
		switch {
		case r.short:
			return false
		case id == idEND:
			return channels
		case id == idSCE, id == idLFE:
			r.u(4) // element_instance_tag
			if !silentStream(&r, nil) {
				return false
			}
			channels = true
		case id == idCPE:
			if !silentPair(&r) {
				return false
			}
			channels = true
		case id == idDSE:
			skipDataStream(&r)
		case id == idFIL:
			if !skipFill(&r) {
				return false
			}
		default:
			return false
		}
	}
}

// More of id_syn_ele [Table 4.85].
const (
	idLFE = 3
	idDSE = 4 // data stream element
	idFIL = 6 // fill element
)

// icsInfo is what follows from an ics_info [Table 4.50].
type icsInfo struct {
	short  bool // EIGHT_SHORT_SEQUENCE
	maxSFB int
	groups int // of windows
}

func readICSInfo(r *bitReader) (info icsInfo, ok bool) {
	const eightShort = 2
	r.u(1) // ics_reserved_bit
	info.short = r.u(2) == eightShort
	r.u(1) // window_shape
	info.groups = 1
	if info.short {
		info.maxSFB = int(r.u(4))
		for range 7 { // scale_factor_grouping: 0 begins a group
			info.groups += 1 - int(r.u(1))
		}
		return info, true
	}
	info.maxSFB = int(r.u(6))
	return info, r.u(1) == 0 // prediction is not of AAC-LC
}

// silentPair reads a channel_pair_element [Table 4.5].
func silentPair(r *bitReader) bool {
	r.u(4) // element_instance_tag
	var common *icsInfo
	if r.u(1) == 1 { // common_window
		info, ok := readICSInfo(r)
		if !ok {
			return false
		}
		if r.u(2) == 1 { // ms_mask_present: a bit for each band
			r.skip(info.groups * info.maxSFB)
		}
		common = &info
	}
	left := silentStream(r, common)
	return left && silentStream(r, common)
}

// silentStream reads an individual_channel_stream [Table 4.49]; common is the
// ics_info that it shares, nil where it has its own. With every section in
// codebook 0 there are neither scale factors nor spectral data to step over.
func silentStream(r *bitReader, common *icsInfo) bool {
	r.u(8) // global_gain
	var info icsInfo
	if common != nil {
		info = *common
	} else {
		var ok bool
		if info, ok = readICSInfo(r); !ok {
			return false
		}
	}
	if !zeroSections(r, info) {
		return false
	}
	if r.u(1) == 1 { // pulse_data_present: sound
		return false
	}
	if r.u(1) == 1 { // tns_data_present: a filter of nothing is nothing
		skipTNS(r, info)
	}
	return r.u(1) == 0 && !r.short // gain_control_data_present is not of AAC-LC
}

// zeroSections reads section_data [Table 4.52] and reports whether all of it is
// in ZERO_HCB. Noise and intensity codebooks sound.
func zeroSections(r *bitReader, info icsInfo) bool {
	bits := 5
	if info.short {
		bits = 3
	}
	escape := uint(1)<<bits - 1
	for range info.groups {
		for k := 0; k < info.maxSFB; {
			if r.u(4) != 0 || r.short {
				return false
			}
			start := k
			for {
				n := r.u(bits)
				k += int(n)
				if n != escape || k > info.maxSFB {
					break
				}
			}
			if k == start || k > info.maxSFB {
				return false
			}
		}
	}
	return !r.short
}

// skipTNS steps over tns_data [Table 4.54].
func skipTNS(r *bitReader, info icsInfo) {
	windows, filters, length, order := 1, 2, 6, 5
	if info.short {
		windows, filters, length, order = 8, 1, 4, 3
	}
	for range windows {
		n := r.u(filters)
		if n == 0 {
			continue
		}
		resolution := 3 + int(r.u(1))
		for range n {
			r.u(length)
			if coefs := int(r.u(order)); coefs > 0 {
				r.u(1) // direction
				r.skip(coefs * (resolution - int(r.u(1))))
			}
		}
	}
}

// skipDataStream steps over a data_stream_element [Table 4.10].
func skipDataStream(r *bitReader) {
	r.u(4) // element_instance_tag
	align := r.u(1) == 1
	n := r.u(8)
	if n == 255 {
		n += r.u(8)
	}
	if align {
		r.at = (r.at + 7) &^ 7
	}
	r.skip(int(n) * 8)
}

// skipFill steps over a fill_element [Table 4.11]. It reports false for SBR
// data, which makes sound of its own.
func skipFill(r *bitReader) bool {
	n := r.u(4)
	if n == 15 {
		n += r.u(8) - 1
	}
	if n == 0 {
		return !r.short
	}
	const sbr, sbrCRC = 13, 14 // extension_type [Table 4.121]
	t := r.u(4)
	r.skip(int(n)*8 - 4)
	return t != sbr && t != sbrCRC
}

// A bitReader reads bits, the most significant first. Behind the end it gives
// zeros and says so.
type bitReader struct {
	b     []byte
	at    int // in bits
	short bool
}

func (r *bitReader) u(bits int) (v uint) {
	if r.skip(bits); r.short {
		return 0
	}
	for i := r.at - bits; i < r.at; i++ {
		v = v<<1 | uint(r.b[i>>3]>>(7-i&7)&1)
	}
	return v
}

func (r *bitReader) skip(bits int) {
	if bits > 8*len(r.b)-r.at {
		r.short = true
		return
	}
	r.at += bits
}
