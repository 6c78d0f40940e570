package health

import (
	"bytes"
	"time"

	"venuecast/aac"
	"venuecast/flv"
)

// audioTrack is what is known of the sound. It belongs to the Judge.
type audioTrack struct {
	clock
	codec  codecName
	figure Audio // what does not depend on the window

	header  []byte     // the last AudioSpecificConfig, at most maxHeader bytes
	config  aac.Config // what it says; its ObjectType is 0 where it cannot be read
	without time.Duration
}

func (j *Judge) takeAudio(stamp uint32, body []byte, at time.Duration, s *slot) {
	a := &j.audio
	if len(body) > 0 && body[0]>>4 == 9 {
		// Enhanced RTMP; see takeVideo.
		a.setCodec(codecName{enhanced: true, fourCC: fourCC(body)})
		if enhancedHeaders>>(body[0]&0x0f)&1 == 0 {
			j.sound(stamp, at, s, len(body))
		}
		return
	}
	h, payload, err := flv.ParseAudio(body)
	if err != nil {
		s.malformed++
		return
	}
	a.setCodec(codecName{id: uint8(h.SoundFormat)})
	if h.SoundFormat != flv.SoundAAC {
		a.figure.SampleRate, a.figure.Channels = soundRate(h), int(h.SoundType)+1
		j.sound(stamp, at, s, len(payload))
		return
	}
	switch h.PacketType {
	case flv.AACSequenceHeader:
		if a.header == nil || !bytes.Equal(payload, a.header) {
			if !a.setHeader(payload) {
				s.malformed++
			} else {
				j.forgetAudio()
			}
		}
	case flv.AACRaw:
		if len(payload) == 0 {
			return // some encoders send them as keepalive; nothing is in it
		}
		switch {
		case a.header == nil:
			s.headerless++
		case aac.IsSilent(payload, a.config):
			s.silent++
		default:
			s.sound++
			s.soundBytes += int64(len(payload))
		}
		j.sound(stamp, at, s, len(payload))
	default:
		s.malformed++
	}
}

// sound counts a frame of any codec.
func (j *Judge) sound(stamp uint32, at time.Duration, s *slot, size int) {
	a := &j.audio
	if a.seen {
		j.video.without += min(at-a.at, time.Second)
	}
	s.audio.count(a.next(stamp, at), size)
	a.figure.Frames++
	a.without = 0
	if lag, ok := j.skew(at, &j.video.clock); ok && (!s.lags || lag < s.lag) {
		s.lags, s.lag = true, lag
	}
}

func (a *audioTrack) setCodec(c codecName) {
	if c != a.codec || a.figure.Codec == "" {
		a.codec, a.figure = c, Audio{Codec: c.audio(), Frames: a.figure.Frames}
		a.header, a.config = nil, aac.Config{}
	}
}

// setHeader takes an AudioSpecificConfig, of which it keeps a copy. One that
// begins with an object type that the program does not read is named by that.
func (a *audioTrack) setHeader(b []byte) bool {
	if len(b) == 0 || len(b) > maxHeader {
		return false
	}
	a.header = append(make([]byte, 0, len(b)), b...)
	config, err := aac.ParseConfig(b)
	if err != nil {
		a.config = aac.Config{}
		a.figure.Codec = objectTypeName(b[0] >> 3)
		a.figure.SampleRate, a.figure.Channels = 0, 0
		return true
	}
	a.config = config
	a.figure.Codec = codecAACLC
	a.figure.SampleRate, a.figure.Channels = config.SampleRate, config.Channels()
	switch config.ExtensionType {
	case aac.ObjectTypeSBR:
		a.figure.Codec, a.figure.SampleRate = "HE-AAC", config.ExtensionSampleRate
	case aac.ObjectTypePS:
		a.figure.Codec, a.figure.SampleRate = "HE-AAC v2", config.ExtensionSampleRate
		a.figure.Channels = 2 // parametric stereo makes two of one
	}
	return true
}
