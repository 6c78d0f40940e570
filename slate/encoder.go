package slate

import (
	"errors"
	"fmt"
	"time"

	"venuecast/h264"
)

// Config is what the test card shall be. What is zero takes its default.
type Config struct {
	// Width and Height in luma samples, both even, 16 to 1920. Both zero:
	// 1280x720.
	Width, Height int

	// FPS is pictures a second, 0.01 to 60; see NewRate for 29.97 and its
	// like. Zero: 30.
	FPS float64

	// KeyframeInterval is kept to the nearest picture. Zero: 2 s.
	KeyframeInterval time.Duration

	// Bitrate is in bits a second, and met by padding, start codes or lengths
	// of 4 bytes included. Zero: no padding, about 0.2 Mbit/s at 720p30.
	Bitrate int64

	// Name is what the card says whose it is, as far as it fits in. The font
	// has A-Z, 0-9, and - . : _ ; other characters are boxes. Empty: no name.
	Name string
}

const (
	maxSide = 1920

	// maxPicture is what one picture may be padded to, in bytes: half of what
	// the 24 bits of an RTMP message's length reach.
	maxPicture = 8 << 20
)

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if c.Width == 0 && c.Height == 0 {
		c.Width, c.Height = 1280, 720
	}
	if c.FPS == 0 {
		c.FPS = 30
	}
	if c.KeyframeInterval == 0 {
		c.KeyframeInterval = 2 * time.Second
	}
	return c
}

// An Encoder draws and encodes the test card. Its methods must not be called
// concurrently.
type Encoder struct {
	rate     Rate
	interval int64 // pictures from one keyframe to the next

	canvas *canvas
	card   *card
	coder  coder
	padder *padder

	sps, pps h264.NALU
	group    int64 // of pictures between keyframes, the last one begun; -1 at first
}

// NewEncoder lays the card out and writes its parameter sets. The error says
// all that is wrong with cfg.
func NewEncoder(cfg Config) (*Encoder, error) {
	cfg = cfg.withDefaults()
	var errs []error
	for _, side := range []struct {
		name string
		size int
	}{{"width", cfg.Width}, {"height", cfg.Height}} {
		if side.size < 16 || side.size > maxSide || side.size%2 != 0 {
			errs = append(errs, fmt.Errorf("test card: %s %d: must be even, 16 to %d", side.name, side.size, maxSide))
		}
	}
	if cfg.KeyframeInterval < 0 {
		errs = append(errs, fmt.Errorf("test card: keyframe interval %v: must not be negative", cfg.KeyframeInterval))
	}
	if cfg.Bitrate < 0 {
		errs = append(errs, fmt.Errorf("test card: bit rate %d: must not be negative", cfg.Bitrate))
	}
	rate, err := NewRate(cfg.FPS)
	if err != nil {
		errs = append(errs, fmt.Errorf("test card: %w", err))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}

	c := newCanvas(cfg.Width, cfg.Height)
	level, err := levelFor(c.mbw, c.mbh, rate, cfg.Bitrate)
	if err != nil {
		return nil, fmt.Errorf("test card: %w", err)
	}
	if float64(cfg.Bitrate)/8/cfg.FPS > maxPicture {
		return nil, fmt.Errorf("test card: bit rate %d at %v pictures a second: a picture must not be over %d bytes", cfg.Bitrate, cfg.FPS, maxPicture)
	}
	return &Encoder{
		rate:     rate,
		interval: rate.Pictures(cfg.KeyframeInterval),
		canvas:   c,
		card:     newCard(c, cfg.Name, rate),
		padder:   newPadder(cfg.Bitrate, rate),
		sps:      sps(c, rate, level),
		pps:      pps(),
		group:    -1,
	}, nil
}

// Rate is how many pictures a second are to be made.
func (e *Encoder) Rate() Rate { return e.rate }

// Encode makes picture n of the card, on which it shows n and now, and puts
// it into au: NALUs, which are valid until the next call, and Keyframe. It
// leaves au's times alone.
//
// n is 0 or more and rises from call to call, by 1 or, where pictures were not
// made in time, by more. Every KeyframeInterval a new group of pictures begins,
// counted from picture 0, and the first picture made of it is a keyframe: an
// IDR picture with its parameter sets. The first call makes a keyframe too, and
// so does keyframe.
func (e *Encoder) Encode(au *h264.AccessUnit, n int64, now time.Time, keyframe bool) {
	e.card.draw(n, now)
	if group := n / e.interval; group != e.group {
		e.group, keyframe = group, true
	}
	slice := e.coder.code(e.canvas, keyframe)

	size := framing + len(slice)
	au.Keyframe = keyframe
	au.NALUs = au.NALUs[:0]
	if keyframe {
		au.NALUs = append(au.NALUs, e.sps, e.pps)
		size += 2*framing + len(e.sps) + len(e.pps)
	}
	if sei := e.padder.next(size); sei != nil {
		au.NALUs = append(au.NALUs, sei)
	}
	au.NALUs = append(au.NALUs, slice)
}

// AppendYUV appends to dst what a decoder makes of the last picture, sample
// for sample: the planes Y, Cb and Cr, 4:2:0, cropped, without padding.
func (e *Encoder) AppendYUV(dst []byte) []byte { return e.canvas.appendYUV(dst) }
