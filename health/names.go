package health

import (
	"fmt"
	"strconv"

	"venuecast/flv"
	"venuecast/h264"
)

const (
	codecH264  = "H.264"
	codecAACLC = "AAC-LC"
	codecMP3   = "MP3"
)

// codecName is what a tag's header calls its codec, comparable and without a
// string, so that a tag costs no allocation.
type codecName struct {
	enhanced bool
	fourCC   [4]byte // Enhanced RTMP; zero where the body ends before it
	id       uint8   // CodecID or SoundFormat otherwise
}

func fourCC(body []byte) (c [4]byte) {
	if len(body) >= 5 {
		copy(c[:], body[1:])
	}
	return c
}

// videoCodecs by CodecID [E.4.3.1]; 12 is what encoders outside of any
// specification use for HEVC.
var videoCodecs = map[uint8]string{
	2: "Sorenson H.263", 3: "Screen video", 4: "VP6", 5: "VP6 with alpha", 6: "Screen video 2",
	7: codecH264, 12: "HEVC (codec ID 12)",
}

// audioCodecs by SoundFormat [E.4.2.1].
var audioCodecs = map[uint8]string{
	0: "PCM", 1: "ADPCM", 2: codecMP3, 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser",
	7: "G.711 A-law", 8: "G.711 mu-law", 10: "AAC", 11: "Speex", 14: codecMP3,
}

// fourCCs are those of Enhanced RTMP.
var fourCCs = map[string]string{
	"avc1": "H.264", "hvc1": "HEVC", "av01": "AV1", "vp08": "VP8", "vp09": "VP9", "vvc1": "VVC",
	"mp4a": "AAC", "Opus": "Opus", "fLaC": "FLAC", "ac-3": "AC-3", "ec-3": "E-AC-3", ".mp3": "MP3",
}

func (c codecName) video() string { return c.name(videoCodecs) }
func (c codecName) audio() string { return c.name(audioCodecs) }

func (c codecName) name(ids map[uint8]string) string {
	if !c.enhanced {
		if name, ok := ids[c.id]; ok {
			return name
		}
		return "codec ID " + strconv.Itoa(int(c.id))
	}
	if c.fourCC == [4]byte{} {
		return "Enhanced RTMP"
	}
	if name, ok := fourCCs[string(c.fourCC[:])]; ok {
		return fmt.Sprintf("%s (%s)", name, c.fourCC[:])
	}
	return fmt.Sprintf("FourCC %q", c.fourCC[:])
}

// objectTypeName names an AAC that aac.ParseConfig refuses [ISO/IEC 14496-3
// Table 1.17].
func objectTypeName(t uint8) string {
	switch t {
	case 1:
		return "AAC Main"
	case 2, 5, 29:
		return "AAC of an unusual form" // 960 samples a frame, a reserved rate or layout
	case 3:
		return "AAC SSR"
	case 4:
		return "AAC LTP"
	case 23:
		return "AAC-LD"
	case 39:
		return "AAC-ELD"
	}
	return fmt.Sprintf("MPEG-4 audio object type %d", t)
}

// soundRate is what the header of a tag that is no AAC says, in Hz [E.4.2.1].
// 48 kHz cannot be said there: MP3 at 48 kHz comes as 44.1.
func soundRate(h flv.AudioHeader) int {
	switch h.SoundFormat {
	case 4:
		return 16000
	case 5, 7, 8, 14:
		return 8000
	case 11:
		return 16000
	}
	return [...]int{5512, 11025, 22050, 44100}[h.SoundRate&3]
}

// profileName names the profile by profile_idc and the constraint flags that
// make another profile of it [A.2].
func profileName(s *h264.SPS) string {
	switch s.ProfileIdc {
	case 66:
		if s.ConstraintSet1Flag {
			return "Constrained Baseline"
		}
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100:
		return "High"
	case 110:
		return "High 10"
	case 122:
		return "High 4:2:2"
	case 244:
		return "High 4:4:4 Predictive"
	case 44:
		return "CAVLC 4:4:4 Intra"
	}
	return "profile_idc " + strconv.Itoa(int(s.ProfileIdc))
}

func levelName(s *h264.SPS) string {
	if s.LevelIdc == 9 || s.LevelIdc == 11 && s.ConstraintSet3Flag && s.ProfileIdc <= 88 {
		return "1b"
	}
	return fmt.Sprintf("%d.%d", s.LevelIdc/10, s.LevelIdc%10)
}

// sampleAspects by aspect_ratio_idc from 1 on [Table E-1].
var sampleAspects = [...][2]int{
	{1, 1}, {12, 11}, {10, 11}, {16, 11}, {40, 33}, {24, 11}, {20, 11}, {32, 11},
	{80, 33}, {18, 11}, {15, 11}, {64, 33}, {160, 99}, {4, 3}, {3, 2}, {2, 1},
}

// sampleAspect is the shape of a sample. A stream that does not say, or says
// what cannot be, is taken for square.
func sampleAspect(s *h264.SPS) (w, h int) {
	if s.VUI == nil || !s.VUI.AspectRatioInfoPresentFlag {
		return 1, 1
	}
	idc := int(s.VUI.AspectRatioIdc)
	switch {
	case idc == 255: // Extended_SAR
		w, h = int(s.VUI.SarWidth), int(s.VUI.SarHeight)
	case idc >= 1 && idc <= len(sampleAspects):
		w, h = sampleAspects[idc-1][0], sampleAspects[idc-1][1]
	}
	if w == h || w == 0 || h == 0 {
		return 1, 1
	}
	return w, h
}
