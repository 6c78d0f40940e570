// Package testcard is the source that needs no camera: the test card, in real
// time.
package testcard

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/h264"
	"venuecast/slate"
)

// Config is what the source delivers.
type Config struct {
	Card slate.Config

	// Epoch is zero on the clock of the access units' times, and carries a
	// monotonic reading, as [time.Now] does. Sources of one process share it.
	// Zero: the time of New.
	Epoch time.Time
}

// A Source delivers the test card.
type Source struct {
	encoder *slate.Encoder
	epoch   time.Time
	log     logrus.FieldLogger

	next    int64     // number of the picture that comes next, over all runs
	skipped int64     // pictures skipped and not reported yet
	quiet   time.Time // until when none are reported
}

// The keys of what is logged.
const keySkipped = "skipped_pictures"

// reportEvery is how often skipped pictures are reported at most: a box that
// is too slow skips all the time.
const reportEvery = 10 * time.Second

// New lays the card out. The error says all that is wrong with cfg.
func New(cfg Config, log logrus.FieldLogger) (*Source, error) {
	encoder, err := slate.NewEncoder(cfg.Card)
	if err != nil {
		return nil, err
	}
	if cfg.Epoch.IsZero() {
		cfg.Epoch = time.Now()
	}
	return &Source{encoder: encoder, epoch: cfg.Epoch, log: log}, nil
}

// Run delivers pictures in real time until ctx is done, and returns nil then.
// It calls emit from its own goroutine, with an access unit that is valid until
// emit returns. The first picture is due at once and is a keyframe.
//
// Every picture has its place on a schedule that is set when Run begins, and
// its DTS and PTS are that place, so they are evenly spaced whatever the timer
// does and do not drift. After a late wake-up, or an emit that took long, the
// pictures that were missed are skipped, with their places.
//
// Calls of Run must not overlap. One that follows another goes on counting
// pictures.
func (s *Source) Run(ctx context.Context, emit func(*h264.AccessUnit)) error {
	var (
		rate     = s.encoder.Rate()
		begin    = time.Now()
		first    = s.next
		keyframe = true
		au       h264.AccessUnit
		timer    = time.NewTimer(0)
	)
	defer timer.Stop()
	for i := int64(0); ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if ctx.Err() != nil { // select takes either where both are ready
			return nil
		}
		now := time.Now()
		if due := rate.Count(now.Sub(begin)); due > i {
			s.skipped += due - i
			i = due
		}
		s.report(now)

		s.next = first + i + 1
		s.encoder.Encode(&au, first+i, now, keyframe)
		keyframe = false
		au.DTS = begin.Sub(s.epoch) + rate.Time(i)
		au.PTS = au.DTS
		emit(&au)
		timer.Reset(time.Until(begin.Add(rate.Time(i + 1))))
	}
}

// report logs what was skipped since it last did.
func (s *Source) report(now time.Time) {
	if s.skipped == 0 || now.Before(s.quiet) {
		return
	}
	s.log.WithField(keySkipped, s.skipped).Warn("test card was late and skipped pictures")
	s.skipped, s.quiet = 0, now.Add(reportEvery)
}
