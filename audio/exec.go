package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/aac"
	"venuecast/internal/child"
)

// Log fields.
const (
	keyCommand = "command"
	keyPID     = "pid"
	keyBegins  = "begins"
	keyHint    = "hint"
	keySkipped = "skipped_bytes"
	keySound   = "sound"
	keyWithin  = "within"
)

const (
	// silentFor is how long a command may write nothing before it counts as
	// hung and is replaced.
	silentFor = 10 * time.Second

	// lookEvery is how often a quiet pipe's command is looked after.
	lookEvery = 100 * time.Millisecond

	// repeatEvery is how often a command that writes what is of no use is named
	// again.
	repeatEvery = 5 * time.Minute

	// nameWithin is for how long a command may write what is no sound before
	// it is named.
	nameWithin = 5 * time.Second
)

// A command is a Source that runs one for as long as it is run itself.
type command struct {
	cfg   ExecConfig
	epoch time.Time
	log   logrus.FieldLogger

	clock  clock
	pace   pace
	frame  aac.Frame
	config aac.Config // judged last,
	refuse error      // and what is wrong with it
	said   map[string]time.Time
}

func newCommand(cfg ExecConfig, epoch time.Time, log logrus.FieldLogger) *command {
	return &command{cfg: cfg, epoch: epoch, log: log.WithField(keyCommand, cfg.Command[0]), said: map[string]time.Time{}}
}

// Run gives the command's frames to emit until ctx is done, and then returns
// nil. A command that ends or hangs is started again.
func (s *command) Run(ctx context.Context, emit func(*aac.Frame)) error {
	child.Keep(ctx, s.log, "no sound: its command is started again", func(ctx context.Context) error { return s.run(ctx, emit) })
	return nil
}

// String names the source for people.
func (s *command) String() string { return "command " + s.cfg.Command[0] }

func (s *command) now() time.Duration { return time.Since(s.epoch) }

// run runs the command once. Its error says why it ended.
func (s *command) run(ctx context.Context, emit func(*aac.Frame)) error {
	c, err := child.Start(s.cfg.Command, s.log)
	if err != nil {
		return err
	}
	log := s.log.WithField(keyPID, c.PID())
	log.Info("audio command started")
	// Whatever the pipe is waited for, ctx ends it: see pipe.Read.
	stop := context.AfterFunc(ctx, func() { _ = c.Stdout.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	in := &pipe{ctx: ctx, file: c.Stdout, lastRead: time.Now()}
	frames := aac.NewADTSReader(in)
	s.clock.begin()
	err = s.read(in, frames, c.Exited(), emit)
	// At once, as to end the command may take a while.
	s.frame = aac.Frame{}
	emit(&s.frame)
	if errors.Is(err, io.EOF) { // or Stop would tell of a signal of its own
		waitCtx, cancel := context.WithTimeout(ctx, time.Second)
		c.Wait(waitCtx)
		cancel()
	}
	status := c.Stop()
	if n := frames.Skipped(); n > 0 {
		log.WithField(keySkipped, n).Warn("some of what the audio command wrote was no sound")
	}
	if errors.Is(err, io.EOF) {
		return child.Ended(status, c.LastLine())
	}
	return err
}

// read gives the frames of one command to emit until it has no more, with
// [io.EOF], or is to be replaced.
func (s *command) read(in *pipe, frames *aac.ADTSReader, exited <-chan struct{}, emit func(*aac.Frame)) error {
	started, any := time.Now(), false
	for {
		data, header, err := frames.Next()
		switch {
		case err == nil:
			any = true
			s.take(data, header.Config, emit)
		case in.ctx.Err() != nil:
			return in.ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			select {
			case <-exited: // what it has left behind holds the pipe open
				return io.EOF
			default:
			}
			if quiet := time.Since(in.lastRead); quiet > silentFor {
				return fmt.Errorf("nothing written for %v", quiet.Round(time.Second))
			}
		case errors.Is(err, aac.ErrUnsupported):
			s.complain(err, logrus.Fields{keyHint: "have it write one raw data block a frame, as encoders do unless told otherwise"})
		case errors.Is(err, aac.ErrNotADTS):
			s.notADTS(in)
		default: // the end of the pipe, also within a frame
			return io.EOF
		}
		if !any && frames.Skipped() > 0 && time.Since(started) > nameWithin {
			s.notADTS(in)
		}
	}
}

// take gives a frame its time, and gives it to emit.
func (s *command) take(data []byte, config aac.Config, emit func(*aac.Frame)) {
	if config != s.config {
		s.config = config
		_, s.refuse = config.Marshal()
	}
	if s.refuse != nil {
		s.complain(s.refuse, logrus.Fields{keyHint: "have it encode AAC-LC; ffmpeg: -c:a aac"})
		return
	}
	now := s.now()
	at, anew, ok := s.clock.time(now, config.SampleRate)
	if ahead, over := s.pace.frame(now, config.SampleRate, anew); ahead != 0 {
		s.offPace(ahead, over)
	}
	if ok {
		s.frame = aac.Frame{Config: config, Data: data, DTS: at}
		emit(&s.frame)
	}
}

// offPace says that the command gives more sound than time passes, or less.
func (s *command) offPace(ahead, over time.Duration) {
	err, hint := errors.New("it writes faster than it sounds"), "have it keep time; ffmpeg: -re before -i"
	if ahead < 0 {
		err, hint = errors.New("it writes slower than it sounds"), "is the box too slow, or what the command reads from?"
	}
	s.complain(err, logrus.Fields{keySound: (over + ahead).Round(time.Second), keyWithin: over.Round(time.Second), keyHint: hint})
}

// notADTS says that what comes is not what is read here.
func (s *command) notADTS(in *pipe) {
	s.complain(errors.New("it is not AAC in ADTS"), logrus.Fields{
		keyBegins: fmt.Sprintf("%.16q", in.head), keyHint: "have it write ADTS; ffmpeg: -c:a aac -f adts -",
	})
}

// complain says now and then what is wrong with the sound.
func (s *command) complain(err error, fields logrus.Fields) {
	if at, ok := s.said[err.Error()]; ok && time.Since(at) < repeatEvery {
		return
	}
	s.said[err.Error()] = time.Now()
	s.log.WithError(err).WithFields(fields).Warn("what the audio command writes cannot be sent as it is")
}

// A pipe is a command's stdout. A Read of it ends, with
// [os.ErrDeadlineExceeded], after lookEvery of nothing, or when ctx is done.
type pipe struct {
	ctx      context.Context
	file     *os.File
	lastRead time.Time
	head     []byte // its first bytes, to name what is no ADTS
}

func (p *pipe) Read(b []byte) (int, error) {
	_ = p.file.SetReadDeadline(time.Now().Add(lookEvery))
	if err := p.ctx.Err(); err != nil {
		return 0, err // it may have come before the deadline was set
	}
	n, err := p.file.Read(b)
	if n > 0 {
		p.lastRead = time.Now()
		p.head = append(p.head, b[:min(n, 16-len(p.head))]...)
	}
	return n, err
}

const (
	paceOver = time.Minute
	paceFar  = 5 * time.Second // that no backlog makes
)

// pace tells a command that does not write in real time: it looks at a minute
// at a time, so that no crystal adds up to anything.
type pace struct {
	since time.Duration
	sound time.Duration
	any   bool
}

// frame takes note of a frame of rate Hz that came at now; anew says that it is
// none of the stream before. ahead is not 0 where more sound, or less, than the
// time over has come, by far.
func (p *pace) frame(now time.Duration, rate int, anew bool) (ahead, over time.Duration) {
	over = now - p.since
	if anew || !p.any || over > paceOver {
		*p = pace{since: now, any: true}
		return 0, 0
	}
	p.sound += aac.SamplesPerFrame * time.Second / time.Duration(rate)
	if ahead = p.sound - over; ahead.Abs() < paceFar {
		return 0, 0
	}
	*p = pace{since: now, any: true}
	return ahead, over
}
