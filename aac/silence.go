package aac

import "fmt"

// SilentFrame returns an AAC-LC raw_data_block that decodes to
// [SamplesPerFrame] samples of digital silence. The sample rate is 32000, 44100
// or 48000 Hz, the channels are 1 or 2. The caller owns the bytes; every call
// with the same arguments returns the same ones.
//
// It codes no scale factor band at all, so there is nothing that could sound,
// whatever window the frames around it used.
func SilentFrame(sampleRate, channels int) ([]byte, error) {
	switch sampleRate {
	case 32000, 44100, 48000: // the bits are the same for each of them
	default:
		return nil, fmt.Errorf("make silent AAC frame: sample rate %d Hz: %w: 32000, 44100 or 48000", sampleRate, ErrUnsupported)
	}

	var w bitWriter
	switch channels {
	case 1:
		w.put(idSCE, 3)
		w.put(0, 4) // element_instance_tag
		w.put(0, 8) // global_gain
		w.icsInfo()
		w.noTools()
	case 2:
		w.put(idCPE, 3)
		w.put(0, 4) // element_instance_tag
		w.put(1, 1) // common_window: one ics_info for both
		w.icsInfo()
		w.put(0, 2) // ms_mask_present
		for range 2 {
			w.put(0, 8) // global_gain
			w.noTools()
		}
	default:
		return nil, fmt.Errorf("make silent AAC frame: %d channels: %w: 1 or 2", channels, ErrUnsupported)
	}
	w.put(idEND, 3)
	return w.b, nil // what is left of the last byte is byte_alignment()
}

// id_syn_ele [Table 4.85].
const (
	idSCE = 0 // single channel element
	idCPE = 1 // channel pair element
	idEND = 7
)

// A bitWriter appends bits, the most significant first.
type bitWriter struct {
	b    []byte
	free int // unused low bits of the last byte
}

func (w *bitWriter) put(v uint, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if w.free == 0 {
			w.b = append(w.b, 0)
			w.free = 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>i&1) << w.free
	}
}

// icsInfo writes an ics_info [Table 4.50] without scale factor bands.
func (w *bitWriter) icsInfo() {
	w.put(0, 1) // ics_reserved_bit
	w.put(0, 2) // window_sequence: ONLY_LONG_SEQUENCE
	w.put(0, 1) // window_shape: sine
	w.put(0, 6) // max_sfb: section, scale factor and spectral data are empty
	w.put(0, 1) // predictor_data_present
}

// noTools ends an individual_channel_stream [Table 4.49] that has no data.
func (w *bitWriter) noTools() {
	w.put(0, 1) // pulse_data_present
	w.put(0, 1) // tns_data_present
	w.put(0, 1) // gain_control_data_present
}
