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
		got, ok := test.q.wait(period)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestQuietTimeForgetsPausesButNoMistakes(t *testing.T) {
	q := &quietTime{pictures: warmUp}
	q.pause(5*ms, time.Second)
	for at := time.Second; at < 4*time.Minute; at += 33 * ms {
		q.pause(ms/10, at)
	}
	if got, ok := q.wait(33 * ms); !ok || got != leastQuiet {
		t.Errorf("4 minutes after a pause: %v, %v", got, ok)
	}
	q.tooEarly(4 * ms)
	for at := 4 * time.Minute; at < 8*time.Minute; at += 33 * ms {
		q.pause(ms/10, at)
	}
	if got, ok := q.wait(33 * ms); !ok || got != 2*4*ms+leastQuiet/4 {
		t.Errorf("4 minutes after a picture that was cut: %v, %v; want 8.75ms", got, ok)
	}
}
