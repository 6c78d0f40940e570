package health

import (
	"sync"
	"time"

	"venuecast/flv"
)

// Config is how a Judge works. What is zero takes its default.
type Config struct {
	// Window is what the verdict looks back on, and how long what is mended
	// stays named. It moves in tenths. Zero: 10 s.
	Window time.Duration
}

// A Judge judges the messages of one RTMP session. Its methods may be called
// concurrently. It takes the same memory whatever it is given.
type Judge struct {
	mu     sync.Mutex
	begin  time.Time     // of the first message; zero: none yet
	now    time.Duration // since begin, of the last message
	window window

	video    videoTrack
	audio    audioTrack
	metadata bool          // onMetaData has come
	media    bool          // a picture or a frame of audio has come
	first    time.Duration // the first of those
	last     time.Duration // the last of those
	pace     int64         // index of the slot in which video began

	facts facts       // of the last evaluation; here so that a rule does not make it escape
	since []time.Time // each rule's issue, zero where it does not stand

	status      Status
	statusSince time.Time
}

// NewJudge returns a Judge that has seen nothing.
func NewJudge(cfg Config) *Judge {
	if cfg.Window <= 0 {
		cfg.Window = 10 * time.Second
	}
	return &Judge{
		window: window{part: max(cfg.Window/slots, 1)},
		since:  make([]time.Time, len(streamRules)),
		status: StatusNoData,
	}
}

// Take looks at one message as it is on the wire: its type, its timestamp in
// milliseconds modulo 2^32, its body, and when it arrived or was written. It
// does not keep body, and allocates only when a header or a codec changes or
// the message is broken. Messages of other types are passed over. A time before
// that of an earlier call counts as that one.
func (j *Judge) Take(kind flv.TagType, timestamp uint32, body []byte, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.begin.IsZero() {
		j.begin, j.statusSince = at, at
	}
	t := max(at.Sub(j.begin), j.now)
	if int64(t/j.window.part) != j.window.index {
		j.evaluate(t)
	}
	j.now = t
	index := j.window.index
	s := j.window.at(t)
	if j.window.index != index {
		s.videoPeak = j.video.peak
	}

	videos, audios := j.video.figure.Pictures, j.audio.figure.Frames
	switch kind {
	case flv.TypeVideo:
		started := j.video.seen
		j.takeVideo(timestamp, body, t, s)
		if j.video.seen && !started {
			j.pace = j.window.index
		}
	case flv.TypeAudio:
		j.takeAudio(timestamp, body, t, s)
	case flv.TypeScript:
		if !j.metadata {
			_, err := flv.ParseMetadata(body)
			j.metadata = err == nil
		}
	}
	if j.video.figure.Pictures == videos && j.audio.figure.Frames == audios {
		return // no media
	}
	if !j.media {
		j.media, j.first = true, t
	} else if gap := t - j.last; gap > s.pause {
		s.pause = gap
		if gap >= slots*j.window.part {
			j.pace = j.window.index // there was no data; the pace is judged anew
		}
	}
	j.last = t
}

// skew is how far audio timestamps are ahead of video's, when one of them has
// just arrived and other is the clock of the other. Behind a pause they mean
// nothing.
func (j *Judge) skew(at time.Duration, other *clock) (time.Duration, bool) {
	if !other.seen || at-other.at > 2*time.Second {
		return 0, false
	}
	return time.Duration(int32(j.audio.stamp-j.video.stamp)) * time.Millisecond, true
}

// forgetVideo forgets what was measured of the pictures before a new sequence
// header.
func (j *Judge) forgetVideo() {
	j.video.gop = 0
	for i := range j.window.ring {
		s := &j.window.ring[i]
		s.video.span, s.video.holes, s.video.bytes, s.video.frames = 0, 0, 0, 0
		s.gops, s.gopSum, s.gopMax = 0, 0, 0
		s.open, s.interlaced, s.b = 0, 0, 0
	}
}

// forgetAudio forgets what was measured of the sound before a new sequence
// header.
func (j *Judge) forgetAudio() {
	for i := range j.window.ring {
		s := &j.window.ring[i]
		s.audio.span, s.audio.bytes, s.audio.frames = 0, 0, 0
		s.sound, s.silent, s.soundBytes = 0, 0, 0
	}
}

// evaluate gathers the facts of the time t since the first message and says
// since when each issue stands. Take calls it once each part of a window, so
// that an issue's beginning does not depend on who asks.
func (j *Judge) evaluate(t time.Duration) {
	at := j.begin.Add(t)
	j.gather(t)
	status := StatusGood
	if j.facts.noData {
		status = StatusNoData
	}
	for i := range streamRules {
		r := &streamRules[i]
		if j.facts.noData || !r.broken(&j.facts) {
			j.since[i] = time.Time{}
			continue
		}
		if j.since[i].IsZero() {
			j.since[i] = at
		}
		switch {
		case r.Severity == SeverityError:
			status = StatusBad
		case r.Severity == SeverityWarning && status == StatusGood:
			status = StatusOK
		}
	}
	if status != j.status {
		j.status, j.statusSince = status, at
	}
}

// Report judges what has arrived in the window before now. A now before the
// last message counts as that message's time.
func (j *Judge) Report(now time.Time) Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	report := Report{Status: StatusNoData, At: now, Issues: []Issue{}}
	if j.begin.IsZero() {
		return report
	}
	j.evaluate(max(now.Sub(j.begin), j.now))
	f := &j.facts
	report.Status, report.Since = j.status, j.statusSince
	report.Video, report.Audio = f.video, f.audio
	report.videoRated, report.audioRated = f.videoRated && j.video.gop > 0, f.audioRated
	report.Speed, report.Skew = f.speed, int(f.skew/time.Millisecond)
	for _, severity := range []Severity{SeverityError, SeverityWarning, SeverityInfo} {
		for i := range streamRules {
			if r := &streamRules[i]; !j.since[i].IsZero() && r.Severity == severity {
				report.Issues = append(report.Issues, r.issue(f, j.since[i]))
			}
		}
	}
	return report
}
