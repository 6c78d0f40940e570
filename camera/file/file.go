// Package file plays a recording as if it were a camera: H.264 in Annex B, FLV
// or MP4, paced in real time, with the AAC of those that have sound.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/aac"
	"venuecast/camera/frameclock"
	"venuecast/h264"
)

const (
	keyFile  = "file"
	keyLate  = "late"
	keyEarly = "early"
)

// lateBy is how far playing may fall behind, on a machine that slept or was
// busy, before it goes on from there instead of making up for it in a burst.
const lateBy = 500 * time.Millisecond

var errNoPicture = errors.New("no H.264 picture in it")

// A Source plays the file.
type Source struct {
	cfg   Config
	rate  float64
	epoch time.Time
	log   logrus.FieldLogger
	sound func(*aac.Frame) // nil: nobody takes it

	probing bool // only a picture that can be decoded is of interest, at once

	au    h264.AccessUnit
	base  time.Duration // on the capture's clock, where playing is at time 0
	timer *time.Timer
	told  map[string]bool // what has been warned of
}

// New returns a Source. rate, in frames a second, is for a file without times,
// 0 for what the stream says; times are counted from epoch.
func New(cfg Config, rate float64, epoch time.Time, log logrus.FieldLogger) (*Source, error) {
	if Format(cfg.Path) == "" {
		return nil, fmt.Errorf("play %s: unknown kind of file; want %s", cfg.Path, strings.Join(Extensions(), ", "))
	}
	return &Source{cfg: cfg, rate: rate, epoch: epoch, log: log.WithField(keyFile, filepath.Base(cfg.Path))}, nil
}

// TakeAudio has Run give the file's sound to emit, from the goroutine that
// gives the pictures, on the clock of the pictures, and both together in the
// order of their DTS. It is to be called before Run.
//
// Sound begins and ends with the picture: frames that begin before the first
// picture is shown, or would sound on when the file begins again, are left out.
// A file whose sound is none, or no AAC, is played without, and says so once.
func (s *Source) TakeAudio(emit func(*aac.Frame)) { s.sound = emit }

// The formats of files.
const (
	AnnexB = "annexb"
	FLV    = "flv"
	MP4    = "mp4"
)

// .m4v is MP4 by another name, and .mov, which cameras and telephones write,
// the format that MP4 was made from: they differ in how they describe sound.
var formats = []struct{ extension, format string }{
	{".h264", AnnexB}, {".264", AnnexB}, {".flv", FLV}, {".mp4", MP4}, {".m4v", MP4}, {".mov", MP4},
}

// Extensions is what the names of files that can be played end in.
func Extensions() (list []string) {
	for _, f := range formats {
		list = append(list, f.extension)
	}
	return list
}

// Format tells a file's format by its name, "" where it is none that can be
// played.
func Format(path string) string {
	for _, f := range formats {
		if strings.EqualFold(filepath.Ext(path), f.extension) {
			return f.format
		}
	}
	return ""
}

// CarriesAudio reports whether a file of that name can have sound.
func CarriesAudio(path string) bool {
	f := Format(path)
	return f == FLV || f == MP4
}

// Run gives the file's pictures to emit, each when it is due. It returns nil
// when ctx is done or, for a file that does not loop, behind the last picture.
func (s *Source) Run(ctx context.Context, emit func(*h264.AccessUnit)) error {
	s.base = time.Since(s.epoch)
	s.timer = time.NewTimer(0)
	defer s.timer.Stop()
	s.told = make(map[string]bool)
	if err := s.play(ctx, emit); err != nil && ctx.Err() == nil {
		return fmt.Errorf("play %s: %w", s.cfg.Path, err)
	}
	return nil
}

// Check reports what is wrong with the file, as far as its first picture tells.
func (s *Source) Check() error {
	log := logrus.New()
	log.SetOutput(io.Discard) // Run says it
	probe := &Source{cfg: Config{Path: s.cfg.Path}, rate: s.rate, epoch: time.Now(), log: log, probing: true}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return probe.Run(ctx, func(*h264.AccessUnit) { cancel() })
}

func (s *Source) play(ctx context.Context, emit func(*h264.AccessUnit)) error {
	f, err := os.Open(s.cfg.Path)
	if err != nil {
		return errors.Unwrap(err) // Run names the file
	}
	defer f.Close()
	p := &player{Source: s, file: f, emit: emit}
	switch Format(s.cfg.Path) {
	case FLV:
		p.open = s.openFLV(f)
	case MP4:
		info, err := f.Stat()
		if err != nil {
			return errors.Unwrap(err)
		}
		if p.open, err = s.openMP4(f, info.Size()); err != nil {
			return err
		}
	default:
		return s.playAnnexB(ctx, f, emit)
	}
	return p.run(ctx)
}

// due waits until it is at, counted from the start of playing, which that is on
// the capture's clock when base is added to it. It fails when ctx is done.
func (s *Source) due(ctx context.Context, at time.Duration) error {
	if s.probing {
		return ctx.Err()
	}
	wait := s.base + at - time.Since(s.epoch)
	if late := -wait; late > lateBy {
		s.log.WithField(keyLate, late.Round(time.Millisecond)).Warn("playing fell behind, going on from here")
		s.base += late
	}
	if wait > 0 {
		s.timer.Reset(wait)
		select {
		case <-s.timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// period is how long a picture lasts where nothing in the file says so.
func (s *Source) period() time.Duration {
	rate := s.rate
	if rate == 0 {
		rate = frameclock.DefaultRate
	}
	return time.Duration(float64(time.Second) / rate)
}

// warn says what there is to say about the file once, and not again in every
// round of its loop.
func (s *Source) warn(message string, err error) {
	log := s.log
	if err != nil {
		log = log.WithError(err)
	}
	if !s.told[message] {
		s.told[message] = true
		log.Warn(message)
	}
}

// What is said once of a file that is not as it was meant to be.
const (
	cutOff  = "the file was cut off or is damaged; playing what is there"
	damaged = "what the file holds is damaged; leaving out what cannot be played"
)
