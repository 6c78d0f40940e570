package health

import (
	"fmt"
	"math"
	"time"
)

// pairTolerance is how far two bitrates, frame rates or keyframe intervals may
// be apart and still count as the same: two encoders are never bit for bit.
const (
	bitrateTolerance  = 0.25
	fpsPairTolerance  = 0.02
	gopPairTolerance  = 0.1
	gopPairDifference = 0.25 // s
)

// A Pair compares the two ingests of one broadcast again and again and knows
// since when each difference stands. The zero value is ready; calls must not
// overlap.
type Pair struct {
	since map[Type]time.Time
}

// Compare is the function of that name with Since kept from call to call.
func (p *Pair) Compare(primary, backup Report) []Issue {
	issues := Compare(primary, backup)
	since := make(map[Type]time.Time, len(issues))
	for i := range issues {
		is := &issues[i]
		if at, ok := p.since[is.Type]; ok {
			is.Since = at
		}
		since[is.Type] = is.Since
	}
	p.since = since
	return issues
}

// Compare judges whether the backup is what YouTube could switch to: the same
// stream as the primary. What is not known of one of them is not compared, and
// nothing while one has no data. Since is the time of the later report; a Pair
// keeps it.
func Compare(primary, backup Report) []Issue {
	issues := []Issue{}
	if primary.Status == StatusNoData || backup.Status == StatusNoData {
		return issues
	}
	at := primary.At
	if backup.At.After(at) {
		at = backup.At
	}
	for _, r := range pairRules {
		if p, b, differ := r.differ(&primary, &backup); differ {
			issues = append(issues, Issue{
				Type: r.Type, Severity: r.Severity,
				Measured: fmt.Sprintf("primary %s, backup %s", p, b), Limit: r.Limit,
				Since: at, Advice: r.Advice, YouTube: r.YouTube,
			})
		}
	}
	return issues
}

// pairRule is a Rule with how two reports are compared by it: what each shows,
// and whether that differs.
type pairRule struct {
	Rule
	differ func(p, b *Report) (primary, backup string, differ bool)
}

func pair(t Type, limit, advice string, differ func(p, b *Report) (string, string, bool)) pairRule {
	return pairRule{
		Rule: Rule{
			Type: t, Severity: SeverityWarning, YouTube: true,
			Limit: limit, Source: apiPage + "; the severity, and any tolerance, is ours",
			Advice: advice,
		},
		differ: differ,
	}
}

const sameSettings = "Give both encoders the same settings: YouTube switches between them without a warning."

var pairRules = []pairRule{
	pair(ResolutionMismatch, "the same size", sameSettings, func(p, b *Report) (string, string, bool) {
		known := p.Video.Width > 0 && b.Video.Width > 0
		return p.Video.size(), b.Video.size(), known && (p.Video.Width != b.Video.Width || p.Video.Height != b.Video.Height)
	}),
	pair(VideoCodecMismatch, "the same codec", sameSettings, func(p, b *Report) (string, string, bool) {
		return named(p.Video.Codec, b.Video.Codec)
	}),
	pair(VideoProfileMismatch, "the same profile", sameSettings, func(p, b *Report) (string, string, bool) {
		return named(p.Video.Profile, b.Video.Profile)
	}),
	pair(VideoInterlaceMismatch, "both progressive", sameSettings, func(p, b *Report) (string, string, bool) {
		known := p.Video.FPS > 0 && b.Video.FPS > 0
		return p.Video.scan(), b.Video.scan(), known && p.Video.Interlaced != b.Video.Interlaced
	}),
	pair(VideoBitrateMismatch, "within 25 %", sameSettings, func(p, b *Report) (string, string, bool) {
		return bitrate(p.Video.Bitrate), bitrate(b.Video.Bitrate), p.videoRated && b.videoRated && apart(float64(p.Video.Bitrate), float64(b.Video.Bitrate), bitrateTolerance)
	}),
	pair(FramerateMismatch, "within 2 %", sameSettings, func(p, b *Report) (string, string, bool) {
		return fmt.Sprintf("%.2f fps", p.Video.FPS), fmt.Sprintf("%.2f fps", b.Video.FPS), apart(p.Video.FPS, b.Video.FPS, fpsPairTolerance)
	}),
	pair(GOPMismatch, "within 10 %", sameSettings, func(p, b *Report) (string, string, bool) {
		return fmt.Sprintf("%.1f s", p.Video.GOP), fmt.Sprintf("%.1f s", b.Video.GOP),
			apart(p.Video.GOP, b.Video.GOP, gopPairTolerance) && math.Abs(p.Video.GOP-b.Video.GOP) > gopPairDifference
	}),
	pair(AudioCodecMismatch, "the same codec", sameSettings, func(p, b *Report) (string, string, bool) {
		return named(p.Audio.Codec, b.Audio.Codec)
	}),
	pair(AudioSampleRateMismatch, "the same rate", sameSettings, func(p, b *Report) (string, string, bool) {
		known := p.Audio.SampleRate > 0 && b.Audio.SampleRate > 0
		return kilohertz(p.Audio.SampleRate), kilohertz(b.Audio.SampleRate), known && p.Audio.SampleRate != b.Audio.SampleRate
	}),
	pair(AudioStereoMismatch, "the same channels", sameSettings, func(p, b *Report) (string, string, bool) {
		known := p.Audio.Channels > 0 && b.Audio.Channels > 0
		return fmt.Sprint(p.Audio.Channels), fmt.Sprint(b.Audio.Channels), known && p.Audio.Channels != b.Audio.Channels
	}),
	pair(AudioBitrateMismatch, "within 25 %", sameSettings, func(p, b *Report) (string, string, bool) {
		return bitrate(p.Audio.Bitrate), bitrate(b.Audio.Bitrate), p.audioRated && b.audioRated && apart(float64(p.Audio.Bitrate), float64(b.Audio.Bitrate), bitrateTolerance)
	}),
}

// named compares two names, where both are known.
func named(p, b string) (string, string, bool) { return p, b, p != "" && b != "" && p != b }

// apart reports whether two figures, where both are known, differ by more than
// a part of the larger.
func apart(p, b, tolerance float64) bool {
	return p > 0 && b > 0 && math.Abs(p-b) > tolerance*max(p, b)
}

func (v *Video) scan() string {
	if v.Interlaced {
		return "interlaced"
	}
	return "progressive"
}
