package health

import (
	"fmt"
	"time"
)

// A Rule is one row of the table of what is judged and by what limit.
type Rule struct {
	Type     Type     `json:"type"`
	Severity Severity `json:"severity,omitempty"` // "" where nothing is judged
	YouTube  bool     `json:"youtube"`            // a name of YouTube's

	// Limit is what a good stream keeps to; Source the page or clause that says
	// so, and why the limit is where it is. Verified: the page is YouTube's and
	// states this limit. No limit was tried against YouTube itself.
	Limit    string `json:"limit"`
	Source   string `json:"source"`
	Verified bool   `json:"verified"`

	Advice string `json:"advice,omitempty"`
}

// Rules returns the table: what one stream is judged by, then what a primary
// and its backup are compared by, then YouTube's names that cannot be judged
// here, and why. A type may have a row for each severity. The caller owns it.
func Rules() []Rule {
	var all []Rule
	for _, r := range streamRules {
		all = append(all, r.Rule)
	}
	for _, r := range pairRules {
		all = append(all, r.Rule)
	}
	return append(all, notJudged...)
}

// The pages that limits are from.
const (
	helpPage = "YouTube help 2853702"
	apiPage  = "YouTube Live Streaming API, configuration issues"
	factBook = "help 2853702 and copies of it"
)

// The limits.
const (
	gopLong  = 4 * time.Second
	gopOver  = 20 * time.Second
	gopShort = 500 * time.Millisecond

	// 4 s of pictures at 29.97 a second are 4.004 s.
	gopTolerance = 50 * time.Millisecond

	fpsHigh      = 60
	fpsTolerance = 0.5 // a window of 4 s counts to a quarter of a picture a second

	starvedBelow = 0.9
	fasterAbove  = 1.25

	skewLimit     = 100 * time.Millisecond
	skewOver      = 2500 * time.Millisecond // audio.offset goes to 2 s
	pauseLimit    = time.Second
	metadataAfter = 5 * time.Second

	audioHigh    = 384_000 // bit/s
	audioLow     = 64_000  // of stereo; half of it of mono
	audioMargin  = 0.05
	videoHighBy  = 1.5 // times what is recommended
	videoLowBy   = 0.8 // times the low end of the older pages
	maxChannels  = 2
	maxLongSide  = 4096
	maxShortSide = 2304
)

// A class is what YouTube recommends for a size and a rate of pictures.
type class struct {
	name        string
	lines       int  // of the picture lying down
	high        bool // more than 30 pictures a second
	recommended int  // bit/s for H.264 [help 2853702]
	low         int  // bit/s, the low end of the range on older pages: unverified
}

var classes = []class{
	{"240p", 240, false, 4_000_000, 300_000},
	{"360p", 360, false, 4_000_000, 400_000},
	{"480p", 480, false, 4_000_000, 500_000},
	{"720p30", 720, false, 4_000_000, 1_500_000},
	{"720p60", 720, true, 6_000_000, 2_250_000},
	{"1080p30", 1080, false, 10_000_000, 3_000_000},
	{"1080p60", 1080, true, 12_000_000, 4_500_000},
	{"1440p30", 1440, false, 15_000_000, 6_000_000},
	{"1440p60", 1440, true, 24_000_000, 9_000_000},
	{"2160p30", 2160, false, 30_000_000, 13_000_000},
	{"2160p60", 2160, true, 35_000_000, 20_000_000},
}

// widthTolerance is how far a width may be from 16:9, and a height above its
// class: encoders round to whole macroblocks, 848x480 and 1920x1088.
const widthTolerance = 8

// wide is the width of lines at 16:9, rounded.
func wide(lines int) int { return (lines*16 + 4) / 9 }

// classOf finds the class of a picture, lying or standing: the smallest that it
// fits into. It is nil for what is larger than all, and for unknown sizes.
func classOf(width, height int, fps float64) *class {
	if width <= 0 || height <= 0 || fps <= 0 {
		return nil
	}
	long, short := max(width, height), min(width, height)
	for i := range classes {
		c := &classes[i]
		if short > c.lines+widthTolerance || long > wide(c.lines)+widthTolerance {
			continue
		}
		if fps > 32 && c.lines >= 720 && !c.high {
			continue
		}
		return c
	}
	return nil
}

func (c *class) max() int { return int(float64(c.recommended) * videoHighBy) }
func (c *class) min() int { return int(float64(c.low) * videoLowBy) }

// usual reports whether the picture has one of YouTube's sizes, 16:9 lying or
// standing.
func usual(width, height int) bool {
	long, short := max(width, height), min(width, height)
	for _, c := range classes {
		if d := long - wide(c.lines); short >= c.lines && short <= c.lines+widthTolerance && d <= widthTolerance && d >= -widthTolerance {
			return true
		}
	}
	return false
}

// unsupported reports whether the picture is larger or smaller than anything
// that YouTube makes of a stream.
func unsupported(width, height int) bool {
	long, short := max(width, height), min(width, height)
	return long > maxLongSide || short > maxShortSide || long < wide(240)-widthTolerance && short < 240-widthTolerance
}

// The codecs that are no H.264 or AAC-LC and may work nevertheless.
func maybeVideo(codec string) bool {
	switch codec {
	case "HEVC (hvc1)", "AV1 (av01)", "H.264 (avc1)":
		return true
	}
	return false
}

func maybeAudio(codec string) bool {
	switch codec {
	case codecMP3, "MP3 (.mp3)", "AAC (mp4a)", "HE-AAC", "HE-AAC v2":
		return true
	}
	return false
}

// audioLimits are the bounds of an audio bitrate in bit/s, margin included.
func (f *facts) audioLimits() (low, high int) {
	low = audioLow
	if f.audio.Channels == 1 {
		low /= 2
	}
	return int(float64(low) * (1 - audioMargin)), int(audioHigh * (1 + audioMargin))
}

// judgedBitrate reports whether the bitrate of audio is to be judged: another
// codec has been named already and has other needs.
func (f *facts) judgedBitrate() bool {
	return f.audioRated && f.audio.Codec == codecAACLC && f.audio.Channels <= maxChannels
}

// streamRule is a Rule with how it is judged. A nil limit says Rule.Limit.
type streamRule struct {
	Rule
	broken   func(f *facts) bool
	measured func(f *facts) string
	limit    func(f *facts) string
}

// issue makes the issue of a rule that is broken.
func (r *streamRule) issue(f *facts, since time.Time) Issue {
	limit := r.Limit
	if r.limit != nil {
		limit = r.limit(f)
	}
	return Issue{
		Type: r.Type, Severity: r.Severity, Measured: r.measured(f), Limit: limit,
		Since: since, Advice: r.Advice, YouTube: r.YouTube,
	}
}

// streamRules is what one stream is judged by.
var streamRules = []streamRule{
	{
		Rule: Rule{
			Type: NoVideoStream, Severity: SeverityError, YouTube: true,
			Limit:  "a picture within 5 s of sound",
			Source: apiPage + "; the 5 s are ours",
			Advice: "Send a video track: check that the camera or scene is part of the encoder's output.",
		},
		broken:   func(f *facts) bool { return f.withoutVideo >= absence },
		measured: func(f *facts) string { return "none for " + seconds(f.withoutVideo) },
	},
	{
		Rule: Rule{
			Type: NoAudioStream, Severity: SeverityError, YouTube: true,
			Limit:  "sound within 5 s of a picture",
			Source: apiPage + "; streams without an audio track never go live (restreamer#232, #297, Ant-Media#5183); the 5 s are ours",
			Advice: "Send an AAC audio track, silent if there is nothing to hear: without one the broadcast does not start.",
		},
		broken:   func(f *facts) bool { return f.withoutAudio >= absence },
		measured: func(f *facts) string { return "none for " + seconds(f.withoutAudio) },
	},
	{
		Rule: Rule{
			Type: VideoIngestionStarved, Severity: SeverityError, YouTube: true,
			Limit:  "at least 0.9 s of video a second",
			Source: apiPage + " (not enough video for smooth playback); the figure is ours, the three slowest seconds of the window left out",
			Advice: "Lower the video bitrate or free the uplink; if the encoder's processor is full, lower its frame rate or size.",
		},
		broken:   func(f *facts) bool { return f.slow < starvedBelow && f.withoutVideo < absence },
		measured: func(f *facts) string { return fmt.Sprintf("%.2f s of video a second", f.slow) },
	},
	{
		Rule: Rule{
			Type: VideoIngestionFasterThanRealtime, Severity: SeverityError, YouTube: true,
			Limit:  "at most 1.25 s of video a second",
			Source: "public dump of the API (\"multiple seconds of video each second\"), where it is an error; the figure is ours, the three fastest seconds of the window left out",
			Advice: "Have the encoder send in real time (with ffmpeg: -re), not as fast as the file can be read.",
		},
		broken:   func(f *facts) bool { return f.fast > fasterAbove },
		measured: func(f *facts) string { return fmt.Sprintf("%.2f s of video a second", f.fast) },
	},
	{
		Rule: Rule{
			Type: VideoCodec, Severity: SeverityError, YouTube: true,
			Limit: "H.264", Source: helpPage, Verified: true,
			Advice: "Set the encoder to H.264.",
		},
		broken: func(f *facts) bool {
			return f.video.Codec != "" && f.video.Codec != codecH264 && !maybeVideo(f.video.Codec)
		},
		measured: func(f *facts) string { return f.video.Codec },
	},
	{
		Rule: Rule{
			Type: VideoCodec, Severity: SeverityWarning, YouTube: true,
			Limit: "H.264", Source: helpPage + " lists HEVC and AV1 too; that they are taken over Enhanced RTMP is unverified, so this is no error",
			Advice: "Set the encoder to H.264, which every ingest takes.",
		},
		broken:   func(f *facts) bool { return maybeVideo(f.video.Codec) },
		measured: func(f *facts) string { return f.video.Codec },
	},
	{
		Rule: Rule{
			Type: VideoResolutionUnsupported, Severity: SeverityError, YouTube: true,
			Limit:  "240p to 2160p",
			Source: helpPage + " lists 426x240 to 3840x2160; where it ends (under 240p both ways, over 4096x2304) is ours",
			Advice: "Send 1920x1080 or 1280x720.",
		},
		broken:   func(f *facts) bool { return f.video.Width > 0 && unsupported(f.video.Width, f.video.Height) },
		measured: func(f *facts) string { return f.video.size() },
	},
	{
		Rule: Rule{
			Type: GOPSizeOver, Severity: SeverityError, YouTube: true,
			Limit:  "at most 4 s",
			Source: apiPage + " has the name without a limit; above 20 s is ours (gopSizeLong is seen at 10.0 s)",
			Advice: "Set the keyframe interval to 2 s (at 30 frames a second: 60 frames).",
		},
		broken:   func(f *facts) bool { return f.gop > gopOver+gopTolerance },
		measured: gopMeasured,
	},
	{
		Rule: Rule{
			Type: GOPSizeLong, Severity: SeverityWarning, YouTube: true,
			Limit: "at most 4 s", Source: helpPage + "; seen at 5.0, 6.8, 8.3 and 10.0 s", Verified: true,
			Advice: "Set the keyframe interval to 2 s (at 30 frames a second: 60 frames).",
		},
		broken:   func(f *facts) bool { return f.gop > gopLong+gopTolerance && f.gop <= gopOver+gopTolerance },
		measured: gopMeasured,
	},
	{
		Rule: Rule{
			Type: GOPSizeShort, Severity: SeverityWarning, YouTube: true,
			Limit:  "at least 0.5 s on average",
			Source: apiPage + " has the name without a limit; the figure is ours",
			Advice: "Set the keyframe interval to 2 s: keyframes this often cost quality.",
		},
		broken: func(f *facts) bool {
			return f.gops >= 4 && f.gopMean < gopShort && f.gopMean*time.Duration(f.gops) >= 2*time.Second
		},
		measured: func(f *facts) string { return fmt.Sprintf("%.2f s", f.gopMean.Seconds()) },
	},
	{
		Rule: Rule{
			Type: OpenGOP, Severity: SeverityWarning, YouTube: true,
			Limit: "closed GOPs", Source: factBook + "; judged from slices, recovery points [H.264 D.1.8] and B pictures shown before the keyframe they follow",
			Verified: true,
			Advice:   "Switch open GOP off (x264: open-gop=0), so that every keyframe is an IDR picture.",
		},
		broken:   func(f *facts) bool { return f.video.OpenGOP },
		measured: func(*facts) string { return "keyframes that are no IDR pictures" },
	},
	{
		Rule: Rule{
			Type: BitrateHigh, Severity: SeverityWarning, YouTube: true,
			Limit:  "at most 1.5 times what is recommended for the size",
			Source: helpPage + " recommends 35 Mbit/s (2160p60) to 4 Mbit/s (720p30 and below); the factor is ours",
			Advice: "Lower the video bitrate to what is recommended for the picture's size.",
		},
		broken:   func(f *facts) bool { return f.class != nil && f.video.Bitrate > f.class.max() },
		measured: func(f *facts) string { return bitrate(f.video.Bitrate) },
		limit: func(f *facts) string {
			return fmt.Sprintf("at most %s for %s, %s recommended", bitrate(f.class.max()), f.class.name, bitrate(f.class.recommended))
		},
	},
	{
		Rule: Rule{
			Type: BitrateLow, Severity: SeverityWarning, YouTube: true,
			Limit:  "at least 0.8 times the low end of the older recommendation for the size",
			Source: "older copies of help 2853702: 1080p30 from 3 Mbit/s, 720p30 from 1.5 Mbit/s; the factor is ours, 1.87 Mbit/s at 1080p30 is seen named (restreamer#244)",
			Advice: "Raise the video bitrate to what is recommended for the picture's size, or send a smaller picture.",
		},
		broken:   func(f *facts) bool { return f.class != nil && f.video.Bitrate < f.class.min() },
		measured: func(f *facts) string { return bitrate(f.video.Bitrate) },
		limit: func(f *facts) string {
			return fmt.Sprintf("at least %s for %s, %s recommended", bitrate(f.class.min()), f.class.name, bitrate(f.class.recommended))
		},
	},
	{
		Rule: Rule{
			Type: InterlacedVideo, Severity: SeverityWarning, YouTube: true,
			Limit: "progressive", Source: helpPage + "; judged from field pictures, MBAFF and picture timing [H.264 7.3.3, 7.3.2.1.1, D.1.3]; a stream that may be coded as fields and is not is progressive",
			Verified: true,
			Advice:   "Deinterlace in the encoder, or set the camera to a progressive mode (1080p, not 1080i).",
		},
		broken:   func(f *facts) bool { return f.video.Interlaced },
		measured: func(*facts) string { return "interlaced" },
	},
	{
		Rule: Rule{
			Type: FrameRateHigh, Severity: SeverityWarning, YouTube: true,
			Limit: "at most 60 fps", Source: helpPage, Verified: true,
			Advice: "Set the encoder to 60 frames a second or fewer.",
		},
		broken:   func(f *facts) bool { return f.videoRated && f.video.FPS > fpsHigh+fpsTolerance },
		measured: func(f *facts) string { return fmt.Sprintf("%.1f fps", f.video.FPS) },
	},
	{
		Rule: Rule{
			Type: VideoResolutionSuboptimal, Severity: SeverityWarning, YouTube: true,
			Limit:  "16:9 with 240, 360, 480, 720, 1080, 1440 or 2160 lines, lying or standing, square pixels",
			Source: helpPage + " lists the sizes; whether others are named is unverified",
			Advice: "Send 1920x1080 or 1280x720 with square pixels; others are scaled or get black bars.",
		},
		broken: func(f *facts) bool {
			v := &f.video
			return v.Width > 0 && !unsupported(v.Width, v.Height) && (!usual(v.Width, v.Height) || v.PixelAspect != squarePixels)
		},
		measured: func(f *facts) string {
			if f.video.PixelAspect != squarePixels {
				return f.video.size() + ", pixels " + f.video.PixelAspect
			}
			return f.video.size()
		},
	},
	{
		Rule: Rule{
			Type: AudioCodec, Severity: SeverityError, YouTube: true,
			Limit: "AAC-LC", Source: apiPage + " (AAC, MP3)", Verified: true,
			Advice: "Set the encoder's audio to AAC-LC.",
		},
		broken: func(f *facts) bool {
			c := f.audio.Codec
			return c != "" && c != codecAACLC && c != "AAC" && !maybeAudio(c)
		},
		measured: func(f *facts) string { return f.audio.Codec },
	},
	{
		Rule: Rule{
			Type: AudioCodec, Severity: SeverityWarning, YouTube: true,
			Limit: "AAC-LC", Source: apiPage + " allows AAC and MP3, help 2853702 and its copies want AAC-LC: between the two, so no error; its bitrate and rate are judged no further than AAC-LC's rules fit",
			Advice: "Set the encoder's audio to AAC-LC.",
		},
		broken:   func(f *facts) bool { return maybeAudio(f.audio.Codec) },
		measured: func(f *facts) string { return f.audio.Codec },
	},
	{
		Rule: Rule{
			Type: AudioSampleRate, Severity: SeverityWarning, YouTube: true,
			Limit: "44.1 or 48 kHz", Source: apiPage, Verified: true,
			Advice: "Set the encoder's audio to 44.1 or 48 kHz.",
		},
		broken: func(f *facts) bool {
			c, rate := f.audio.Codec, f.audio.SampleRate
			return (c == codecAACLC || maybeAudio(c)) && rate != 0 && rate != 44100 && rate != 48000
		},
		measured: func(f *facts) string { return kilohertz(f.audio.SampleRate) },
	},
	{
		Rule: Rule{
			Type: AudioTooManyChannels, Severity: SeverityWarning, YouTube: true,
			Limit: "at most 2 channels", Source: factBook + " (stereo); that more are named is unverified",
			Advice: "Mix the audio down to stereo.",
		},
		broken:   func(f *facts) bool { return f.audio.Channels > maxChannels },
		measured: func(f *facts) string { return fmt.Sprintf("%d channels", f.audio.Channels) },
	},
	{
		Rule: Rule{
			Type: AudioBitrateHigh, Severity: SeverityWarning, YouTube: true,
			Limit:  "at most 384 kbit/s",
			Source: factBook + ": 128 kbit/s stereo; three times that is ours",
			Advice: "Set the audio bitrate to 128 kbit/s.",
		},
		broken: func(f *facts) bool {
			_, high := f.audioLimits()
			return f.judgedBitrate() && f.audio.Bitrate > high
		},
		measured: func(f *facts) string { return bitrate(f.audio.Bitrate) },
	},
	{
		Rule: Rule{
			Type: AudioBitrateLow, Severity: SeverityWarning, YouTube: true,
			Limit:  "at least 64 kbit/s stereo, 32 mono",
			Source: factBook + ": 128 kbit/s stereo; half of that is ours, and digital silence is not counted",
			Advice: "Set the audio bitrate to 128 kbit/s, constant rather than variable.",
		},
		broken: func(f *facts) bool {
			low, _ := f.audioLimits()
			return f.judgedBitrate() && f.audio.Bitrate < low
		},
		measured: func(f *facts) string { return bitrate(f.audio.Bitrate) },
	},
	{
		Rule: Rule{
			Type: TimestampBackwards, Severity: SeverityError,
			Limit: "timestamps that never go back", Source: "Adobe RTMP 1.0, 5.3; ingests are seen to reset the session",
			Advice: "Restart the encoder's stream; if it comes again, its clock or its source is stepping back.",
		},
		broken:   func(f *facts) bool { return f.back > 0 },
		measured: func(f *facts) string { return seconds(f.back) + " back" },
	},
	{
		Rule: Rule{
			Type: NoSequenceHeader, Severity: SeverityError,
			Limit: "sequence headers before pictures and sound", Source: "Adobe FLV 10.1, E.4.3.1 and E.4.2.2",
			Advice: "Restart the encoder's stream: without the headers nobody can decode it.",
		},
		broken:   func(f *facts) bool { return f.headerless },
		measured: func(*facts) string { return "none" },
	},
	{
		Rule: Rule{
			Type: MalformedTag, Severity: SeverityError,
			Limit: "tags that can be read", Source: "Adobe FLV 10.1, E.4; ISO/IEC 14496-15, 5.3",
			Advice: "Restart the encoder; if it comes again, use another one: what it sends is damaged.",
		},
		broken:   func(f *facts) bool { return f.malformed > 0 },
		measured: func(f *facts) string { return fmt.Sprintf("%d unreadable", f.malformed) },
	},
	{
		Rule: Rule{
			Type: TimestampJump, Severity: SeverityWarning,
			Limit:  "at most 1 s ahead of the arrivals in the window",
			Source: "ours; steps of more than 250 ms add up",
			Advice: "Look for a source that starts anew or a clock that was set; players pause or skip here.",
		},
		broken:   func(f *facts) bool { return f.jump > jumpLimit },
		measured: func(f *facts) string { return seconds(f.jump) + " forward" },
	},
	{
		Rule: Rule{
			Type: AudioVideoSkew, Severity: SeverityWarning,
			Limit: "at most 2.5 s", Source: "ours; further apart than any offset that is meant, and an ingest keeps only so much of either",
			Advice: skewAdvice,
		},
		broken:   func(f *facts) bool { return f.skew.Abs() > skewOver },
		measured: skewMeasured,
	},
	{
		Rule: Rule{
			Type: AudioVideoSkew, Severity: SeverityInfo,
			Limit: "at most 100 ms", Source: "ours; how far apart sound and pictures arrive says nothing certain of lip sync, whose errors ITU-R BT.1359 finds noticed from 45 ms early and 125 ms late",
			Advice: skewAdvice,
		},
		broken:   func(f *facts) bool { return f.skew.Abs() > skewLimit && f.skew.Abs() <= skewOver },
		measured: skewMeasured,
	},
	{
		Rule: Rule{
			Type: NoMetadata, Severity: SeverityWarning,
			Limit: "onMetaData within 5 s", Source: "ours; an ingest was seen resetting the session without it",
			Advice: "Use an encoder that sends onMetaData first, as OBS and ffmpeg do.",
		},
		broken:   func(f *facts) bool { return !f.metadata && f.sinceFirst >= metadataAfter },
		measured: func(f *facts) string { return "none in " + seconds(f.sinceFirst) },
	},
	{
		Rule: Rule{
			Type: FirstFrameNotKey, Severity: SeverityWarning,
			Limit: "a keyframe first", Source: "ours; nothing can be shown before the first keyframe",
			Advice: "Nothing to do if it was once at the start; else set the encoder to begin with a keyframe.",
		},
		broken:   func(f *facts) bool { return f.orphan },
		measured: func(*facts) string { return "another picture first" },
	},
	{
		Rule: Rule{
			Type: ArrivalPause, Severity: SeverityWarning,
			Limit: "at most 1 s", Source: "ours; of pictures or sound alone three times their spacing, where that is more, once they are back",
			Advice: "Look at the network between encoder and ingest, and where only pictures or only sound is missing at the camera, the microphone and the encoder's load.",
		},
		broken: func(f *facts) bool {
			return f.pause > pauseLimit || f.videoPause > pauseLimit || f.audioPause > pauseLimit
		},
		measured: pauseMeasured,
	},
	{
		Rule: Rule{
			Type: AudioSilent, Severity: SeverityInfo,
			Limit: "some sound", Source: "ours; read from the AAC syntax [ISO/IEC 14496-3 4.4.2], so it is digital silence and not a quiet hall",
			Advice: "Nothing to do if silence is meant; else check that the sound source is connected and not muted.",
		},
		broken:   func(f *facts) bool { return f.audio.Silent },
		measured: func(*facts) string { return "digital silence" },
	},
}

// notJudged are YouTube's names that one RTMP session cannot show.
var notJudged = []Rule{
	{Type: BadContainer, YouTube: true, Source: "not judged: an RTMP session has no other container than FLV; broken tags are malformedTag"},
	{Type: MultipleAudioStreams, YouTube: true, Source: "not judged: an RTMP session carries one audio stream; multitrack Enhanced RTMP is named as audioCodec"},
	{Type: MultipleVideoStreams, YouTube: true, Source: "not judged: an RTMP session carries one video stream; multitrack Enhanced RTMP is named as videoCodec"},
}

const squarePixels = "1:1"

const skewAdvice = "If this is not on purpose (audio.offset, an encoder's audio delay), correct the audio's offset in the encoder by this much."

func skewMeasured(f *facts) string {
	direction := "ahead of"
	if f.skew < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("sound is stamped %d ms %s the pictures that arrive with it", f.skew.Abs().Milliseconds(), direction)
}

// pauseMeasured names one kind where that was missing for much longer than all.
func pauseMeasured(f *facts) string {
	switch longest := max(f.videoPause, f.audioPause); {
	case f.pause > pauseLimit && longest <= f.pause+pauseLimit:
		return "nothing for " + seconds(f.pause)
	case f.videoPause == longest:
		return "no picture for " + seconds(longest)
	default:
		return "no sound for " + seconds(longest)
	}
}

func gopMeasured(f *facts) string {
	if f.gopRunning {
		return seconds(f.gop) + " so far"
	}
	return seconds(f.gop)
}

func (v *Video) size() string { return fmt.Sprintf("%dx%d", v.Width, v.Height) }

func seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// bitrate formats bit/s: "4.02 Mbit/s", "128 kbit/s".
func bitrate(bits int) string {
	if bits >= 1_000_000 {
		return fmt.Sprintf("%.2f Mbit/s", float64(bits)/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", float64(bits)/1e3)
}

func kilohertz(hz int) string { return fmt.Sprintf("%g kHz", float64(hz)/1000) }
