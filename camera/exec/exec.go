// Package exec takes the picture from a command: anything that writes H.264 in
// Annex B to its stdout.
package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/camera/foreign"
	"venuecast/camera/frameclock"
	"venuecast/h264"
	"venuecast/internal/child"
)

// Log fields.
const (
	keyCommand = "command"
	keyPID     = "pid"
	keyFPS     = "fps"
	keyWas     = "previous_fps"
	keyPause   = "pause"
	keyBegins  = "begins"
)

const (
	// silentFor is how long a command may write nothing before it counts as
	// hung and is replaced.
	silentFor = 10 * time.Second

	// lookEvery is how often a quiet pipe's command is looked after.
	lookEvery = 500 * time.Millisecond

	// joinWithin is how long a stream may go on without the keyframe that it
	// is needed to go on from after a damaged picture; a new command begins
	// with one.
	joinWithin = 10 * time.Second

	// nameWithin and nameAfter are for how long, and for how many bytes, a
	// command may write what is no picture before it is named.
	nameWithin = 5 * time.Second
	nameAfter  = 64 << 10
)

// A Source runs the command for as long as it is run itself.
type Source struct {
	cfg   Config
	rate  float64
	epoch time.Time
	log   logrus.FieldLogger

	clock    *frameclock.Clock
	sps      *h264.SPS // that the clock knows the rate of
	expected float64   // the rate that was announced or adopted last
	order    h264.Orderer
	au       h264.AccessUnit

	damaged, dropped atomic.Int64
}

// Losses is how many pictures were given damaged, because the command paused
// within them, and how many were left out since for want of a keyframe. It may
// be called at any time.
func (s *Source) Losses() (damaged, dropped int64) { return s.damaged.Load(), s.dropped.Load() }

// New returns a Source. rate is the configured one in frames a second, 0 for
// what the stream says; times are counted from epoch.
func New(cfg Config, rate float64, epoch time.Time, log logrus.FieldLogger) (*Source, error) {
	if len(cfg.Command) == 0 || cfg.Command[0] == "" {
		return nil, errors.New("open camera: no command to run; set camera.exec.command")
	}
	return &Source{cfg: cfg, rate: rate, epoch: epoch, log: log.WithField(keyCommand, cfg.Command[0])}, nil
}

// Run gives the command's pictures to emit, in the order of the stream, until
// ctx is done, and then returns nil. A command that ends or hangs is started
// again, in 250 ms at first and within 5 s if it keeps ending.
func (s *Source) Run(ctx context.Context, emit func(*h264.AccessUnit)) error {
	child.Keep(ctx, s.log, "no camera: its command is started again", func(ctx context.Context) error { return s.run(ctx, emit) })
	return nil
}

func (s *Source) now() time.Duration { return time.Since(s.epoch) }

// run runs the command once. Its error says why it ended.
func (s *Source) run(ctx context.Context, emit func(*h264.AccessUnit)) (err error) {
	c, err := child.Start(s.cfg.Command, s.log)
	if err != nil {
		return err
	}
	log := s.log.WithField(keyPID, c.PID())
	log.Info("camera command started")
	defer func() {
		status := c.Stop()
		if err == nil {
			err = child.Ended(status, c.LastLine())
		}
	}()
	// Whatever the pipe is waited for, ctx ends it: see read.
	stop := context.AfterFunc(ctx, func() { _ = c.Stdout.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	now := s.now()
	r := reader{source: s, pipe: c.Stdout, framer: h264.NewFramer(), emit: emit, started: now, lastRead: now, lastGiven: now}
	defer func() { r.report(log) }()
	for ctx.Err() == nil {
		switch err := r.read(ctx); {
		case r.foreign != "":
			return fmt.Errorf("what it writes is %s, want H.264 in Annex B; see its options for raw H.264, such as -f h264", r.foreign)
		case err == nil:
			if waited := s.now() - r.lastGiven; r.framer.Dropping() && waited > joinWithin {
				return fmt.Errorf("no keyframe within %v after a damaged picture; have it send one every 2 s", joinWithin)
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			select {
			case <-c.Exited():
				// What it has left behind holds the pipe open, and writes nothing.
				if c.Stop() == nil {
					r.flush()
				}
				return nil
			default:
			}
			if silent := s.now() - r.lastRead; silent > silentFor {
				return fmt.Errorf("nothing written for %v", silent.Round(time.Second))
			}
		default: // the end of the pipe, so of the command
			waitCtx, cancel := context.WithTimeout(ctx, time.Second)
			c.Wait(waitCtx) // or Stop would tell of a signal of its own
			cancel()
			// One that failed may have done so within a picture, which its
			// bytes do not tell.
			if c.Stop() == nil {
				r.flush()
			}
			return nil
		}
	}
	return nil
}

// reader takes pictures from one command's pipe.
type reader struct {
	source *Source
	pipe   *os.File
	framer *h264.Framer
	emit   func(*h264.AccessUnit)
	quiet  quietTime
	begun  bool // something has been read

	started, lastRead, lastGiven time.Duration // the command, bytes, a picture

	counted h264.FramerStats // in the source's losses
	head    []byte           // the first bytes, to name what is no H.264
	foreign string           // what they are the beginning of, if that is known
	usable  bool             // a picture has been given that refers to an SPS
	named   bool
}

// read waits for the pipe once: for bytes, or for the quiet that ends a
// picture. The error is os.ErrDeadlineExceeded after lookEvery of nothing.
func (r *reader) read(ctx context.Context) error {
	s := r.source
	until := lookEvery
	quiet, early := time.Duration(0), false
	if s.clock != nil && r.framer.CanEnd() {
		if quiet, early = r.quiet.wait(s.clock.Period(), s.now()); early {
			until = r.lastRead + quiet - s.now()
		}
	}
	_ = r.pipe.SetReadDeadline(time.Now().Add(until))
	if ctx.Err() != nil {
		return ctx.Err() // it may have come before the deadline was set
	}
	space := r.framer.Space()
	n, err := r.pipe.Read(space)
	heldUp := false
	if early && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && child.Buffered(r.pipe) > 0 {
		// We were held up, not the pipe: a deadline that has passed fails a
		// read whatever there is to read.
		early, heldUp = false, true
		_ = r.pipe.SetReadDeadline(time.Now().Add(lookEvery))
		n, err = r.pipe.Read(space)
	}
	if n > 0 {
		r.take(space[:n], heldUp)
		return nil
	}
	if early && errors.Is(err, os.ErrDeadlineExceeded) {
		r.framer.EndAccessUnit()
		r.deliver()
		return nil
	}
	return err
}

// take hands what was read to the framer and learns from the pause before it,
// unless it was we who were held up.
func (r *reader) take(b []byte, heldUp bool) {
	now := r.source.now()
	pause := now - r.lastRead
	before := r.framer.Stats().CutTooEarly
	if missing := foreign.HeadSize - len(r.head); missing > 0 {
		r.head = append(r.head, b[:min(len(b), missing)]...)
		if r.foreign = foreign.Format(r.head); r.foreign != "" {
			return
		}
	}
	r.framer.Filled(len(b), now)
	switch {
	case r.framer.Stats().CutTooEarly > before:
		r.quiet.tooEarly(pause, now)
		r.source.log.WithField(keyPause, pause.Round(time.Millisecond)).
			Warn("the camera command paused within a picture: one damaged picture was sent, and nothing more up to the next keyframe")
	case r.begun && !heldUp && r.framer.Continued():
		r.quiet.pause(pause, now)
	}
	r.begun = true
	r.lastRead = now
	r.deliver()
	r.name(now)
}

// name says, once, that what comes is no picture.
func (r *reader) name(now time.Duration) {
	if r.named || r.usable {
		return
	}
	st := r.framer.Stats()
	if st.SkippedBytes > nameAfter || (st.SkippedBytes > 0 || st.BadNALUs > 0) && now-r.started > nameWithin {
		r.named = true
		r.source.log.WithField(keyBegins, fmt.Sprintf("%.16q", r.head[:min(len(r.head), 16)])).
			Warn("what the camera command writes is not H.264 in Annex B")
	}
}

// deliver emits the pictures that are complete.
func (r *reader) deliver() {
	s := r.source
	for r.framer.Next(&s.au) {
		r.quiet.picture()
		r.lastGiven = r.lastRead
		slice, sps := r.framer.Slice()
		r.usable = r.usable || sps != nil
		s.stamp(slice, sps)
		r.emit(&s.au)
	}
	st := r.framer.Stats()
	s.damaged.Add(int64(st.CutTooEarly - r.counted.CutTooEarly))
	s.dropped.Add(int64(st.Dropped - r.counted.Dropped))
	r.counted = st
}

// flush emits what is left at the end of the pipe.
func (r *reader) flush() {
	r.framer.Flush()
	r.deliver()
}

// report says, once the command has ended, what was not sent of its stream.
func (r *reader) report(log logrus.FieldLogger) {
	if st := r.framer.Stats(); st != (h264.FramerStats{}) {
		log.WithFields(logrus.Fields{
			"cut_too_early": st.CutTooEarly, "dropped": st.Dropped,
			"skipped_bytes": st.SkippedBytes, "bad_nal_units": st.BadNALUs,
		}).Warn("some of the camera's stream was left out")
	}
}

// stamp gives the picture in s.au its times: the clock's for its arrival, and
// from that on by its place in the output order.
func (s *Source) stamp(slice *h264.SliceHeader, sps *h264.SPS) {
	if s.clock == nil || sps != nil && sps != s.sps {
		s.expect(slice, sps)
	}
	at, adopted := s.clock.Time(s.au.DTS)
	if adopted != 0 && s.sps != nil { // else it may be no picture at all
		s.log.WithFields(logrus.Fields{keyFPS: fmt.Sprintf("%.2f", adopted), keyWas: fmt.Sprintf("%.2f", s.expected)}).
			Warn("the camera's frame rate is another than expected: going on with what it delivers")
		s.expected = adopted
	}
	s.au.DTS, s.au.PTS = at, at
	if sps != nil {
		s.au.PTS += time.Duration(s.order.Delay(slice, sps, 1)) * s.clock.Period()
	}
}

// expect tells the clock what rate to expect: the configured one, else what
// the stream says.
func (s *Source) expect(slice *h264.SliceHeader, sps *h264.SPS) {
	rate := s.rate
	if rate == 0 && sps != nil {
		rate = sps.FrameRate()
	}
	if slice != nil && slice.FieldPic {
		rate *= 2 // each field is a picture
	}
	s.sps = sps
	switch {
	case s.clock == nil:
		s.clock = frameclock.New(rate)
	case s.rate == 0:
		s.clock.Expect(rate)
	default:
		return
	}
	s.expected = s.clock.Rate()
}

// String names the source for people.
func (s *Source) String() string { return "command " + strings.Join(s.cfg.Command[:1], " ") }
