package aac

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// configs feeds decoding, encoding and the fuzz seeds.
var configs = []struct {
	name   string
	config Config
	asc    []byte
}{
	{
		"LC 44.1 kHz stereo",
		Config{ObjectType: ObjectTypeLC, SampleRate: 44100, ChannelConfig: 2},
		// 00010 0100 0010 000: AAC-LC, index 4, 2 channels, no GASpecificConfig flag
		[]byte{0x12, 0x10},
	},
	{
		"LC 48 kHz mono",
		Config{ObjectType: ObjectTypeLC, SampleRate: 48000, ChannelConfig: 1},
		// 00010 0011 0001 000
		[]byte{0x11, 0x88},
	},
	{
		"LC 32 kHz 7.1",
		Config{ObjectType: ObjectTypeLC, SampleRate: 32000, ChannelConfig: 7},
		// 00010 0101 0111 000
		[]byte{0x12, 0xb8},
	},
	{
		"LC, a rate without an index",
		Config{ObjectType: ObjectTypeLC, SampleRate: 53000, ChannelConfig: 2},
		// 00010 1111 (0xcf08 in 24 bits) 0010 000
		[]byte{0x17, 0x80, 0x67, 0x84, 0x10},
	},
	{
		"HE-AAC 22.05 to 44.1 kHz stereo, explicit",
		Config{ObjectType: ObjectTypeLC, SampleRate: 22050, ChannelConfig: 2, ExtensionType: ObjectTypeSBR, ExtensionSampleRate: 44100},
		// 00101 0111 0010 0100 00010 000: SBR, index 7, 2 channels, index 4, AAC-LC
		[]byte{0x2b, 0x92, 0x08, 0x00},
	},
}

func TestConfig(t *testing.T) {
	for _, tt := range configs {
		t.Run(tt.name, func(t *testing.T) {
			asc, err := tt.config.Marshal()
			if err != nil || !bytes.Equal(asc, tt.asc) {
				t.Errorf("Marshal = % x, %v; want % x", asc, err, tt.asc)
			}
			got, err := ParseConfig(tt.asc)
			if err != nil || got != tt.config {
				t.Errorf("ParseConfig = %+v, %v; want %+v", got, err, tt.config)
			}
		})
	}
}

func TestParseConfigBackwardCompatibleSBR(t *testing.T) {
	// What ffmpeg writes behind a plain AAC-LC config: sync extension 0x2b7,
	// "SBR, not present".
	got, err := ParseConfig([]byte{0x12, 0x10, 0x56, 0xe5, 0x00})
	if want := configs[0].config; err != nil || got != want {
		t.Errorf("ParseConfig = %+v, %v; want %+v", got, err, want)
	}
}

func TestConfigRefused(t *testing.T) {
	lc := configs[0].config
	for name, change := range map[string]func(*Config){
		"zero":                   func(c *Config) { *c = Config{} },
		"Main":                   func(c *Config) { c.ObjectType = 1 },
		"rate beyond 24 bits":    func(c *Config) { c.SampleRate = 1 << 24 },
		"negative rate":          func(c *Config) { c.SampleRate = -1 },
		"reserved channels":      func(c *Config) { c.ChannelConfig = 8 },
		"unknown extension":      func(c *Config) { c.ExtensionType = 3 },
		"extension without rate": func(c *Config) { c.ExtensionType = ObjectTypeSBR },
		"rate without extension": func(c *Config) { c.ExtensionSampleRate = 48000 },
	} {
		c := lc
		change(&c)
		if b, err := c.Marshal(); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: Marshal = % x, %v; want ErrUnsupported", name, b, err)
		}
	}
	for name, asc := range map[string][]byte{
		"nothing":             {},
		"one byte":            {0x12},
		"960 samples a frame": {0x12, 0x14},
		"core coder":          {0x12, 0x12, 0, 0},
		"Main":                {0x0a, 0x10},
		"rate 0":              {0x17, 0x80, 0x00, 0x00, 0x10},
	} {
		if c, err := ParseConfig(asc); err == nil {
			t.Errorf("%s: ParseConfig(% x) = %+v, want an error", name, asc, c)
		}
	}
}

func TestChannels(t *testing.T) {
	for config, want := range []int{0, 1, 2, 3, 4, 5, 6, 8, 0} {
		if got := (Config{ChannelConfig: uint8(config)}).Channels(); got != want {
			t.Errorf("channel configuration %d: %d channels, want %d", config, got, want)
		}
	}
}

func TestConfigRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Config{
			ObjectType:    ObjectTypeLC,
			SampleRate:    rapid.IntRange(1, 1<<24-1).Draw(t, "rate"),
			ChannelConfig: rapid.Uint8Range(0, 7).Draw(t, "channels"),
			ExtensionType: rapid.SampledFrom([]ObjectType{0, ObjectTypeSBR, ObjectTypePS}).Draw(t, "extension"),
		}
		if want.ExtensionType != 0 {
			want.ExtensionSampleRate = rapid.IntRange(1, 1<<24-1).Draw(t, "extension rate")
		}
		asc, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseConfig(asc); err != nil || got != want {
			t.Fatalf("% x: %+v, %v; want %+v", asc, got, err, want)
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	for _, tt := range configs {
		f.Add(tt.asc)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		asc, err := c.Marshal()
		if err != nil {
			t.Fatalf("%+v was parsed from % x and cannot be written: %v", c, b, err)
		}
		if again, err := ParseConfig(asc); err != nil || again != c {
			t.Fatalf("%+v came back as %+v, %v", c, again, err)
		}
	})
}
