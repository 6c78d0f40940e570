package file

import (
	"errors"
	"fmt"
	"io"
	"time"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
)

// An flvDemuxer reads an FLV file. Its times are kept, composition times too.
type flvDemuxer struct {
	*Source
	r *flv.Reader

	video, audio   *format       // of what comes next; nil before its sequence header
	pictures       int           // so far
	last, interval time.Duration // DTS of the picture before, and how long it lasted
	other          string        // a video codec that is not ours
	heard          bool          // there is sound in it, of whatever codec
}

// openFLV returns what makes a demuxer of f for each round. The first reads on
// from where f is, so that a pipe can be played once.
func (s *Source) openFLV(f io.ReadSeeker) func() (demuxer, error) {
	again := false
	return func() (demuxer, error) {
		if again {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
		}
		again = true
		return &flvDemuxer{Source: s, r: flv.NewReader(f)}, nil
	}
}

func (d *flvDemuxer) next(it *item) error {
	for {
		tag, err := d.r.ReadTag()
		var enhanced *flv.EnhancedError
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			d.warn(cutOff, err)
			return d.ended()
		case errors.Is(err, io.EOF):
			return d.ended()
		case errors.As(err, &enhanced) && enhanced.Kind == flv.TypeVideo:
			d.other = codecName(enhanced.FourCC)
			continue
		case errors.As(err, &enhanced):
			d.unheard(fmt.Errorf("it is %s", codecName(enhanced.FourCC)))
			continue
		case err != nil:
			return err
		}
		var ok bool
		switch {
		case tag.Type == flv.TypeVideo:
			ok, err = d.picture(it, &tag)
		case tag.Type == flv.TypeAudio && d.sound != nil:
			ok, err = d.frame(it, &tag)
		}
		if ok || err != nil {
			return err
		}
	}
}

// ended is what next returns at the end of the file.
func (d *flvDemuxer) ended() error {
	if d.pictures == 0 && d.other != "" {
		return wrongVideo(d.other)
	}
	if d.sound != nil && !d.heard {
		d.warn(noSound, nil)
	}
	return io.EOF
}

// unheard says why the file's sound is not played.
func (d *flvDemuxer) unheard(err error) {
	d.heard = true
	if d.sound != nil {
		d.warn(noAAC, err)
	}
}

// picture fills it in from a video tag; ok is false where that is none.
func (d *flvDemuxer) picture(it *item, tag *flv.Tag) (ok bool, err error) {
	h, payload, err := flv.ParseVideo(tag.Body)
	if err != nil {
		return false, err
	}
	if h.CodecID != flv.CodecAVC {
		d.other = fmt.Sprintf("codec %d", h.CodecID)
		return false, nil
	}
	switch h.PacketType {
	case flv.AVCSequenceHeader:
		sps, pps, size, err := h264.ParseAVCC(payload)
		if err != nil {
			return false, err
		}
		d.video = &format{sets: append(sps, pps...), lengthSize: size}
		return false, nil
	case flv.AVCNALUs:
	default:
		return false, nil
	}
	if d.video == nil {
		return false, errors.New("a picture comes before the sequence header")
	}
	if d.pictures == 0 {
		d.last = tag.DTS
	}
	if tag.DTS > d.last {
		d.interval = tag.DTS - d.last
	}
	d.last = tag.DTS
	d.pictures++
	*it = item{key: tag.Keyframe, dts: tag.DTS, pts: tag.PTS, length: d.interval, format: d.video, body: payload, size: len(payload)}
	if it.length == 0 { // one picture so far: it lasts for one period
		it.length = d.period()
	}
	return true, nil
}

// frame fills it in from an audio tag; ok is false where that is none of AAC.
func (d *flvDemuxer) frame(it *item, tag *flv.Tag) (ok bool, err error) {
	h, payload, err := flv.ParseAudio(tag.Body)
	if err != nil {
		return false, err
	}
	d.heard = true
	if h.SoundFormat != flv.SoundAAC {
		d.unheard(fmt.Errorf("it is %s", soundName(h.SoundFormat)))
		return false, nil
	}
	switch h.PacketType {
	case flv.AACSequenceHeader:
		d.audio = nil
		config, err := aac.ParseConfig(payload)
		if err != nil {
			d.unheard(err)
			return false, nil
		}
		d.audio = &format{config: config}
		return false, nil
	case flv.AACRaw:
	default:
		return false, nil
	}
	if d.audio == nil || len(payload) == 0 {
		return false, nil
	}
	*it = item{sound: true, dts: tag.DTS, pts: tag.DTS, length: frameLength(d.audio.config), format: d.audio, body: payload, size: len(payload)}
	return true, nil
}

// soundName names a sound format of FLV [E.4.2.1].
func soundName(f flv.SoundFormat) string {
	switch f {
	case 0, 3:
		return "PCM"
	case 1:
		return "ADPCM"
	case 2, 14:
		return "MP3"
	case 4, 5, 6:
		return "Nellymoser"
	case 7, 8:
		return "G.711"
	case 11:
		return "Speex"
	}
	return fmt.Sprintf("sound format %d", f)
}
