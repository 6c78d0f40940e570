package foreign

import (
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	ts := strings.Repeat("\x47"+strings.Repeat("\x00", tsPacket-1), 5)
	m2ts := strings.Repeat("time\x47"+strings.Repeat("\x00", tsPacket-1), 5)
	for _, test := range []struct{ name, head, want string }{
		{"nothing", "", ""},
		{"SPS behind 4 bytes", "\x00\x00\x00\x01\x67\x42\xc0\x1e", ""},
		{"SPS behind 3 bytes", "\x00\x00\x01\x27\x42\xc0\x1e", ""},
		{"delimiter", "\x00\x00\x00\x01\x09\xf0\x00\x00", ""},
		{"SEI", "\x00\x00\x00\x01\x06\x01\x05", ""},
		{"slice, joined in mid-stream", "\x9a\x00\x00\x01\x41\x01\x42", ""},
		{"data partition A", "\x00\x00\x01\x42\x9a\x01", ""},
		{"one 0x47", "\x47\x00\x00\x01", ""},
		{"0x47 in three packets alone", ts[:3*tsPacket] + "x", ""},
		{"MPEG-TS", ts, "MPEG-TS"},
		{"MPEG-TS, joined within a packet", ts[100:], "MPEG-TS"},
		{"MPEG-TS behind a line of text", "starting\n" + ts, "MPEG-TS"},
		{"MPEG-TS with times", m2ts, "MPEG-TS"},
		{"0x47 in H.264", "\x00\x00\x01\x67" + ts, ""},
		{"NUT", "nut/multimedia container\x00", "NUT"},
		{"MJPEG in parts", "--ffmpeg\r\nContent-type: image/jpeg\r\n", "JPEG pictures (multipart)"},
		{"HEVC VPS", "\x00\x00\x00\x01\x40\x01\x0c\x01", "HEVC (H.265)"},
		{"HEVC delimiter", "\x00\x00\x01\x46\x01\x50", "HEVC (H.265)"},
		{"MP4", "\x00\x00\x00\x1cftypisom", "MP4"},
		{"FLV", "FLV\x01\x05", "FLV"},
		{"MJPEG", "\xff\xd8\xff\xe0", "JPEG pictures (MJPEG)"},
		{"MPEG-2", "\x00\x00\x01\xb3\x14", "MPEG-2 video"},
	} {
		if got := Format([]byte(test.head)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
