package slate

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNewRate(t *testing.T) {
	for _, c := range []struct {
		fps  float64
		want Rate
	}{
		{1, Rate{1, 1}},
		{5, Rate{5, 1}},
		{25, Rate{25, 1}},
		{60, Rate{60, 1}},
		{23.976, Rate{24000, 1001}},
		{23.98, Rate{24000, 1001}},
		{29.97, Rate{30000, 1001}},
		{30000.0 / 1001, Rate{30000, 1001}},
		{59.94, Rate{60000, 1001}},
		{12.5, Rate{25, 2}},
		{0.01, Rate{1, 100}},
		{7.123456, Rate{111304, 15625}},
	} {
		if got, err := NewRate(c.fps); got != c.want || err != nil {
			t.Errorf("NewRate(%v) = %v, %v, want %v", c.fps, got, err, c.want)
		}
	}
}

func TestRateTimes(t *testing.T) {
	ntsc := Rate{30000, 1001}
	if got, want := ntsc.Time(30000*3600), 1001*time.Hour; got != want {
		t.Errorf("29.97 has drifted to %v, want %v", got, want)
	}
	for _, c := range []struct {
		rate Rate
		d    time.Duration
		want int64
	}{
		{Rate{30, 1}, 2 * time.Second, 60},
		{ntsc, 2 * time.Second, 60},
		{Rate{1, 1}, 100 * time.Millisecond, 1},
		{Rate{5, 1}, 290 * time.Millisecond, 1},
		{Rate{5, 1}, 310 * time.Millisecond, 2},
	} {
		if got := c.rate.Pictures(c.d); got != c.want {
			t.Errorf("%v has %d pictures in %v, want %d", c.rate, got, c.d, c.want)
		}
	}
}

func TestRateCountIsTheInverseOfTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, err := NewRate(rapid.Float64Range(minFPS, maxFPS).Draw(t, "fps"))
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.Int64Range(1, 1<<32).Draw(t, "n")
		if n > int64(rate.Count(1<<62)) {
			t.Skip("beyond the end of time.Duration")
		}
		if due := rate.Time(n); rate.Count(due) != n || rate.Count(due-1) != n-1 {
			t.Errorf("%v: picture %d is due at %v, where picture %d is, and %d just before",
				rate, n, due, rate.Count(due), rate.Count(due-1))
		}
	})
}
