package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	// What silence is, until there has been real sound.
	SampleRate int // in Hz
	Channels   int

	AudioOffset time.Duration // shifts real sound; positive: later

	Bitrate int64   // of the video, in bit/s; 0: nobody knows, and nothing is announced
	FPS     float64 // 0: what the stream says
	Encoder string  // what the metadata calls us
}

const (
	// keyframesWithin is how long a stream may go without a keyframe before
	// that is named.
	keyframesWithin = 10 * time.Second

	// assumedRate is announced where neither the configuration nor the stream
	// names one, in frames a second: what the sources assume as well.
	assumedRate = 30
)

// A Pump turns access units into tags, with real sound or silence beside them,
// and publishes them to a Hub.
type Pump struct {
	source FrameSource
	hub    *Hub
	cfg    PumpConfig
	log    logrus.FieldLogger

	// Of the goroutine that gives the pictures.
	video     flv.VideoMuxer
	tags      []flv.Tag     // of a picture, reused
	lastKey   time.Duration // DTS of the last keyframe, or where it was missed
	firstSeen bool
	lastWarn  time.Duration

	mu       sync.Mutex // sound comes from another goroutine
	sound    *sound
	picture  flv.Metadata // what it says of the picture; zero before the first
	metadata flv.Metadata // published last

	pictures, keyframes, bytes, unusable atomic.Int64
	lastPicture                          atomic.Int64 // unix nanoseconds
}

// PumpStats are figures of a pump since it was started.
type PumpStats struct {
	Pictures, Keyframes int64
	Bytes               int64     // of the video tags' bodies
	Unusable            int64     // access units that could not be sent
	LastPicture         time.Time // when the last one came; zero: none yet

	Sound, Silence int64 // frames sent of each
	SoundDropped   int64 // frames of real sound that were too late, or could not be sent
}

// NewPump returns a pump from source to hub.
func NewPump(source FrameSource, hub *Hub, cfg PumpConfig, log logrus.FieldLogger) (*Pump, error) {
	sound, err := newSound(hub, cfg, log)
	if err != nil {
		return nil, err
	}
	p := &Pump{source: source, hub: hub, cfg: cfg, log: log, sound: sound}
	sound.describe = p.describe
	return p, nil
}

// Run pumps until ctx is done or the source is at its end. It does not close
// the hub.
func (p *Pump) Run(ctx context.Context) error {
	return p.source.Run(ctx, p.accept)
}

// RunAudio takes the sound of source, until ctx is done or the source is at its
// end. It may run beside Run; the pictures go on whatever becomes of it.
func (p *Pump) RunAudio(ctx context.Context, source AudioSource) {
	if err := source.Run(ctx, p.AcceptAudio); err != nil {
		p.log.WithError(err).Error("no sound: silence is sent instead")
	}
	p.AcceptAudio(&aac.Frame{})
}

// AcceptAudio takes one frame of real sound, as [AudioSource] describes them.
// It copies what it keeps, and may be called beside Run.
func (p *Pump) AcceptAudio(f *aac.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sound.take(f)
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
	p.mu.Lock()
	defer p.mu.Unlock()
	st.Sound, st.Silence, st.SoundDropped = p.sound.frames, p.sound.silentFrames, p.sound.dropped
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
	p.accompany(au.DTS, tags[0].Header)
	p.hub.Publish(tags...)
}

// accompany publishes what has to come before a picture: metadata where the
// stream has changed, and the sound up to it.
func (p *Pump) accompany(dts time.Duration, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if changed {
		p.see()
		p.describe(dts)
	}
	p.sound.show(dts)
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

// see takes what metadata says of the picture from the parameter sets of now.
func (p *Pump) see() {
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
		Encoder: p.cfg.Encoder,
	}
	if m == p.picture {
		return
	}
	p.picture = m
	p.log.WithFields(logrus.Fields{KeySize: fmt.Sprintf("%dx%d", m.Width, m.Height), KeyFPS: m.FrameRate}).
		Info("the camera's picture")
}

// describe publishes metadata for picture and sound as they are now, where that
// is news. Before the first picture there is nobody to begin with it.
func (p *Pump) describe(dts time.Duration) {
	if p.picture == (flv.Metadata{}) {
		return
	}
	m, audio := p.picture, p.sound.config
	m.AudioCodecID, m.AudioDataRate = flv.SoundAAC, p.sound.dataRate()
	m.AudioSampleRate, m.AudioSampleSize, m.Stereo = audio.SampleRate, 16, audio.Channels() == 2
	if m == p.metadata {
		return
	}
	p.metadata = m
	p.hub.Publish(m.Tag(dts))
}
