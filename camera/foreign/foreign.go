// Package foreign tells what a stream is that should be H.264 in Annex B and is
// not.
package foreign

import "bytes"

// HeadSize is how much of the beginning it takes to be certain: a packet of
// MPEG-TS that has already begun, and the first bytes of four more.
const HeadSize = 4*m2tsPacket + 1

const (
	tsPacket   = 188          // ISO/IEC 13818-1 2.4.3.2
	m2tsPacket = 4 + tsPacket // as recorders write it: with the time of arrival before
	tsSync     = 0x47
)

// Format names the format that a stream which begins with head is of, where it
// is a known one and not H.264 in Annex B; else it is "". Bytes in any of them
// can look like a slice, and would go on the air.
func Format(head []byte) string {
	for _, f := range []struct {
		at     int
		begins string
		name   string
	}{
		{0, "FLV\x01", "FLV"},
		{0, "\x1a\x45\xdf\xa3", "Matroska or WebM"},
		{4, "ftyp", "MP4"},
		{4, "styp", "fragmented MP4"},
		{0, "RIFF", "AVI or WAV"},
		{0, "OggS", "Ogg"},
		{0, "DKIF", "IVF"},
		{0, "nut/multimedia container", "NUT"},
		{0, "--ffmpeg\r\n", "JPEG pictures (multipart)"},
		{0, "YUV4MPEG2", "uncompressed pictures (YUV4MPEG2)"},
		{0, "\xff\xd8\xff", "JPEG pictures (MJPEG)"},
		{0, "\x00\x00\x01\xba", "an MPEG program stream"},
		{0, "\x00\x00\x01\xb3", "MPEG-2 video"},
		{0, "\x00\x00\x01\xb0", "MPEG-4 video (part 2)"},
	} {
		if len(head) >= f.at && bytes.HasPrefix(head[f.at:], []byte(f.begins)) {
			return f.name
		}
	}
	nalu := bytes.TrimLeft(head, "\x00")
	if annexB := len(nalu) < len(head)-1 && len(nalu) > 0 && nalu[0] == 1; !annexB && (hasSync(head, tsPacket) || hasSync(head, m2tsPacket)) {
		return "MPEG-TS"
	}
	// The first NAL unit of HEVC is a VPS, an SPS or a delimiter of layer 0
	// [Rec. ITU-T H.265 7.3.1.2]. As H.264 those bytes would begin a unit of no
	// type, a data partition, or an SEI with a forbidden nal_ref_idc.
	if len(nalu) < len(head)-1 && len(nalu) > 2 && nalu[0] == 1 && nalu[2] == 1 {
		switch nalu[1] {
		case 32 << 1, 33 << 1, 35 << 1:
			return "HEVC (H.265)"
		}
	}
	return ""
}

// hasSync reports whether head has the first byte of MPEG-TS at four places, a
// packet apart. It may begin within a packet, or with a line of text.
func hasSync(head []byte, packet int) bool {
	for at := range min(packet, len(head)) {
		found := 0
		for i := at; i < len(head) && head[i] == tsSync; i += packet {
			found++
		}
		if found >= 4 {
			return true
		}
	}
	return false
}
