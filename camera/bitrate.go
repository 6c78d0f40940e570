package camera

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// BitRate is in bits a second. Text has it as a number with an optional k or
// M (powers of 1000): 6M, 800k, 2.5M, 6000000.
type BitRate int64

// UnmarshalText reads what MarshalText writes and everything in between.
func (b *BitRate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	unit := 1.0
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		unit, s = 1e3, s[:len(s)-1]
	case strings.HasSuffix(s, "M"):
		unit, s = 1e6, s[:len(s)-1]
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v*unit > 1e12 {
		return fmt.Errorf("bit rate %q: want bits a second such as 6M, 800k or 6000000", text)
	}
	*b = BitRate(math.Round(v * unit))
	return nil
}

// MarshalText writes the shortest exact form.
func (b BitRate) MarshalText() ([]byte, error) {
	switch {
	case b != 0 && b%1e6 == 0:
		return fmt.Appendf(nil, "%dM", b/1e6), nil
	case b != 0 && b%1e3 == 0:
		return fmt.Appendf(nil, "%dk", b/1e3), nil
	}
	return strconv.AppendInt(nil, int64(b), 10), nil
}

func (b BitRate) String() string {
	text, _ := b.MarshalText()
	return string(text)
}
