package exec

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestQuietTime(t *testing.T) {
	period := 33 * ms
	known := func(pauses ...time.Duration) *quietTime {
		q := &quietTime{pictures: warmUp}
		for _, p := range pauses {
			q.pause(p, 0)
		}
		return q
	}
	for _, test := range []struct {
		name string
		q    *quietTime
		want time.Duration
		ok   bool
	}{
		{"a stream that is not known yet", &quietTime{pictures: warmUp - 1}, 0, false},
		{"pictures in one piece", known(), leastQuiet, true},
		{"one write in two reads", known(ms/10, ms/5), leastQuiet, true},
		{"pauses of 1 ms", known(ms, ms), leastQuietInPieces, true},
		{"pauses of 5 ms", known(2*ms, 5*ms, ms), 10*ms + leastQuiet/4, true},
		{"pauses of 9 ms", known(9 * ms), period / 2, true},
		{"pauses of 12 ms", known(12 * ms), 0, false}, // half a period is too near
		{"the rest with the next picture, as stdio does", known(32 * ms), 0, false},
	} {
		got, ok := test.q.wait(period, 0)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestQuietTimeForgets(t *testing.T) {
	const period = 33 * ms
	q := &quietTime{pictures: warmUp}
	at := time.Second
	// whole is d of pictures without a pause to speak of.
	whole := func(d time.Duration) {
		for end := at + d; at < end; at += period {
			q.pause(ms/10, at)
		}
	}
	check := func(when string, want time.Duration, ok bool) {
		t.Helper()
		if got, gotOK := q.wait(period, at); gotOK != ok || ok && got != want {
			t.Errorf("%s: %v, %v; want %v, %v", when, got, gotOK, want, ok)
		}
	}
	q.pause(5*ms, at)
	whole(4 * time.Minute)
	check("4 minutes after a pause", leastQuiet, true)

	q.tooEarly(15*ms, at)
	whole(55 * time.Second)
	check("55 s after a picture that was cut", 0, false)
	whole(10 * time.Second)
	check("65 s after it", leastQuiet, true)

	q.tooEarly(4*ms, at)
	whole(115 * time.Second)
	check("115 s after the second", 2*4*ms+leastQuiet/4, true)
	whole(10 * time.Second)
	check("125 s after it", leastQuiet, true)

	for range 20 {
		q.tooEarly(15*ms, at)
	}
	whole(time.Hour)
	check("an hour after the twentieth", 0, false)
}

// Where every picture comes in one piece, nothing is there to be noted, and
// what was is forgotten all the same.
func TestQuietTimeForgetsWithoutPauses(t *testing.T) {
	q := &quietTime{pictures: warmUp}
	q.pause(15*ms, time.Second)
	if _, ok := q.wait(33*ms, 2*time.Second); ok {
		t.Error("a picture would be cut right after a pause of 15 ms")
	}
	for at := 2 * time.Second; at < 3*time.Minute; at += 33 * ms {
		q.wait(33*ms, at)
	}
	if got, ok := q.wait(33*ms, 3*time.Minute); !ok || got != leastQuiet {
		t.Errorf("3 minutes after a pause: %v, %v", got, ok)
	}
	q.pause(15*ms, 3*time.Minute)
	if got, ok := q.wait(33*ms, 10*time.Minute); !ok || got != leastQuiet {
		t.Errorf("7 minutes after a pause, with nothing since: %v, %v", got, ok)
	}
}

func TestQuietTimeKeepsWhatGoesOn(t *testing.T) {
	q := &quietTime{pictures: warmUp}
	q.tooEarly(12*ms, 0)
	for at := time.Duration(0); at < 10*time.Minute; at += 33 * ms {
		q.pause(12*ms, at)
		if _, ok := q.wait(33*ms, at); ok {
			t.Fatalf("after %v of pauses of 12 ms a picture would be cut again", at)
		}
	}
}
