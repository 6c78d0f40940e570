package file

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// An mp4Demuxer reads the two tracks that are played of an MP4 file, once.
type mp4Demuxer struct {
	*Source
	video pictureStream
	audio frameStream
}

// openMP4 reads the header of an MP4 file and returns what makes a demuxer of
// it for each round.
func (s *Source) openMP4(r io.ReaderAt, size int64) (func() (demuxer, error), error) {
	m, err := openMovie(r, size)
	if err != nil {
		return nil, err
	}
	video, err := m.videoTrack()
	if err != nil {
		return nil, err
	}
	piece, err := m.survey(video)
	if err != nil {
		return nil, err
	}
	if early := scaled(video.start-piece.firstPTS, video.scale); early > time.Millisecond {
		s.log.WithField(keyEarly, early.Round(time.Millisecond)).Warn("its edit list begins between keyframes; playing from the one before")
	}
	var audio *track
	if s.sound != nil {
		if audio, err = m.audioTrack(); audio == nil && err == nil {
			s.warn(noSound, nil)
		} else if err != nil {
			s.warn(noAAC, err)
		}
	}
	return func() (demuxer, error) {
		in, err := m.samples(video)
		if err != nil {
			return nil, err
		}
		d := &mp4Demuxer{Source: s, video: pictureStream{track: video, in: in, piece: piece, shift: piece.shift, leading: piece.firstSync}}
		if audio != nil {
			if d.audio.in, err = m.samples(audio); err != nil {
				return nil, err
			}
			d.audio.track = audio
		}
		return d, nil
	}, nil
}

// videoTrack gives the track whose pictures are played: the first of H.264.
func (m *movie) videoTrack() (*track, error) {
	var other error
	var sound string
	for _, t := range m.tracks {
		if t.handler == "soun" && sound == "" && len(t.entries) > 0 {
			sound = t.entries[0].codec
		}
		if t.handler != "vide" {
			continue
		}
		err := t.unplayable
		for _, e := range t.entries {
			switch {
			case err != nil:
			case e.format != nil:
				return t, nil
			case e.err != nil:
				err = e.err
			default:
				err = wrongVideo(e.codec)
			}
		}
		if err == nil {
			err = fmt.Errorf("a video track without description: %w", errMalformed)
		}
		if other == nil {
			other = err
		}
	}
	switch {
	case other != nil:
		return nil, other
	case sound != "":
		return nil, fmt.Errorf("there is no video in it, only sound: %s", sound)
	}
	return nil, errors.New("there is no video in it")
}

// audioTrack gives the track whose sound is played: the first of AAC. It is nil
// where there is none, and err says what there is instead.
func (m *movie) audioTrack() (_ *track, err error) {
	for _, t := range m.tracks {
		if t.handler != "soun" {
			continue
		}
		if t.unplayable != nil {
			err = t.unplayable
			continue
		}
		for _, e := range t.entries {
			switch {
			case e.format != nil:
				return t, nil
			case err != nil:
			case e.err != nil:
				err = fmt.Errorf("it is %s: %w", e.codec, e.err)
			default:
				err = fmt.Errorf("it is %s", e.codec)
			}
		}
	}
	return nil, err
}

// samples gives the samples of a track from its first on.
func (m *movie) samples(t *track) (sampler, error) {
	p, err := m.progressive(t)
	if err != nil {
		return nil, err
	}
	c := &chain{header: p}
	if m.fragmented {
		c.behind = &fragments{m: m, t: t, at: m.moov.end}
	}
	return c, nil
}

// A chain gives the samples that the header names and then those of the
// fragments.
type chain struct {
	header *progressive
	behind *fragments // nil: there are none
}

func (c *chain) next(s *sample) error {
	if c.header != nil {
		err := c.header.next(s)
		if err != io.EOF || c.behind == nil {
			return err
		}
		c.behind.dts = c.header.dts
		c.header = nil
	}
	return c.behind.next(s)
}

// time is when a point of the track's media is presented.
func (t *track) time(ticks int64) time.Duration { return scaled(ticks-t.start, t.scale) + t.delay }

func (t *track) format(entry uint32) *format {
	if entry == 0 || int64(entry) > int64(len(t.entries)) {
		return nil
	}
	return t.entries[entry-1].format
}

// A piece is what is played of a video track, by its samples counted from 0.
type piece struct {
	// first is the sample to begin with: the keyframe that the first picture
	// of the edit list needs, and firstPTS when that is shown, in ticks.
	first     int
	firstPTS  int64
	firstSync bool
	last      int // the last one that is shown before the edit list ends

	// shift is how many ticks DTS has to be earlier, so that no picture is
	// shown before it is decoded: there may be negative offsets.
	shift int64
}

const (
	// maxSurvey is how many samples of the header are looked at before playing:
	// ten hours. What is behind them is played to its end.
	maxSurvey = 1 << 20

	// maxFragmentSurvey is how many there are of fragments, which lie scattered
	// over the file: half a minute. Reordering shows itself in less.
	maxFragmentSurvey = 1000
)

// survey looks through the samples of a video track for what has to be known
// before the first is played.
func (m *movie) survey(t *track) (p piece, err error) {
	in, err := m.samples(t)
	if err != nil {
		return p, err
	}
	p.last = -1
	limit := maxSurvey
	if m.fragmented {
		limit = maxFragmentSurvey
	}
	var s sample
	for i := 0; ; i++ {
		if i >= limit && (s.dts > t.start || i >= maxSurvey) {
			p.last = math.MaxInt
			return p, nil
		}
		if in.next(&s) != nil {
			return p, nil // playing finds the same and says so
		}
		pts := s.dts + s.offset
		if i == 0 || s.sync && pts <= t.start {
			p.first, p.firstPTS, p.firstSync = i, pts, s.sync
		}
		if pts < t.end {
			p.last = i
		}
		p.shift = max(p.shift, -s.offset)
	}
}

// A pictureStream gives the pictures of a track that are played.
type pictureStream struct {
	*track
	in      sampler
	piece   piece
	shift   int64
	number  int  // of the next sample
	leading bool // pictures may refer to others that are not played

	sample sample
	item   item
	ready  bool          // item is the next one
	err    error         // there is none
	end    time.Duration // when the last one is no longer shown
}

// peek gives the next picture; it stays until it is taken.
func (p *pictureStream) peek() error {
	for !p.ready && p.err == nil {
		s := &p.sample
		if p.err = p.in.next(s); p.err != nil {
			break
		}
		i := p.number
		p.number++
		if i > p.piece.last {
			p.err = io.EOF
			break
		}
		pts := s.dts + s.offset
		p.shift = max(p.shift, -s.offset)
		if i < p.piece.first {
			continue
		}
		if p.leading && i > p.piece.first {
			p.leading = s.dts-p.shift < p.piece.firstPTS
			if p.leading && pts < p.piece.firstPTS {
				continue // it refers to the pictures before the keyframe
			}
		}
		p.item = item{key: s.sync, dts: p.time(s.dts - p.shift), pts: p.time(pts), format: p.format(s.entry), at: s.at, size: s.length()}
		p.item.length = p.time(s.dts-p.shift+s.duration) - p.item.dts
		p.end = max(p.end, p.item.pts+p.item.length)
		p.ready = true
	}
	return p.err
}

// A frameStream gives the frames of a track that are heard. One without a track
// has none.
type frameStream struct {
	*track
	in     sampler
	sample sample
	item   item
	ready  bool
	err    error
}

// peek gives the next frame; it stays until it is taken.
func (f *frameStream) peek() error {
	if f.in == nil {
		return io.EOF
	}
	for !f.ready && f.err == nil {
		s := &f.sample
		if f.err = f.in.next(s); f.err != nil {
			break
		}
		pts := s.dts + s.offset
		if pts < f.start { // the encoder's priming
			continue
		}
		if pts >= f.end {
			f.err = io.EOF
			break
		}
		f.item = item{sound: true, dts: f.time(pts), pts: f.time(pts), format: f.format(s.entry), at: s.at, size: s.length()}
		if f.item.format != nil {
			f.item.length = frameLength(f.item.format.config)
		}
		f.ready = true
	}
	return f.err
}

func (d *mp4Demuxer) next(it *item) error {
	errVideo, errAudio := d.video.peek(), d.audio.peek()
	for _, err := range []error{errVideo, errAudio} {
		if err != nil && err != io.EOF {
			d.warn(cutOff, err)
		}
	}
	switch {
	case errVideo != nil && (errAudio != nil || d.audio.item.dts >= d.video.end):
		return io.EOF
	case errVideo == nil && (errAudio != nil || d.video.item.dts <= d.audio.item.dts):
		*it = d.video.item
		d.video.ready = false
	default:
		*it = d.audio.item
		d.audio.ready = false
	}
	return nil
}
