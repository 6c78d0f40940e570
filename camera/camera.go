// Package camera opens the source of the picture that the configuration names.
package camera

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/aac"
	"venuecast/camera/exec"
	"venuecast/camera/file"
	"venuecast/camera/testcard"
	"venuecast/h264"
	"venuecast/slate"
)

// A Source gives pictures; see broadcaster.FrameSource for what Run promises.
type Source interface {
	Run(ctx context.Context, emit func(*h264.AccessUnit)) error
}

// A LossCounter is a Source that can lose pictures, and counts them: how many
// it gave damaged, and how many it left out. It may be asked at any time.
type LossCounter interface {
	Losses() (damaged, dropped int64)
}

// An AudioCarrier is a Source whose recording has sound.
type AudioCarrier interface {
	// TakeAudio has Run give the sound to emit as well, from the goroutine
	// that gives the pictures, on their clock, and both together in the order
	// of their DTS. It is to be called before Run.
	TakeAudio(emit func(*aac.Frame))
}

// Check reports what can be told to be wrong with source before it is run.
func Check(source Source) error {
	if c, ok := source.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// Open returns the source that cfg names. It starts nothing. name is what the
// test card says whose it is; times are counted from epoch.
func Open(cfg Config, name string, epoch time.Time, log logrus.FieldLogger) (Source, error) {
	log = log.WithField("source", cfg.Source)
	var source Source
	var carrier AudioCarrier
	var err error
	switch cfg.Source {
	case SourceTestcard:
		return testcard.New(testcard.Config{
			Card: slate.Config{
				Width: cfg.Width, Height: cfg.Height, FPS: cfg.FPS,
				KeyframeInterval: cfg.KeyframeInterval, Bitrate: int64(cfg.Bitrate), Name: name,
			},
			Epoch: epoch,
		}, log)
	case SourceExec:
		source, err = exec.New(cfg.Exec, cfg.FPS, epoch, log)
	case SourceFile:
		var f *file.Source
		f, err = file.New(cfg.File, cfg.FPS, epoch, log)
		source = f
		if file.CarriesAudio(cfg.File.Path) {
			carrier = f
		}
	default:
		return nil, fmt.Errorf("open camera: unknown source %q", cfg.Source)
	}
	if err != nil {
		return nil, err
	}
	e := &expecting{Source: source, cfg: cfg, log: log}
	if carrier != nil {
		return &sounding{e, carrier}, nil
	}
	return e, nil
}

// sounding is an expecting whose source carries sound.
type sounding struct {
	*expecting
	AudioCarrier
}

// expecting holds a source that does not encode by our wishes to the
// configuration: where the stream is another, it says so, once for each.
type expecting struct {
	Source
	cfg Config
	log logrus.FieldLogger
	sps h264.NALU // looked at last
}

// Losses asks the source below; one that cannot tell has none.
func (e *expecting) Losses() (damaged, dropped int64) {
	if c, ok := e.Source.(LossCounter); ok {
		return c.Losses()
	}
	return 0, 0
}

// Check asks the source below.
func (e *expecting) Check() error { return Check(e.Source) }

func (e *expecting) Run(ctx context.Context, emit func(*h264.AccessUnit)) error {
	return e.Source.Run(ctx, func(au *h264.AccessUnit) {
		for _, n := range au.NALUs {
			if n.Type() == h264.TypeSPS && !bytes.Equal(n, e.sps) {
				e.sps = bytes.Clone(n)
				e.compare(n)
			}
		}
		emit(au)
	})
}

// rateTolerance is how far a rate may be off before it is another one: 29.97
// passes for 30.
const rateTolerance = 0.02

func (e *expecting) compare(n h264.NALU) {
	sps, err := h264.ParseSPS(n)
	if err != nil {
		return // the muxer says so
	}
	w, h := sps.Width(), sps.Height()
	if e.cfg.WidthAsked && w != e.cfg.Width || e.cfg.HeightAsked && h != e.cfg.Height {
		asked := fmt.Sprintf("%dx%d", e.cfg.Width, e.cfg.Height)
		switch {
		case !e.cfg.HeightAsked:
			asked = fmt.Sprintf("width %d", e.cfg.Width)
		case !e.cfg.WidthAsked:
			asked = fmt.Sprintf("height %d", e.cfg.Height)
		}
		e.log.Warnf("the configuration asks for a picture of %s, the stream has %dx%d", asked, w, h)
	}
	if rate := sps.FrameRate(); e.cfg.FPS != 0 && rate != 0 && math.Abs(rate/e.cfg.FPS-1) > rateTolerance {
		e.log.Warnf("the configuration asks for %g frames a second, the stream says %.4g", e.cfg.FPS, rate)
	}
}
