package rig

import (
	"fmt"
	"testing"
	"time"

	"venuecast/internal/tooltest"
)

const (
	// inSync is how far sound, or a picture's time, may be off.
	inSync = 60 * time.Millisecond

	// atOnce bounds the added latency: 3 ms of quiet that end a picture, and
	// as much for a machine of two cores to get to it.
	atOnce = 6 * time.Millisecond
)

// whole fails the test if anything of the feed went missing.
func whole(t *testing.T, r *Result) {
	t.Helper()
	if len(r.Lost) > 0 || len(r.Damaged) > 0 {
		t.Errorf("lost %d pictures %v, damaged %d %v", len(r.Lost), ranges(r.Lost), len(r.Damaged), ranges(r.Damaged))
	}
	sane(t, r)
}

// sane fails the test over what no feed excuses.
func sane(t *testing.T, r *Result) {
	t.Helper()
	if len(r.Duplicated) > 0 || r.Backwards > 0 || r.Unknown > 0 || r.TimesBackwards > 0 {
		t.Errorf("%d pictures twice, %d out of order, %d unknown; %d timestamps backwards",
			len(r.Duplicated), r.Backwards, r.Unknown, r.TimesBackwards)
	}
	if r.Skew.N == 0 || r.Skew.Max > inSync {
		t.Errorf("sound is up to %v off, seen at %d pictures", r.Skew.Max, r.Skew.N)
	}
}

// judged fails the test if it has seen too little of the feed.
func judged(t *testing.T, r *Result, pictures int) {
	t.Helper()
	if r.Judged < pictures-2 {
		t.Errorf("judged %d pictures of %d", r.Judged, pictures)
	}
}

// measureTimes is measure for tests of how soon and how evenly pictures go out.
// On a machine that has other work, such figures are first of all ones of that
// work, which can only make them worse: the feeder itself is late then, and
// whatever reads it. So as long as good is false there are two more tries.
// Pictures lost are never put down to the machine: who calls sees them all.
func measureTimes(t *testing.T, subject Subject, feed Feed, good func(r *Result) bool) *Result {
	t.Helper()
	for try := 1; ; try++ {
		r := measure(t, subject, feed)
		if try == 3 || len(r.Lost)+len(r.Damaged) > 0 || good(r) {
			return r
		}
	}
}

// TestAddedLatency comes before the tests that run beside each other, which
// would be in its way.
func TestAddedLatency(t *testing.T) {
	r := measureTimes(t, Venuecast(venuecast(t)), Feed{}, func(r *Result) bool { return r.Latency.Median <= atOnce })
	whole(t, r)
	judged(t, r, 240)
	if r.Latency.Median > atOnce {
		t.Errorf("median added latency %v, want at most %v", r.Latency.Median, atOnce)
	}
}

// TestFFmpegIsMeasured checks the rig by what is known of another program: it
// waits for the next picture to see the end of one.
func TestFFmpegIsMeasured(t *testing.T) {
	subject := FFmpeg("ffmpeg", tooltest.Path(t, "ffmpeg"), 30, "-fflags", "nobuffer", "-probesize", "32", "-analyzeduration", "0")
	parallel(t)
	r := measure(t, subject, Feed{Duration: 6 * time.Second})
	if len(r.Lost) > 0 || len(r.Damaged) > 0 || r.Judged < 60 || r.Skew.N > 0 {
		t.Errorf("judged %d pictures, lost %v, damaged %v; sound at %d", r.Judged, ranges(r.Lost), ranges(r.Damaged), r.Skew.N)
	}
	if r.Latency.Median < 30*time.Millisecond {
		t.Errorf("median added latency %v: it cannot know that soon", r.Latency.Median)
	}
}

// parallel lets a test run beside one other at the most.
func parallel(t *testing.T) {
	t.Parallel()
	two <- struct{}{}
	t.Cleanup(func() { <-two })
}

// TestPieces1ms: a writer that is held up a little, as most are, costs nothing.
func TestPieces1ms(t *testing.T) {
	subject := Venuecast(venuecast(t))
	parallel(t)
	r := measure(t, subject, Feed{Pieces: 4, Pause: time.Millisecond, Duration: 5 * time.Second})
	whole(t, r)
	judged(t, r, 150)
}

// TestPauses12msBeginning: nobody can know before that the end of a picture is
// none. It may cost that picture, and those that refer to it, but only once.
func TestPauses12msBeginning(t *testing.T) {
	subject := Venuecast(venuecast(t))
	parallel(t)
	const from, key = 100, 120
	r := measure(t, subject, Feed{Pieces: 3, Pause: 12 * time.Millisecond, PauseFrom: from, Duration: 7 * time.Second})
	sane(t, r)
	judged(t, r, 210)
	t.Logf("the pauses cost %d pictures damaged %v and %d lost %v", len(r.Damaged), ranges(r.Damaged), len(r.Lost), ranges(r.Lost))
	if len(r.Damaged) > 1 {
		t.Errorf("%d pictures are damaged: %v", len(r.Damaged), ranges(r.Damaged))
	}
	for _, n := range append(r.Lost, r.Damaged...) {
		if n < from || n >= key {
			t.Errorf("picture %d: only those from %d to %d may be lost or damaged", n, from, key-1)
		}
	}
}

// TestPauses12ms: where a stream has always paused within its pictures, none is
// ended too early.
func TestPauses12ms(t *testing.T) {
	subject := Venuecast(venuecast(t))
	parallel(t)
	r := measure(t, subject, Feed{Pieces: 3, Pause: 12 * time.Millisecond, Duration: 5 * time.Second})
	whole(t, r)
	judged(t, r, 150)
}

func TestJitter(t *testing.T) {
	subject := Venuecast(venuecast(t))
	parallel(t)
	const near = 12 * time.Millisecond
	r := measureTimes(t, subject, Feed{Jitter: 5 * time.Millisecond, Seed: 7}, func(r *Result) bool { return r.TimeError.Max <= near })
	whole(t, r)
	judged(t, r, 240)
	if r.TimeError.Max > near {
		t.Errorf("timestamps are up to %v off", r.TimeError.Max)
	}
	if r.Spacing.Median > time.Millisecond {
		t.Errorf("the spacing of timestamps is %v off at the median", r.Spacing.Median)
	}
}

func TestRateChanges(t *testing.T) {
	subject := Venuecast(venuecast(t))
	parallel(t)
	r := measureTimes(t, subject, Feed{Rates: []Rate{{3 * time.Second, 15}, {6 * time.Second, 30}}, Duration: 9 * time.Second},
		func(r *Result) bool { return r.ArrivalError.Max <= inSync })
	whole(t, r)
	judged(t, r, 225)
	if r.ArrivalError.Max > inSync {
		t.Errorf("timestamps are up to %v off the pictures' arrival", r.ArrivalError.Max)
	}
}

// TestSlices: 8 slices are one picture, written at once or as they are coded,
// over most of the picture's time.
func TestSlices(t *testing.T) {
	subject := Venuecast(venuecast(t))
	for _, pause := range []time.Duration{0, 3 * time.Millisecond} {
		t.Run(fmt.Sprint(pause), func(t *testing.T) {
			parallel(t)
			r := measure(t, subject, Feed{Slices: 8, BySlice: pause > 0, Pause: pause, Duration: 4 * time.Second})
			whole(t, r)
			judged(t, r, 120)
		})
	}
}
