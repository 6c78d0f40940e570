package flv

import (
	"errors"
	"fmt"
	"time"

	"venuecast/aac"
)

// soundByte is the first byte of every AAC tag. The rate, size and type in it
// are fixed, whatever the stream is: 44 kHz, 16 bit, stereo [E.4.2.1].
const soundByte = byte(SoundAAC)<<4 | 3<<2 | 1<<1 | 1

var errADTS = errors.New("frame begins with an ADTS header: a raw data block is wanted")

// An AudioMuxer turns the frames of one AAC stream into tags. Calls must not
// overlap.
type AudioMuxer struct {
	config aac.Config
	asc    []byte
	header bool // the next frame needs a sequence header before it
}

// NewAudioMuxer returns a muxer for frames of config. It fails when config has
// no AudioSpecificConfig.
func NewAudioMuxer(config aac.Config) (*AudioMuxer, error) {
	m := new(AudioMuxer)
	if err := m.SetConfig(config); err != nil {
		return nil, err
	}
	return m, nil
}

// SetConfig says what the frames from here on are. Where that is news, the next
// frame has a sequence header before it. On an error nothing changes.
func (m *AudioMuxer) SetConfig(config aac.Config) error {
	if m.asc != nil && config == m.config {
		return nil
	}
	asc, err := config.Marshal()
	if err != nil {
		return fmt.Errorf("configure audio muxer: %w", err)
	}
	m.config, m.asc, m.header = config, asc, true
	return nil
}

// Mux appends the tags of frame, one raw_data_block, to dst: a sequence header
// first when the configuration is new, then the frame. It copies frame, with one
// allocation a tag beyond growing dst. On an error dst comes back as it was: an
// empty frame, one of 16 MiB or more, or one that still has its ADTS header.
func (m *AudioMuxer) Mux(dst []Tag, frame []byte, dts time.Duration) ([]Tag, error) {
	switch {
	case len(frame) == 0:
		return dst, fmt.Errorf("mux audio frame: %w: empty", ErrMalformed)
	case len(frame) > maxBodySize-audioHeaderSize:
		return dst, fmt.Errorf("mux audio frame: %w", ErrBodyTooLarge)
	case len(frame) > 1 && frame[0] == 0xff && frame[1]&0xf6 == 0xf0:
		// Unmistakable: as a raw data block this would be one that ends
		// before it began (id_syn_ele END).
		return dst, fmt.Errorf("mux audio frame: %w", errADTS)
	}
	if m.header {
		dst = append(dst, audioTag(AACSequenceHeader, m.asc, dts))
		m.header = false
	}
	return append(dst, audioTag(AACRaw, frame, dts)), nil
}

func audioTag(pt AACPacketType, payload []byte, dts time.Duration) Tag {
	body := make([]byte, audioHeaderSize+len(payload))
	body[0], body[1] = soundByte, byte(pt)
	copy(body[audioHeaderSize:], payload)
	return Tag{Type: TypeAudio, DTS: dts, PTS: dts, Header: pt == AACSequenceHeader, Body: body}
}
