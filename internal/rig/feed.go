package rig

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"venuecast/h264"
)

// A Feed describes a camera and the program that reads it. What is zero takes
// its default. The stream has no access unit delimiters: as from most cameras,
// a picture's end shows only in the next one's beginning.
type Feed struct {
	Width, Height int           // 1920x1080
	FPS           float64       // 30
	Bitrate       int64         // in bit/s, kept over every second; 6e6
	KeyEvery      int           // pictures from one keyframe to the next; 60
	Slices        int           // of a picture; 1
	Duration      time.Duration // 8 s
	Seed          uint64        // of sizes, jitter and contents

	// Jitter moves each picture's writing to at most so long before or after
	// its time.
	Jitter time.Duration

	// From picture PauseFrom on, each one is written in so many Pieces with a
	// Pause after each but the last, or, BySlice, slice by slice.
	Pieces    int
	Pause     time.Duration
	PauseFrom int
	BySlice   bool

	// Rates change FPS, in the order of time. What the stream says of its rate
	// stays FPS.
	Rates []Rate
}

// A Rate is in force from a time in the feed on.
type Rate struct {
	After time.Duration
	FPS   float64
}

func (f Feed) withDefaults() Feed {
	if f.Width == 0 && f.Height == 0 {
		f.Width, f.Height = 1920, 1080
	}
	if f.FPS == 0 {
		f.FPS = 30
	}
	if f.Bitrate == 0 {
		f.Bitrate = 6e6
	}
	if f.KeyEvery == 0 {
		f.KeyEvery = 60
	}
	if f.Duration == 0 {
		f.Duration = 8 * time.Second
	}
	f.Slices = max(f.Slices, 1)
	f.Pieces = max(f.Pieces, 1)
	return f
}

// A frame is a picture that is to be made: when it is taken, after the start,
// when it is written, and what it shall weigh.
type frame struct {
	taken, due time.Duration
	size       int
	keyframe   bool
}

// plan lays out the whole feed. A keyframe weighs 5 to 8 times what the
// pictures around it do, those vary by 30 %, and each second's sum is the
// bit rate.
func (f Feed) plan() []frame {
	rnd := rand.New(rand.NewPCG(f.Seed, 1))
	var frames []frame
	fps, since, count := f.FPS, time.Duration(0), 0 // in force since then, for so many pictures
	for at := time.Duration(0); at < f.Duration; {
		for _, r := range f.Rates {
			if at >= r.After && since < r.After {
				fps, since, count = r.FPS, at, 0
			}
		}
		jitter := time.Duration((2*rnd.Float64() - 1) * float64(f.Jitter))
		frames = append(frames, frame{taken: at, due: at + jitter, keyframe: len(frames)%f.KeyEvery == 0})
		count++
		at = since + time.Duration(math.Round(float64(count)/fps*float64(time.Second)))
	}
	for from := 0; from < len(frames); {
		to, sum := from, 0.0
		weights := make([]float64, 0, 64)
		for ; to < len(frames) && frames[to].taken < frames[from].taken+time.Second-time.Millisecond; to++ {
			w := 0.7 + 0.6*rnd.Float64()
			if frames[to].keyframe {
				w = 5 + 3*rnd.Float64()
			}
			weights = append(weights, w)
			sum += w
		}
		span := time.Second
		if to == len(frames) {
			span = f.Duration - frames[from].taken
		}
		for i, w := range weights {
			frames[from+i].size = int(float64(f.Bitrate) / 8 * span.Seconds() * w / sum)
		}
		from = to
	}
	return frames
}

// FeedCommand is the first argument that makes a program with FeedMain in it a
// feeder.
const FeedCommand = "rig-feed"

// feedArgs are the arguments for FeedMain, FeedCommand first.
func feedArgs(f Feed, logFile string) []string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // numbers and flags
	}
	return []string{FeedCommand, "-log", logFile, "-feed", string(text)}
}

// lingerFor bounds a feeder whose parent has forgotten it.
const lingerFor = time.Minute

// FeedMain is the feeder's main function; args are what follows FeedCommand.
// It writes the feed to stdout, and then stays, silent, until it is ended: a
// camera does not end.
func FeedMain(args []string) (code int) {
	flags := flag.NewFlagSet(FeedCommand, flag.ContinueOnError)
	logFile := flags.String("log", "", "`file` for what was written when")
	text := flags.String("feed", "{}", "the feed, as `JSON`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := feedMain(*text, *logFile); err != nil {
		fmt.Fprintln(os.Stderr, "feeder:", err)
		return 1
	}
	return 0
}

func feedMain(text, logFile string) error {
	var f Feed
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return fmt.Errorf("read feed: %w", err)
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	played := make(chan error, 1)
	go func() { played <- play(f.withDefaults(), os.Stdout, log) }()
	select {
	case <-stop:
		return nil
	case err := <-played:
		if err != nil {
			return err
		}
	}
	select {
	case <-stop:
	case <-time.After(lingerFor):
	}
	return nil
}

// play writes the feed to w and what it did to log.
func play(f Feed, w, log io.Writer) error {
	runtime.LockOSThread() // it sleeps in the kernel
	defer runtime.UnlockOSThread()
	if _, err := fmt.Fprintln(log, logBegin); err != nil {
		return err
	}
	c := newCoder(f)
	owed := 0
	var nalus []h264.NALU
	var start time.Duration
	for n, p := range f.plan() {
		nalus = nalus[:0]
		if p.keyframe {
			nalus = append(nalus, c.parameters(f)...)
		}
		// Sizes come in macroblocks; what one picture lacks, the next one has.
		nalus = c.picture(nalus, n, p.size+owed, p.keyframe)
		s := Sent{N: n, Keyframe: p.keyframe}
		_, s.Fingerprint = identify(nalus)
		pieces := f.pieces(n, nalus)
		for _, b := range pieces {
			s.Bytes += len(b)
		}
		owed += p.size - s.Bytes
		if n == 0 {
			start = now() + 50*time.Millisecond
		}
		s.Taken = start + p.taken
		sleepUntil(start + p.due)
		for i, b := range pieces {
			if i > 0 {
				sleepUntil(now() + f.Pause)
			}
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("write picture %d: %w", n, err)
			}
		}
		s.Finished = now()
		if _, err := fmt.Fprintln(log, s.line()); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(log, logEnd)
	return err
}

// pieces frames a picture as a byte stream and cuts it up as the feed wants it
// written.
func (f Feed) pieces(n int, nalus []h264.NALU) [][]byte {
	var stream []byte
	var ends []int // of the slices
	for _, u := range nalus {
		stream = append(append(stream, 0, 0, 0, 1), u...)
		if u.Type().IsVCL() {
			ends = append(ends, len(stream))
		}
	}
	switch {
	case n < f.PauseFrom:
		ends = []int{len(stream)}
	case !f.BySlice:
		ends = ends[:0]
		for i := range f.Pieces {
			ends = append(ends, len(stream)*(i+1)/f.Pieces)
		}
	}
	var pieces [][]byte
	from := 0
	for _, to := range ends {
		pieces = append(pieces, stream[from:to])
		from = to
	}
	return pieces
}

// Sent is a picture as the feeder logs it.
type Sent struct {
	N           int
	Taken       time.Duration // when a camera would have taken it
	Finished    time.Duration // when its last byte had been written
	Bytes       int
	Keyframe    bool
	Fingerprint uint64 // of its slices
}

// The lines of a log besides the pictures'.
const logBegin, logEnd = "begin", "end"

const sentFormat = "%d %d %d %d %t %x"

func (s Sent) line() string {
	return fmt.Sprintf(sentFormat, s.N, s.Taken, s.Finished, s.Bytes, s.Keyframe, s.Fingerprint)
}

var errFedTwice = errors.New("the feeder was started more than once")
