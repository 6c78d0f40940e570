package rig

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	period  = 40 * time.Millisecond // whole milliseconds, so that no timestamp is rounded
	latency = 5 * time.Millisecond
)

// broadcast is a log of n pictures, and a broadcast that does nothing wrong:
// each arrives after latency, its sound 10 ms behind its time. Timestamps wrap
// in the middle.
func broadcast(n int) (sent []Sent, arrivals []Arrival) {
	begin := 1000 * time.Second
	for i := range n {
		taken := begin + time.Duration(i)*period
		s := Sent{N: i, Taken: taken, Finished: taken + time.Millisecond, Bytes: 1000, Keyframe: i%25 == 0, Fingerprint: uint64(i) + 1}
		sent = append(sent, s)
		ts := uint32(i-n/2) * uint32(period/time.Millisecond)
		arrivals = append(arrivals,
			Arrival{At: s.Finished + latency, Timestamp: ts - 10, Audio: true},
			Arrival{At: s.Finished + latency, Timestamp: ts, N: i, Fingerprint: s.Fingerprint, Bytes: 1000})
	}
	return sent, arrivals
}

func TestJoin(t *testing.T) {
	const n = 100
	sent, _ := broadcast(n)
	same := func(d time.Duration, n int) Distribution { return Distribution{n, d, d, d} }
	clean := Report{
		Judged: n - 1, // the last one only ends the one before
		Late:   same(time.Millisecond, n),
		// A second of 25 pictures does not count, nor does the last.
		Latency: same(latency, n-25-1), Gap: period,
		TimeError: same(0, n), ArrivalError: same(0, n-25-1), Spacing: same(0, n-1),
		Skew: same(10*time.Millisecond, n), First: latency,
	}
	// at is where picture i is among the arrivals.
	at := func(i int) int { return 2*i + 1 }
	remove := func(a []Arrival, i int) []Arrival { return append(a[:i:i], a[i+1:]...) }
	tests := []struct {
		name string
		edit func(a []Arrival) []Arrival
		want func(r *Report)
	}{
		{"nothing wrong", func(a []Arrival) []Arrival { return a }, func(*Report) {}},
		{"lost", func(a []Arrival) []Arrival { return remove(remove(a, at(61)), at(60)) }, func(r *Report) {
			r.Lost = []int{60, 61}
			r.Latency.N -= 2
			r.TimeError.N -= 2
			r.ArrivalError.N -= 2
			r.Spacing.N -= 2
			r.Skew.N -= 2
			r.Gap = 3 * period
		}},
		{"joined late", func(a []Arrival) []Arrival { return a[at(10)-1:] }, func(r *Report) {
			r.Judged -= 10
			for _, d := range []*Distribution{&r.Latency, &r.TimeError, &r.ArrivalError, &r.Spacing, &r.Skew} {
				d.N -= 10
			}
			r.First += 10 * period
		}},
		{"damaged", func(a []Arrival) []Arrival { a[at(50)].Fingerprint++; return a }, func(r *Report) {
			r.Damaged = []int{50}
			r.Latency.N-- // it arrived before its end had been written, perhaps
		}},
		{"unknown", func(a []Arrival) []Arrival { a[at(50)].N = -1; return a }, func(r *Report) {
			r.Unknown, r.Lost = 1, []int{50}
			r.Latency.N--
			r.TimeError.N--
			r.ArrivalError.N--
			r.Spacing.N--
		}},
		{"duplicated", func(a []Arrival) []Arrival {
			return append(a[:at(50)+1:at(50)+1], a[at(50):]...)
		}, func(r *Report) {
			r.Duplicated = []int{50}
			r.Skew.N++
		}},
		{"swapped", func(a []Arrival) []Arrival {
			a[at(50)].N, a[at(51)].N = a[at(51)].N, a[at(50)].N
			a[at(50)].Fingerprint, a[at(51)].Fingerprint = a[at(51)].Fingerprint, a[at(50)].Fingerprint
			return a
		}, func(r *Report) {
			r.Backwards = 1
			r.Latency.Max = latency + period
			r.TimeError.Max = period
			r.Spacing.P95, r.Spacing.Max = 0, 2*period
		}},
		{"late", func(a []Arrival) []Arrival { a[at(50)].At += 20 * time.Millisecond; return a }, func(r *Report) {
			r.Latency.Max += 20 * time.Millisecond
			r.Gap += 20 * time.Millisecond
			r.ArrivalError.Max = 20 * time.Millisecond
		}},
		{"late while it settles", func(a []Arrival) []Arrival { a[at(10)].At += 20 * time.Millisecond; return a }, func(*Report) {}},
		{"wrong time", func(a []Arrival) []Arrival { a[at(50)].Timestamp += 30; return a }, func(r *Report) {
			r.TimeError.Max = 30 * time.Millisecond
			r.ArrivalError.Max = 30 * time.Millisecond
			r.Spacing.Max = 30 * time.Millisecond
			r.Skew.Max = 40 * time.Millisecond
		}},
		{"time goes back", func(a []Arrival) []Arrival { a[at(50)].Timestamp -= 41; return a }, func(r *Report) {
			r.TimesBackwards = 1
			r.TimeError.Max = 41 * time.Millisecond
			r.ArrivalError.Max = 41 * time.Millisecond
			r.Spacing.Max = 41 * time.Millisecond
			r.Skew.Max = 31 * time.Millisecond
		}},
		{"sound stops", func(a []Arrival) []Arrival {
			for i := at(90) - 1; i < len(a); i += 2 {
				a[i].Timestamp = a[at(90)-3].Timestamp
			}
			return a
		}, func(r *Report) {
			r.Skew.P95, r.Skew.Max = 210*time.Millisecond, 410*time.Millisecond
		}},
		{"no sound", func(a []Arrival) []Arrival {
			var pictures []Arrival
			for i := at(0); i < len(a); i += 2 {
				pictures = append(pictures, a[i])
			}
			return pictures
		}, func(r *Report) { r.Skew = Distribution{} }},
		{"nothing at all", func([]Arrival) []Arrival { return nil }, func(r *Report) { *r = Report{Late: r.Late} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, arrivals := broadcast(n)
			want := clean
			test.want(&want)
			if diff := cmp.Diff(want, Join(sent, test.edit(arrivals))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDistribution(t *testing.T) {
	var d []time.Duration
	for i := range 101 {
		d = append(d, time.Duration(100-i))
	}
	if got, want := distribution(d), (Distribution{101, 50, 95, 100}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := centred([]time.Duration{7, 10, 11}), (Distribution{3, 1, 3, 3}); got != want {
		t.Errorf("centred: got %v, want %v", got, want)
	}
}

func TestParseLog(t *testing.T) {
	a := Sent{N: 0, Taken: 5, Finished: 7, Bytes: 1234, Keyframe: true, Fingerprint: 0xfedcba9876543210}
	b := Sent{N: 1, Taken: 15, Finished: 17, Bytes: 12, Fingerprint: 1}
	whole := fmt.Sprintf("%s\n%s\n%s\n%s\n", logBegin, a.line(), b.line(), logEnd)
	sent, ended, err := parseLog(whole)
	if diff := cmp.Diff([]Sent{a, b}, sent); diff != "" || !ended || err != nil {
		t.Errorf("ended %t, error %v, -want +got:\n%s", ended, err, diff)
	}
	// Read while the second line is being written.
	sent, ended, err = parseLog(whole[:len(logBegin)+1+len(a.line())+5])
	if diff := cmp.Diff([]Sent{a}, sent); diff != "" || ended || err != nil {
		t.Errorf("ended %t, error %v, -want +got:\n%s", ended, err, diff)
	}
	if _, _, err := parseLog(whole + whole); err == nil {
		t.Error("a feeder that was started twice went unnoticed")
	}
	if _, _, err := parseLog("nonsense\n"); err == nil {
		t.Error("nonsense went unnoticed")
	}
}

func TestRanges(t *testing.T) {
	for want, list := range map[string][]int{"[]": nil, "[3]": {3}, "[3-5,9]": {3, 4, 5, 9}} {
		if got := ranges(list); got != want {
			t.Errorf("%v: got %s, want %s", list, got, want)
		}
	}
}
