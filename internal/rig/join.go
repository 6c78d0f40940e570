package rig

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// settle is how long a session has to be under way before its latency counts:
// a session begins with what was captured before it was there.
const settle = time.Second

// A Report says what has become of a feed's pictures. It judges those from the
// first one that arrived to the last but one that was sent: nothing but a next
// picture tells a receiver for certain that one has ended.
type Report struct {
	Judged int // pictures

	// Late is how long after the time it was taken each picture was written to
	// its end: what the feed asks for, and what the machine had no time for.
	Late Distribution

	Lost       []int // never arrived
	Damaged    []int // arrived with other slices than they were sent with
	Duplicated []int // arrived again
	Backwards  int   // arrivals after a later picture's
	Unknown    int   // arrivals that are no picture of the feed

	// Latency is from the moment a picture was written to its end to the one
	// it was received to its end, for whole pictures of the settled session.
	Latency Distribution
	// Gap is the longest time between two pictures of the settled session.
	Gap time.Duration

	// Timestamps are compared with the time a picture was taken, and with the
	// one it arrived (in the settled session), after taking away what they are
	// off by at the median: a connection's zero is anywhere.
	TimeError, ArrivalError Distribution
	// Spacing is how far the time from one picture's timestamp to the next
	// one's is off the true one.
	Spacing Distribution
	// TimesBackwards counts timestamps before the one before.
	TimesBackwards int

	// Skew is how far the newest sound's timestamp is from the picture's, on
	// the arrival of each.
	Skew Distribution

	// First is from the writing of the first picture to the arrival of any.
	First time.Duration
}

// A Distribution is how some durations are spread.
type Distribution struct {
	N                int
	Median, P95, Max time.Duration
}

// distribution sorts d.
func distribution(d []time.Duration) Distribution {
	if len(d) == 0 {
		return Distribution{}
	}
	slices.Sort(d)
	rank := func(share float64) time.Duration { return d[int(share*float64(len(d)-1)+0.5)] }
	return Distribution{N: len(d), Median: rank(0.5), P95: rank(0.95), Max: d[len(d)-1]}
}

// centred is the distribution of how far, either way, d is from its median.
func centred(d []time.Duration) Distribution {
	median := distribution(d).Median
	for i := range d {
		d[i] = (d[i] - median).Abs()
	}
	return distribution(d)
}

// Join finds the pictures that were sent among what arrived.
func Join(sent []Sent, arrivals []Arrival) Report {
	var r Report
	byNumber := make(map[int]*Sent, len(sent))
	for i := range sent {
		byNumber[sent[i].N] = &sent[i]
	}
	var began time.Duration // of the session: its first picture
	begun := false
	seen := map[int]bool{}
	var latency, timeError, arrivalError, spacing, skew []time.Duration
	var sound, last uint32   // newest timestamps
	var lastAt time.Duration // of the arrival before
	var lastSent *Sent       // the known picture before,
	var lastTime uint32      // and its timestamp
	heard := false
	final := -1 // the picture that waits for one that never comes
	if len(sent) > 0 {
		final = sent[len(sent)-1].N
	}
	for _, a := range arrivals {
		if a.Audio {
			sound, heard = a.Timestamp, true
			continue
		}
		if !begun {
			began, begun = a.At, true
			if len(sent) > 0 {
				r.First = a.At - sent[0].Finished
			}
		} else if int32(a.Timestamp-last) < 0 {
			r.TimesBackwards++
		}
		if heard {
			skew = append(skew, millis(a.Timestamp, sound).Abs())
		}
		settled := a.At >= began+settle && a.N != final
		if settled {
			r.Gap = max(r.Gap, a.At-lastAt)
		}
		lastAt = a.At
		last = a.Timestamp

		s := byNumber[a.N]
		if s == nil {
			r.Unknown++
			continue
		}
		if seen[s.N] {
			r.Duplicated = append(r.Duplicated, s.N)
			continue
		}
		seen[s.N] = true
		if lastSent != nil && s.N < lastSent.N {
			r.Backwards++
		}
		damaged := a.Fingerprint != s.Fingerprint
		if damaged {
			r.Damaged = append(r.Damaged, s.N)
		}
		at := millis(a.Timestamp, 0)
		timeError = append(timeError, at-s.Taken)
		if lastSent != nil {
			spacing = append(spacing, (millis(a.Timestamp, lastTime) - (s.Taken - lastSent.Taken)).Abs())
		}
		if settled {
			arrivalError = append(arrivalError, at-a.At)
			if !damaged {
				latency = append(latency, a.At-s.Finished)
			}
		}
		lastSent, lastTime = s, a.Timestamp
	}
	var late []time.Duration
	for _, s := range sent {
		late = append(late, s.Finished-s.Taken)
	}
	r.Late = distribution(late)
	first := true
	for _, s := range sent[:max(0, len(sent)-1)] {
		switch {
		case seen[s.N]:
			first = false
			r.Judged++
		case !first:
			r.Lost = append(r.Lost, s.N)
			r.Judged++
		}
	}
	r.Latency, r.Spacing, r.Skew = distribution(latency), distribution(spacing), distribution(skew)
	r.TimeError, r.ArrivalError = centred(timeError), centred(arrivalError)
	return r
}

// millis is how far timestamp t is after u, in the serial arithmetic of RTMP.
func millis(t, u uint32) time.Duration { return time.Duration(int32(t-u)) * time.Millisecond }

func (d Distribution) String() string {
	return fmt.Sprintf("%.2f/%.2f/%.2f ms", ms(d.Median), ms(d.P95), ms(d.Max))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// String lists the figures; those of distributions are median/p95/max.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pictures, written %v after their time: added latency %v (%d), lost %d %v, damaged %d %v, duplicated %d, out of order %d, unknown %d, longest gap %.1f ms",
		r.Judged, r.Late, r.Latency, r.Latency.N, len(r.Lost), ranges(r.Lost), len(r.Damaged), ranges(r.Damaged),
		len(r.Duplicated), r.Backwards, r.Unknown, ms(r.Gap))
	fmt.Fprintf(&b, "; timestamps off %v from taking, %v from arrival, spacing off %v, backwards %d; sound off %v; first picture after %.0f ms",
		r.TimeError, r.ArrivalError, r.Spacing, r.TimesBackwards, r.Skew, ms(r.First))
	return b.String()
}

// ranges shortens a rising list: 3-5,9.
func ranges(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(list[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[j]))
		}
		i = j + 1
	}
	return "[" + strings.Join(parts, ",") + "]"
}
