// Package aac reads ADTS streams, reads and writes the AudioSpecificConfig, and
// makes silence, without decoding or encoding sound.
//
// Clause numbers are those of ISO/IEC 14496-3:2009.
package aac

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// SamplesPerFrame is how many samples of every channel one frame holds. Streams
// with frames of 960 samples exist for digital radio; [ParseConfig] refuses them.
const SamplesPerFrame = 1024

// ObjectType is the coding tool set of a stream [1.5.1.1, Table 1.17].
type ObjectType uint8

// The object types that the rest of the program tells apart.
const (
	ObjectTypeLC  ObjectType = 2
	ObjectTypeSBR ObjectType = 5  // HE-AAC: AAC-LC and spectral band replication
	ObjectTypePS  ObjectType = 29 // HE-AAC v2: HE-AAC and parametric stereo
)

// ErrUnsupported is wrapped by the errors about well-formed audio that the
// program does not carry.
var ErrUnsupported = errors.New("unsupported AAC")

// A Config says what a decoder must know before the first frame: the
// AudioSpecificConfig [1.6.2.1]. Two streams with equal Configs need no new
// sequence header between them.
type Config struct {
	// ObjectType of the core coder. Only AAC-LC has an AudioSpecificConfig
	// here; an ADTS header can also name Main, SSR and LTP.
	ObjectType ObjectType

	SampleRate int // of the core coder, in Hz

	// ChannelConfig is channelConfiguration [Table 1.19]. 0: a program config
	// element inside the stream lays the channels out.
	ChannelConfig uint8

	// ExtensionType is SBR or PS when the stream announces it explicitly, and
	// 0 otherwise; ExtensionSampleRate in Hz is what a decoder that knows the
	// extension delivers.
	ExtensionType       ObjectType
	ExtensionSampleRate int
}

// Channels is how many channels the core coder has; 0 when a program config
// element says so, or when ChannelConfig is a reserved value.
func (c Config) Channels() int {
	switch {
	case c.ChannelConfig == 7:
		return 8
	case c.ChannelConfig < 7:
		return int(c.ChannelConfig)
	}
	return 0
}

// Marshal returns the AudioSpecificConfig. The error wraps [ErrUnsupported] when
// c is not AAC-LC, with or without an SBR or PS extension.
func (c Config) Marshal() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("marshal AudioSpecificConfig: %w", err)
	}
	b, err := mpeg4audio.AudioSpecificConfig{
		Type:                mpeg4audio.ObjectType(c.ObjectType),
		SampleRate:          c.SampleRate,
		ChannelConfig:       c.ChannelConfig,
		ExtensionType:       mpeg4audio.ObjectType(c.ExtensionType),
		ExtensionSampleRate: c.ExtensionSampleRate,
	}.Marshal()
	if err != nil {
		return nil, fmt.Errorf("marshal AudioSpecificConfig: %w", err)
	}
	return b, nil
}

// check holds what Marshal writes and ParseConfig accepts to the same rules,
// which the library leaves to its caller: a sample rate that does not fit its 24
// bits would be cut short silently.
func (c Config) check() error {
	const maxRate = 1<<24 - 1 // samplingFrequency is a 24-bit field
	switch {
	case c.ObjectType != ObjectTypeLC:
		return fmt.Errorf("object type %d: %w: only AAC-LC is carried", c.ObjectType, ErrUnsupported)
	case c.SampleRate < 1 || c.SampleRate > maxRate:
		return fmt.Errorf("sample rate %d Hz: %w", c.SampleRate, ErrUnsupported)
	case c.ChannelConfig > 7:
		return fmt.Errorf("channel configuration %d: %w", c.ChannelConfig, ErrUnsupported)
	}
	switch c.ExtensionType {
	case 0:
		if c.ExtensionSampleRate != 0 {
			return fmt.Errorf("extension sample rate %d Hz without an extension: %w", c.ExtensionSampleRate, ErrUnsupported)
		}
	case ObjectTypeSBR, ObjectTypePS:
		if c.ExtensionSampleRate < 1 || c.ExtensionSampleRate > maxRate {
			return fmt.Errorf("extension sample rate %d Hz: %w", c.ExtensionSampleRate, ErrUnsupported)
		}
	default:
		return fmt.Errorf("extension object type %d: %w", c.ExtensionType, ErrUnsupported)
	}
	return nil
}

// ParseConfig reads an AudioSpecificConfig; bytes behind it are ignored, because
// encoders put backward compatible SBR signalling there [1.6.5.2].
func ParseConfig(b []byte) (Config, error) {
	var asc mpeg4audio.AudioSpecificConfig
	if err := asc.Unmarshal(b); err != nil {
		return Config{}, fmt.Errorf("parse AudioSpecificConfig of %d bytes: %w", len(b), err)
	}
	if asc.FrameLengthFlag || asc.DependsOnCoreCoder {
		return Config{}, fmt.Errorf("parse AudioSpecificConfig: %w: frames of 960 samples or a scalable coder", ErrUnsupported)
	}
	c := Config{
		ObjectType:          ObjectType(asc.Type),
		SampleRate:          asc.SampleRate,
		ChannelConfig:       asc.ChannelConfig,
		ExtensionType:       ObjectType(asc.ExtensionType),
		ExtensionSampleRate: asc.ExtensionSampleRate,
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("parse AudioSpecificConfig: %w", err)
	}
	return c, nil
}
