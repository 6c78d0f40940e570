package health

import (
	"math"
	"slices"
	"time"

	"venuecast/aac"
)

const (
	// enough is how many parts of a window must be known before a rate, a pace
	// or a skew is judged: 4 s of 10. A stream at half speed brings 5 s of
	// media in a window.
	enough = 4

	// settled is how many whole parts of arrival a pace is judged by, and
	// extremes how many of them, the fastest or the slowest, do not count: a
	// newcomer's first burst, a network that pauses and catches up.
	settled  = 6
	extremes = 3

	// recent is what a skew is judged by, so that a new one shows soon.
	recent = 3 * time.Second

	// absence is how long one of sound and picture comes without the other
	// before it is said to be missing.
	absence = 5 * time.Second
)

// facts is all that the rules look at, as of one time.
type facts struct {
	noData bool
	video  Video
	audio  Audio

	metadata, headerless bool
	malformed            int
	sinceFirst           time.Duration // media of any kind
	quiet                time.Duration // since the last of it
	pause                time.Duration // the longest in the window, the one that lasts included

	// The same of pictures and of sound alone, without one that lasts: that may
	// be its end.
	videoPause, audioPause time.Duration

	videoSeen, audioSeen       bool
	withoutVideo, withoutAudio time.Duration // that the other has been coming

	// A rate is rated where enough is known of it.
	videoRated, audioRated bool
	h264                   bool
	class                  *class // of the picture's size and rate, nil where unknown

	gop        time.Duration // the longest of those in the window, the last and the one that runs
	gopRunning bool          // gop is the one that runs
	gopMean    time.Duration // of those in the window
	gops       int
	orphan     bool

	speed      float64 // seconds of media a second, over the whole parts
	slow, fast float64 // the same, extremes left out; 1 where it is not known
	skew       time.Duration
	jump, back time.Duration // jump is the sum
}

// gather fills in j.facts as of t since the first message.
func (j *Judge) gather(t time.Duration) {
	w := &j.window
	f := &j.facts
	*f = facts{
		video: j.video.figure, audio: j.audio.figure,
		metadata:   j.metadata,
		noData:     !j.media || t-j.last >= slots*w.part,
		sinceFirst: t - j.first,
		quiet:      t - j.last,
		videoSeen:  j.video.seen, audioSeen: j.audio.seen,
		withoutVideo: j.video.without, withoutAudio: j.audio.without,
		h264: j.video.lengthSize > 0,
	}
	index := int64(t / w.part)
	sum := w.sum(index-slots, index)
	f.pause = max(f.quiet, sum.pause)
	f.malformed, f.headerless = sum.malformed, sum.headerless > 0
	f.videoPause, f.audioPause = sum.video.pause, sum.audio.pause
	f.jump, f.back = max(sum.video.jumps, sum.audio.jumps), max(sum.video.back, sum.audio.back)
	f.orphan = sum.orphan || j.video.seen && !j.video.keyframes
	f.skew = w.skew(index, &sum)

	f.video.Interlaced, f.video.BPictures, f.video.OpenGOP = sum.interlaced > 0, sum.b > 0, sum.open > 0
	f.video.FPS, f.video.Bitrate = sum.video.rates()
	f.videoRated = sum.video.span >= enough*w.part
	if f.videoRated && f.h264 {
		f.class = classOf(f.video.Width, f.video.Height, f.video.FPS)
	}
	f.video.FPS *= j.present(t, &sum)
	j.gatherGOP(&sum)
	j.gatherAudio(&sum)
	j.gatherPace(index)
}

// present is the part of the time, holes included, in which pictures came. The
// hole that lasts counts as well.
func (j *Judge) present(t time.Duration, sum *slot) float64 {
	length := slots * j.window.part
	holes := min(sum.video.holes, length)
	if quiet := t - j.video.at; j.video.seen && quiet > j.video.gapLimit() {
		holes = min(holes+quiet, length)
	}
	if holes == 0 {
		return 1
	}
	return sum.video.span.Seconds() / (sum.video.span + holes).Seconds()
}

// gatherGOP fills in how far keyframes are apart.
func (j *Judge) gatherGOP(sum *slot) {
	f := &j.facts
	// The last one is in force until there is another, however long that takes.
	f.gops, f.gop = sum.gops, max(sum.gopMax, j.video.gop)
	if f.gops > 0 {
		f.gopMean = sum.gopSum / time.Duration(f.gops)
	}
	f.video.GOP = f.gop.Seconds()
	if j.video.counting {
		if running := j.video.dts - j.video.key; running > f.gop {
			f.gop, f.gopRunning = running, true
		}
		if j.video.gop > 0 { // else it may be anything yet
			f.video.GOP = max(f.video.GOP, f.gop.Seconds())
		}
	}
}

// clampInt is v as an int, which has 32 bits on some machines.
func clampInt(v float64) int { return int(min(v, math.MaxInt32)) }

// gatherAudio fills in the rate of what sounds. Frames of AAC tell how long
// they are; of other codecs the timestamps must.
func (j *Judge) gatherAudio(sum *slot) {
	f, w := &j.facts, &j.window
	rate := j.audio.config.SampleRate
	if rate == 0 {
		_, f.audio.Bitrate = sum.audio.rates()
		f.audioRated = sum.audio.span >= enough*w.part
		return
	}
	length := func(frames int64) time.Duration {
		return time.Duration(float64(frames) * aac.SamplesPerFrame / float64(rate) * float64(time.Second))
	}
	if d := length(sum.sound); d >= time.Second {
		f.audio.Bitrate = clampInt(float64(sum.soundBytes) * 8 / d.Seconds())
		f.audioRated = d >= enough*w.part
	}
	f.audio.Silent = sum.sound == 0 && length(sum.silent) >= enough*w.part
}

// gatherPace compares media time with arrival time over the whole parts of the
// window in which video has been coming. A stream without video is judged by
// nothing, but its speed is shown.
func (j *Judge) gatherPace(index int64) {
	f, w := &j.facts, &j.window
	f.slow, f.fast = 1, 1
	var parts [slots]time.Duration
	var sum, peak time.Duration // peak is the highest that media was ahead before
	n, peaked := 0, false
	for i := max(index-slots, j.pace+1); i < index; i++ {
		if s := w.slot(i); s != nil {
			if !peaked {
				peak, peaked = s.videoPeak, true
			}
			parts[n] = s.video.media
			if !j.video.seen {
				parts[n] = s.audio.media
			}
		}
		sum += parts[n]
		n++
	}
	if n < enough {
		return
	}
	per := func(media time.Duration, n int) float64 {
		return media.Seconds() / (time.Duration(n) * w.part).Seconds()
	}
	f.speed = per(sum, n)
	if n < settled || !j.video.spaced {
		return
	}
	known := parts[:n]
	slices.Sort(known)
	var lowest, highest time.Duration
	for i := range extremes {
		lowest += known[i]
		highest += known[n-1-i]
	}
	f.slow = per(sum-lowest, n-extremes)
	if j.video.ahead > peak+jumpLimit { // else it only catches up
		f.fast = per(sum-highest, n-extremes)
	}
}
