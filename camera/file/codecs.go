package file

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"venuecast/aac"
)

// What is said once of a file whose sound was asked for.
const (
	noSound = "there is no sound in it"
	noAAC   = "its sound is not played, want AAC"
)

// codecs has the names of what files hold by the four characters they call it
// by: sample entries of MP4, and Enhanced RTMP.
var codecs = map[string]string{
	"avc1": "H.264", "avc3": "H.264",
	"hvc1": "HEVC", "hev1": "HEVC", "dvh1": "HEVC, Dolby Vision", "dvhe": "HEVC, Dolby Vision",
	"vvc1": "VVC", "vvi1": "VVC", "av01": "AV1", "vp08": "VP8", "vp09": "VP9",
	"mp4v": "MPEG-4 Visual", "s263": "H.263", "jpeg": "JPEG", "mjpa": "Motion JPEG", "mjpb": "Motion JPEG", "png ": "PNG",
	"apch": "ProRes", "apcn": "ProRes", "apcs": "ProRes", "apco": "ProRes", "ap4h": "ProRes", "ap4x": "ProRes",
	"AVdn": "DNxHD", "AVdh": "DNxHR",
	"encv": "encrypted", "enca": "encrypted",
	"mp4a": "AAC", ".mp3": "MP3", "ac-3": "AC-3", "ec-3": "E-AC-3", "ac-4": "AC-4",
	"Opus": "Opus", "fLaC": "FLAC", "alac": "ALAC", "samr": "AMR", "sawb": "AMR",
	"sowt": "PCM", "twos": "PCM", "lpcm": "PCM", "ipcm": "PCM", "fpcm": "PCM", "in24": "PCM", "in32": "PCM", "fl32": "PCM", "raw ": "PCM",
	"alaw": "G.711", "ulaw": "G.711",
}

// objectTypes has the names of what an mp4a sample entry can hold beside AAC,
// by its objectTypeIndication [ISO/IEC 14496-1 Table 5].
var objectTypes = map[byte]string{
	0x69: "MP3", 0x6b: "MP3", 0xa5: "AC-3", 0xa6: "E-AC-3", 0xa9: "DTS", 0xac: "DTS", 0xad: "Opus", 0xdd: "Vorbis",
}

// codecName names a codec for people, and by its four characters, which come
// from the file and may be any bytes.
func codecName(fourCC string) string {
	shown := strings.Trim(fmt.Sprintf("%q", fourCC), `"`)
	if name := codecs[fourCC]; name != "" {
		return fmt.Sprintf("%s (%s)", name, shown)
	}
	return fmt.Sprintf("of an unknown kind (%s)", shown)
}

// wrongVideo says that the file's pictures cannot be played, and what they are.
func wrongVideo(name string) error {
	return fmt.Errorf("its video is %s, want H.264", name)
}

var errEncrypted = errors.New("its video is encrypted (encv), want H.264 in the clear")

// frameLength is how long one frame sounds.
func frameLength(c aac.Config) time.Duration {
	return time.Duration(aac.SamplesPerFrame) * time.Second / time.Duration(c.SampleRate)
}
