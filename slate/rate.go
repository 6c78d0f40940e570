package slate

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A Rate is a number of pictures a second as a fraction, so that a clock made
// of it never drifts: 30000/1001 is what people call 29.97.
type Rate struct{ Num, Den int64 }

// The rates that a Rate is made for.
const (
	minFPS = 0.01
	maxFPS = 60
)

// NewRate is the rate that fps means, 0.01 to 60: itself where it is whole,
// n*1000/1001 where it is that as people round it (23.98, 29.97, 59.94), else
// the nearest millionth.
func NewRate(fps float64) (Rate, error) {
	if !(fps >= minFPS && fps <= maxFPS) { // so that NaN fails too
		return Rate{}, fmt.Errorf("%v pictures a second: must be %v to %v", fps, minFPS, maxFPS)
	}
	n := math.Round(fps)
	switch {
	case fps == n:
		return Rate{int64(n), 1}, nil
	case math.Abs(fps-n*1000/1001) < 0.005:
		return Rate{int64(n) * 1000, 1001}, nil
	}
	r := Rate{int64(math.Round(fps * 1e6)), 1e6}
	d := gcd(r.Num, r.Den)
	return Rate{r.Num / d, r.Den / d}, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Time is when picture n is due, on a clock that shows 0 for picture 0.
func (r Rate) Time(n int64) time.Duration {
	ticks := n * r.Den
	return time.Duration(ticks/r.Num)*time.Second + time.Duration(ticks%r.Num*int64(time.Second)/r.Num)
}

// Count is the number of the last picture that is due at d, which is not
// negative: the inverse of Time.
func (r Rate) Count(d time.Duration) int64 {
	// Time rounds down to the nanosecond, which d+1 undoes: picture n is due
	// when n*Den*1e9 < (d+1)*Num. Nanoseconds times a rate outgrow 64 bits.
	hi, lo := bits.Mul64(uint64(d)+1, uint64(r.Num))
	lo, borrow := bits.Sub64(lo, 1, 0)
	n, _ := bits.Div64(hi-borrow, lo, uint64(r.Den)*uint64(time.Second))
	return int64(n)
}

// Pictures is how many pictures come nearest to the interval d, at least 1.
func (r Rate) Pictures(d time.Duration) int64 {
	return max(1, r.Count(d+r.Time(1)/2))
}
