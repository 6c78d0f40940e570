package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
)

// A FrameSource is a camera, or what stands in for one.
type FrameSource interface {
	// Run gives access units to emit, one at a time and in decoding order,
	// with DTS that never go back, until ctx is done or the source is at its
	// end; then it returns nil, with everything stopped that it started. It
	// takes care of its own failures: an error says that it can never work.
	Run(ctx context.Context, emit func(*h264.AccessUnit)) error
}

// PumpConfig says what the tags announce.
type PumpConfig struct {
	Audio   AudioConfig
	Bitrate int64   // of the video, in bit/s; 0: nobody knows, and nothing is announced
	FPS     float64 // 0: what the stream says
	Encoder string  // what the metadata calls us
}

const (
	// longestFill is the longest pause of the camera that is filled with
	// silence; after a longer one sound goes on with the picture.
	longestFill = 10 * time.Second

	// keyframesWithin is how long a stream may go without a keyframe before
	// that is named.
	keyframesWithin = 10 * time.Second

	// assumedRate is announced where neither the configuration nor the stream
	// names one, in frames a second: what the sources assume as well.
	assumedRate = 30

	silentBitrate = 128e3 // what metadata calls the sound
)

// A Pump turns access units into tags, with silence beside them, and publishes
// them to a Hub.
type Pump struct {
	source FrameSource
	hub    *Hub
	cfg    PumpConfig
	log    logrus.FieldLogger

	video    flv.VideoMuxer
	audio    *flv.AudioMuxer
	silence  []byte
	tags     []flv.Tag // of a picture, reused
	sound    []flv.Tag // of a silent frame, reused
	metadata flv.Metadata

	audioBase  time.Duration // DTS of the silent frame number 0
	audioCount int64
	audioBegun bool

	lastKey   time.Duration // DTS of the last keyframe, or where it was missed
	firstSeen bool
	lastWarn  time.Duration

	pictures, keyframes, bytes, unusable atomic.Int64
	lastPicture                          atomic.Int64 // unix nanoseconds
}

// PumpStats are figures of a pump since it was started.
type PumpStats struct {
	Pictures, Keyframes int64
	Bytes               int64     // of the video tags' bodies
	Unusable            int64     // access units that could not be sent
	LastPicture         time.Time // when the last one came; zero: none yet
}

// NewPump returns a pump from source to hub.
func NewPump(source FrameSource, hub *Hub, cfg PumpConfig, log logrus.FieldLogger) (*Pump, error) {
	config := aac.Config{
		ObjectType: aac.ObjectTypeLC, SampleRate: cfg.Audio.SampleRate, ChannelConfig: uint8(cfg.Audio.Channels),
	}
	silence, err := aac.SilentFrame(cfg.Audio.SampleRate, cfg.Audio.Channels)
	if err != nil {
		return nil, fmt.Errorf("make silence: %w", err)
	}
	audio, err := flv.NewAudioMuxer(config)
	if err != nil {
		return nil, fmt.Errorf("make silence: %w", err)
	}
	return &Pump{source: source, hub: hub, cfg: cfg, log: log, audio: audio, silence: silence}, nil
}

// Run pumps until ctx is done or the source is at its end. It does not close
// the hub.
func (p *Pump) Run(ctx context.Context) error {
	return p.source.Run(ctx, p.accept)
}

// Stats gives the figures of now.
func (p *Pump) Stats() PumpStats {
	st := PumpStats{
		Pictures: p.pictures.Load(), Keyframes: p.keyframes.Load(),
		Bytes: p.bytes.Load(), Unusable: p.unusable.Load(),
	}
	if at := p.lastPicture.Load(); at != 0 {
		st.LastPicture = time.Unix(0, at)
	}
	return st
}

// accept takes one access unit from the source.
func (p *Pump) accept(au *h264.AccessUnit) {
	tags, err := p.video.Mux(p.tags[:0], au)
	p.tags = tags
	if err != nil {
		p.refuse(au, err)
		return
	}
	p.lastPicture.Store(time.Now().UnixNano())
	picture := &tags[len(tags)-1]
	p.pictures.Add(1)
	p.bytes.Add(int64(len(picture.Body)))
	if au.Keyframe {
		p.keyframes.Add(1)
	}
	p.watchKeyframes(au)
	if tags[0].Header {
		p.describe(au.DTS)
	}
	p.fillSilence(au.DTS)
	p.hub.Publish(tags...)
}

// refuse counts an access unit that cannot be sent, and says so now and then.
func (p *Pump) refuse(au *h264.AccessUnit, err error) {
	n := p.unusable.Add(1)
	if errors.Is(err, flv.ErrNoParameterSets) && n < 2 {
		p.log.Info("waiting for the camera's parameter sets")
		return
	}
	if n == 1 || au.DTS-p.lastWarn > time.Minute {
		p.lastWarn = au.DTS
		p.log.WithError(err).WithField(KeyCount, n).Warn("a picture of the camera cannot be sent")
	}
}

// watchKeyframes names a stream that nobody can join.
func (p *Pump) watchKeyframes(au *h264.AccessUnit) {
	if au.Keyframe || !p.firstSeen {
		p.firstSeen = true
		p.lastKey = au.DTS
		return
	}
	if au.DTS-p.lastKey > keyframesWithin {
		p.lastKey = au.DTS
		p.log.WithField(KeyWithin, keyframesWithin).
			Warn("no keyframes: the camera sends none, so nobody can begin to watch; set its keyframe interval to 2 s")
	}
}

// describe publishes metadata for the stream as its parameter sets have it now.
func (p *Pump) describe(dts time.Duration) {
	sps := p.video.SPS()
	rate := p.cfg.FPS
	if rate == 0 {
		rate = sps.FrameRate()
	}
	if rate == 0 {
		rate = assumedRate
	}
	m := flv.Metadata{
		Width: sps.Width(), Height: sps.Height(), FrameRate: rate,
		VideoDataRate: float64(p.cfg.Bitrate) / 1000, VideoCodecID: flv.CodecAVC,
		AudioDataRate: silentBitrate / 1000, AudioCodecID: flv.SoundAAC,
		AudioSampleRate: p.cfg.Audio.SampleRate, AudioSampleSize: 16, Stereo: p.cfg.Audio.Channels == 2,
		Encoder: p.cfg.Encoder,
	}
	if m == p.metadata {
		return
	}
	p.metadata = m
	p.hub.Publish(m.Tag(dts))
	p.log.WithFields(logrus.Fields{KeySize: fmt.Sprintf("%dx%d", m.Width, m.Height), KeyFPS: m.FrameRate}).
		Info("the camera's picture")
}

// fillSilence publishes silent frames up to the picture's time, so that sound
// ends where the picture does: their times are counted in samples, and never
// drift.
func (p *Pump) fillSilence(until time.Duration) {
	if !p.audioBegun || until-p.nextSilence() > longestFill {
		p.audioBegun, p.audioBase, p.audioCount = true, until, 0
	}
	for at := p.nextSilence(); at <= until; at = p.nextSilence() {
		tags, err := p.audio.Mux(p.sound[:0], p.silence, at)
		p.sound = tags
		if err != nil { // a frame of our own, of a few bytes: it fits
			p.log.WithError(err).Error("silence cannot be sent")
			return
		}
		p.hub.Publish(tags...)
		p.audioCount++
	}
}

func (p *Pump) nextSilence() time.Duration {
	samples := p.audioCount * aac.SamplesPerFrame
	rate := int64(p.cfg.Audio.SampleRate)
	// Whole seconds apart, or days of samples would overflow.
	return p.audioBase + time.Duration(samples/rate)*time.Second +
		time.Duration(samples%rate)*time.Second/time.Duration(rate)
}
