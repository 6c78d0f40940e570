package flv

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMillis(t *testing.T) {
	for _, tt := range []struct {
		in   time.Duration
		want int64
	}{
		{0, 0}, {499_999, 0}, {500_000, 1}, {1_499_999, 1}, {1_500_000, 2},
		{-500_000, 0}, {-500_001, -1}, {-1_500_000, -1}, {-1_500_001, -2},
		{math.MaxInt64, math.MaxInt64/1_000_000 + 1}, {math.MinInt64, math.MinInt64/1_000_000 - 1},
	} {
		if got := millis(tt.in); got != tt.want {
			t.Errorf("millis(%d ns) = %d, want %d", int64(tt.in), got, tt.want)
		}
	}
}

// TestTimelineCrosses counts frames of 23.2 ms across every limit on the way.
func TestTimelineCrosses(t *testing.T) {
	const step = 23_219_954 // ns, 1024 samples at 44.1 kHz
	base := 17*time.Hour + 333_333
	for name, limit := range map[string]int64{
		"24 bits, 4 h 39 m":        1 << 24,
		"2^31 ms, 24 days 20 h":    1 << 31,
		"2^32 ms, 49 days 17 h":    1 << 32,
		"2^33 ms, the second turn": 1 << 33,
	} {
		var l Timeline
		l.Start(base)
		start := (limit - 200) * int64(ms)
		for at := int64(0); at < start; at += math.MaxInt32 * int64(ms) {
			l.Millis(base + time.Duration(at)) // nearer, in steps a receiver can follow
		}
		last := l.Millis(base + time.Duration(start))
		if want := uint32(limit - 200); last != want {
			t.Fatalf("%s: %d before it, want %d", name, last, want)
		}
		for i := int64(1); i < 20; i++ {
			got := l.Millis(base + time.Duration(start+i*step))
			if d := int32(got - last); d < 23 || d > 24 {
				t.Errorf("%s: from %#x to %#x", name, last, got)
			}
			last = got
		}
		if want := uint32(limit - 200 + 19*23); int32(last-want) < 0 || int32(last-want) > 6 {
			t.Errorf("%s: %#x behind it, want about %#x", name, last, want)
		}
	}
}

func TestTimelineClamps(t *testing.T) {
	var l Timeline
	if l.Started() {
		t.Error("started without a base")
	}
	for i, step := range []struct {
		dts  time.Duration
		want uint32
	}{
		{time.Hour, 0},
		{time.Hour - time.Second, 0}, // before the base
		{time.Hour + 40*ms, 40},
		{time.Hour + 39*ms, 40}, // back
		{time.Hour + 40*ms, 40}, // again
		{time.Hour + 80*ms, 80}, // and on
		// 30 days at once would look like 20 days back to a receiver.
		{time.Hour + 30*24*time.Hour, 80 + math.MaxInt32},
		{time.Hour + 30*24*time.Hour + ms, 30*24*3600*1000 + 1},
	} {
		if got := l.Millis(step.dts); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	l.Start(0)
	if got := l.Millis(time.Hour + 31*24*time.Hour); got != 31*24*3600*1000 {
		t.Errorf("%d: a second Start moved the base", got)
	}
}

func TestTimelineNeverBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Timeline
		last := l.Millis(time.Duration(rapid.Int64().Draw(t, "base")))
		if last != 0 {
			t.Fatalf("begins at %d", last)
		}
		for _, dts := range rapid.SliceOf(rapid.Int64()).Draw(t, "DTS") {
			got := l.Millis(time.Duration(dts))
			if int32(got-last) < 0 {
				t.Fatalf("from %d to %d", last, got)
			}
			last = got
		}
	})
}

func TestClock(t *testing.T) {
	var c Clock
	for i, step := range []struct {
		tag  Tag
		want uint32
	}{
		{Tag{Type: TypeScript, Header: true, DTS: time.Second}, 0}, // hours old, all of them
		{Tag{Type: TypeVideo, Header: true, DTS: 2 * time.Second}, 0},
		{Tag{Type: TypeAudio, Header: true, DTS: 9 * time.Hour}, 0},
		{Tag{Type: TypeVideo, DTS: 5 * time.Hour}, 0}, // the base
		{Tag{Type: TypeAudio, DTS: 5*time.Hour - 10*ms}, 0},
		{Tag{Type: TypeVideo, DTS: 5*time.Hour + 40*ms}, 40},
		{Tag{Type: TypeAudio, DTS: 5*time.Hour + 13*ms}, 13}, // behind the video, and keeps its spacing
		{Tag{Type: TypeAudio, DTS: 5*time.Hour + 36*ms}, 36},
		{Tag{Type: TypeVideo, Header: true, DTS: time.Second}, 40}, // an old header again
		{Tag{Type: TypeScript, Header: true, DTS: 5*time.Hour + 50*ms}, 50},
		{Tag{Type: TypeVideo, DTS: 5*time.Hour + 30*ms}, 40},
		{Tag{Type: TypeVideo, DTS: 5*time.Hour + 80*ms}, 80},
		{Tag{Type: TypeVideo, DTS: 15 * 24 * time.Hour}, (15*24 - 5) * 3600 * 1000},
		{Tag{Type: TypeVideo, DTS: 30 * 24 * time.Hour}, (30*24 - 5) * 3600 * 1000},
		{Tag{Type: TypeScript, Header: true, DTS: 30 * 24 * time.Hour}, (30*24 - 5) * 3600 * 1000}, // quiet for a month
	} {
		if got := c.Timestamp(&step.tag); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
}

// TestPicturesKeepTheirSpacing is what the rounding is for: whatever the frame
// rate, the reordering and the moment a connection begins, a picture is shown
// at its time to within a millisecond, counted from the connection's base.
func TestPicturesKeepTheirSpacing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fps := rapid.Float64Range(5, 120).Draw(t, "fps")
		origin := time.Duration(rapid.Int64Range(0, 1e16).Draw(t, "origin"))
		at := func(frame int) time.Duration {
			return origin + time.Duration(float64(frame)/fps*1e9)
		}
		var m VideoMuxer
		var tags []Tag
		var truth []time.Duration
		order := []int{0, 4, 2, 1, 3} // of display: IbBbP, shown from 2 frames on
		for i := range 60 {
			au := keyframe()
			au.DTS, au.PTS = at(i), at(2+i/5*5+order[i%5])
			var err error
			if tags, err = m.Mux(tags, au); err != nil {
				t.Fatal(err)
			}
			truth = append(truth, au.PTS)
		}
		pictures := slices.DeleteFunc(tags, func(t Tag) bool { return t.Header })

		join := rapid.IntRange(0, 50).Draw(t, "a viewer joins")
		var c Clock
		base := pictures[join].DTS
		for i := join; i < len(pictures); i++ {
			ts := int64(c.Timestamp(&pictures[i]))
			h, _, err := ParseVideo(pictures[i].Body)
			if err != nil {
				t.Fatal(err)
			}
			shown := time.Duration(ts)*ms + h.CompositionTime
			// Half a millisecond each for the PTS and the base.
			if off := shown - (truth[i] - base); off.Abs() > ms {
				t.Fatalf("picture %d is shown %v off", i, off)
			}
			if want := millis(truth[i]) - millis(base); shown != time.Duration(want)*ms {
				t.Fatalf("picture %d is shown at %v, want %d ms", i, shown, want)
			}
		}
	})
}
