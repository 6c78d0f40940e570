package broadcaster

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/aac"
	"venuecast/flv"
)

// An AudioSource is where real sound comes from.
type AudioSource interface {
	// Run gives frames to emit, one at a time, with DTS on the pictures' clock
	// that never go back, until ctx is done or the source is at its end; then
	// it returns nil, with everything stopped that it started. It takes care of
	// its own failures: an error says that it can never work.
	//
	// A frame without Data says that no sound comes for now: silence takes over
	// at once, instead of when the next frame is overdue.
	Run(ctx context.Context, emit func(*aac.Frame)) error
}

const (
	// longestFill is the longest hole that is filled with silence; after a
	// longer one sound goes on with what comes.
	longestFill = 10 * time.Second

	// patience is how far behind the picture real sound may be before silence
	// takes its place; with a picture's time on top of it that is within
	// 200 ms. A source that delivers in bursts gets lateSlack more than its
	// longest delay of late.
	patience  = 120 * time.Millisecond
	lateSlack = 80 * time.Millisecond

	// latest is the longest delay that is learnt. A frame that is later still,
	// or ends up where silence has been sent, is left out.
	latest = 5 * time.Second

	// rememberLate is for how long a delay is remembered at the least.
	rememberLate = 10 * time.Second

	// roundingSlack is what times in milliseconds make of two frames that meet.
	roundingSlack = time.Millisecond

	// nameSilence is how long silence lasts before it is named.
	nameSilence = time.Second

	// maxHeld is how many frames are held back for an offset at the most: 2 s
	// of them at 96 kHz are 188.
	maxHeld = 512

	silentBitrate = 128e3 // what metadata calls silence
)

// sound makes one track of real sound and silence, without overlap and with
// nothing missing for longer than a frame. All of it is used under the pump's
// lock, as pictures and sound come from two goroutines.
type sound struct {
	hub      *Hub
	log      logrus.FieldLogger
	describe func(dts time.Duration) // announces what config has become
	offset   time.Duration           // of real sound

	muxer  *flv.AudioMuxer
	config aac.Config // of the tag published last
	tags   []flv.Tag  // of a frame, reused
	muxErr error      // logged last

	silence []byte // a frame of
	silent  aac.Config
	matched aac.Config // sound that silence was last to be like

	source  aac.Config // of the real sound that came last,
	refused error      // and why it cannot be sent

	picture  time.Duration // DTS of the newest
	begun    bool
	at       position      // behind what was published last,
	real     bool          // which was real sound
	realEnd  time.Duration // where real sound ended last
	heard    bool          // there has been real sound,
	lost     bool          // which is missing, and that was logged
	expected bool          // real sound goes on, as far as anybody knows
	late     lateness

	held  []aac.Frame // until their time comes; DTS with the offset
	spare [][]byte    // for their data

	frames, silentFrames, dropped int64
}

func newSound(hub *Hub, cfg PumpConfig, log logrus.FieldLogger) (*sound, error) {
	frame, err := aac.SilentFrame(cfg.SampleRate, cfg.Channels)
	if err != nil {
		return nil, fmt.Errorf("make silence: %w", err)
	}
	silent := silentConfig(cfg.SampleRate, cfg.Channels)
	muxer, err := flv.NewAudioMuxer(silent)
	if err != nil {
		return nil, fmt.Errorf("make silence: %w", err)
	}
	return &sound{hub: hub, log: log, offset: cfg.AudioOffset, muxer: muxer, config: silent, silence: frame, silent: silent}, nil
}

// dataRate is what metadata says of the sound's bit rate, in kbit/s: 0, nothing,
// of real sound, whose rate nobody has told, and a measured one would be news
// every few seconds.
func (s *sound) dataRate() float64 {
	if s.heard {
		return 0
	}
	return silentBitrate / 1000
}

// show takes note of a picture that is about to be published, and brings the
// sound up to it.
func (s *sound) show(dts time.Duration) {
	s.picture = dts
	s.release(dts)
	if s.expected {
		dts -= max(patience, s.late.longest(s.picture)+lateSlack)
	}
	s.fill(dts)
	if s.heard && !s.lost && s.at.end()-s.realEnd > nameSilence+s.late.longest(s.picture) {
		s.lost = true
		s.log.Warn("no sound comes: silence is sent instead")
	}
}

// take takes a frame of real sound.
func (s *sound) take(f *aac.Frame) {
	if len(f.Data) == 0 {
		s.expected = false
		return
	}
	if f.Config != s.source {
		s.source = f.Config
		if _, s.refused = f.Config.Marshal(); s.refused != nil {
			s.log.WithError(s.refused).WithField(KeyHint, "have it encode AAC-LC").Warn("the sound cannot be sent")
		} else {
			s.log.WithFields(logrus.Fields{KeyRate: f.Config.SampleRate, KeyChannels: f.Config.Channels()}).Info("the sound")
		}
	}
	if s.refused != nil {
		s.dropped++
		return
	}
	if s.offset <= 0 {
		s.send(f.Config, f.Data, f.DTS+s.offset)
		return
	}
	s.hold(f)
	// Where the pictures have stopped, sound goes on at its own pace.
	s.release(max(s.picture, f.DTS+frameTime(f.Config.SampleRate)))
}

// hold keeps a copy of f until its time comes.
func (s *sound) hold(f *aac.Frame) {
	var data []byte
	if n := len(s.spare); n > 0 {
		data, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	s.held = append(s.held, aac.Frame{Config: f.Config, Data: append(data[:0], f.Data...), DTS: f.DTS + s.offset})
}

// release sends the frames held back whose time has come.
func (s *sound) release(now time.Duration) {
	n := 0
	for ; n < len(s.held) && (s.held[n].DTS <= now || len(s.held)-n > maxHeld); n++ {
		f := &s.held[n]
		s.send(f.Config, f.Data, f.DTS)
		s.spare = append(s.spare, f.Data)
	}
	if n > 0 {
		kept := copy(s.held, s.held[n:])
		clear(s.held[kept:])
		s.held = s.held[:kept]
	}
}

// send publishes a frame of real sound, with silence before it where there
// would be a hole.
func (s *sound) send(config aac.Config, data []byte, dts time.Duration) {
	s.expected = true
	length := frameTime(config.SampleRate)
	if late := s.picture - dts - length; late < latest {
		s.late.saw(late, s.picture)
	}
	slack := roundingSlack
	if s.real { // the times of one source may jitter, and its frames still meet
		slack = length / 2
	}
	if s.begun && dts < s.at.end()-slack {
		s.dropped++
		return
	}
	if s.begun && dts-s.at.end() <= longestFill {
		s.fill(dts - frameTime(s.silent.SampleRate) + roundingSlack)
	}
	first := !s.heard
	s.heard = true
	if first && config == s.config {
		s.describe(dts)
	}
	if !s.publish(config, data, dts) {
		return
	}
	s.begun, s.real, s.at = true, true, position{base: dts, frames: 1, rate: config.SampleRate}
	s.realEnd = s.at.end()
	s.frames++
	if s.lost {
		s.lost = false
		s.log.Info("sound comes again")
	}
	if config != s.matched {
		s.match(config)
	}
}

// match makes silence like the sound before it, where there is such silence: who
// listens need not be told of another format then.
func (s *sound) match(config aac.Config) {
	s.matched = config
	frame, err := aac.SilentFrame(config.SampleRate, config.Channels())
	if err == nil && config == silentConfig(config.SampleRate, config.Channels()) {
		s.silence, s.silent = frame, config
	}
}

// silentConfig is the configuration of a silent frame.
func silentConfig(rate, channels int) aac.Config {
	return aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: rate, ChannelConfig: uint8(channels)}
}

// fill publishes silent frames up to the one that begins at until or before it:
// their times are counted in samples, and never drift.
func (s *sound) fill(until time.Duration) {
	if !s.begun || until-s.at.end() > longestFill {
		s.begun, s.at = true, position{base: until, rate: s.silent.SampleRate}
	}
	for at := s.at.end(); at <= until; at = s.at.end() {
		if s.at.rate != s.silent.SampleRate {
			s.at = position{base: at, rate: s.silent.SampleRate}
		}
		if !s.publish(s.silent, s.silence, at) {
			return
		}
		s.real = false
		s.at.frames++
		s.silentFrames++
	}
}

// publish publishes a frame, and before it what has to be known of it. It is
// false where that failed, and has been logged.
func (s *sound) publish(config aac.Config, frame []byte, dts time.Duration) bool {
	err := s.muxer.SetConfig(config)
	if err == nil && config != s.config {
		s.config = config
		s.describe(dts)
	}
	if err == nil {
		s.tags, err = s.muxer.Mux(s.tags[:0], frame, dts)
	}
	if err != nil {
		if s.dropped++; s.muxErr == nil || err.Error() != s.muxErr.Error() {
			s.muxErr = err
			s.log.WithError(err).Warn("a frame of sound cannot be sent")
		}
		return false
	}
	s.hub.Publish(s.tags...)
	return true
}

// A position is a point in the sound: so many frames behind a base.
type position struct {
	base   time.Duration
	frames int64
	rate   int // in Hz
}

func (p position) end() time.Duration {
	if p.frames == 0 {
		return p.base
	}
	samples, rate := p.frames*aac.SamplesPerFrame, int64(p.rate)
	// Whole seconds apart, or days of samples would overflow.
	return p.base + time.Duration(samples/rate)*time.Second + time.Duration(samples%rate)*time.Second/time.Duration(rate)
}

// frameTime is how long a frame sounds at rate Hz.
func frameTime(rate int) time.Duration {
	return aac.SamplesPerFrame * time.Second / time.Duration(rate)
}

// lateness learns how far behind the picture real sound comes.
type lateness struct {
	now, before time.Duration // the longest of these 10 s and of those before
	since       time.Duration // when these began
}

func (l *lateness) saw(d, at time.Duration) {
	l.age(at)
	l.now = max(l.now, d)
}

// longest is the longest delay of late.
func (l *lateness) longest(at time.Duration) time.Duration {
	l.age(at)
	return max(l.now, l.before)
}

func (l *lateness) age(at time.Duration) {
	if at-l.since > rememberLate {
		l.before, l.now, l.since = l.now, 0, at
	}
}
