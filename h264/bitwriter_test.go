package h264_test

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"venuecast/h264"
)

// writerCases are codes as [Table 9-2] and [Table 9-3] print them.
var writerCases = []struct {
	name  string
	write func(w *h264.BitWriter)
	want  string // bits
}{
	{"nothing", func(*h264.BitWriter) {}, ""},
	{"u(0)", func(w *h264.BitWriter) { w.U(0, 1) }, ""},
	{"u(3)", func(w *h264.BitWriter) { w.U(3, 5) }, "101"},
	{"u(3) of a longer number", func(w *h264.BitWriter) { w.U(3, 0xfd) }, "101"},
	{"u(32)", func(w *h264.BitWriter) { w.U(1, 0); w.U(32, 0xffffffff) }, "0" + strings.Repeat("1", 32)},
	{"flags", func(w *h264.BitWriter) { w.Flag(true); w.Flag(false) }, "10"},
	{"ue(0)", func(w *h264.BitWriter) { w.UE(0) }, "1"},
	{"ue(1)", func(w *h264.BitWriter) { w.UE(1) }, "010"},
	{"ue(2)", func(w *h264.BitWriter) { w.UE(2) }, "011"},
	{"ue(9)", func(w *h264.BitWriter) { w.UE(9) }, "0001010"},
	{"ue(2^32-2)", func(w *h264.BitWriter) { w.UE(1<<32 - 2) }, strings.Repeat("0", 31) + strings.Repeat("1", 32)},
	{"se(0)", func(w *h264.BitWriter) { w.SE(0) }, "1"},
	{"se(1)", func(w *h264.BitWriter) { w.SE(1) }, "010"},
	{"se(-1)", func(w *h264.BitWriter) { w.SE(-1) }, "011"},
	{"se(2)", func(w *h264.BitWriter) { w.SE(2) }, "00100"},
	{"se(-3)", func(w *h264.BitWriter) { w.SE(-3) }, "00111"},
	{"align zeros", func(w *h264.BitWriter) { w.U(1, 1); w.Align(false) }, "10000000"},
	{"align ones", func(w *h264.BitWriter) { w.U(3, 0); w.Align(true) }, "00011111"},
	{"align when aligned", func(w *h264.BitWriter) { w.U(8, 7); w.Align(true) }, "00000111"},
	{"trailing bits", func(w *h264.BitWriter) { w.U(2, 0); w.TrailingBits() }, "00100000"},
	{"trailing bits when aligned", func(w *h264.BitWriter) { w.U(8, 1); w.TrailingBits() }, "0000000110000000"},
}

func TestBitWriterCodes(t *testing.T) {
	var w h264.BitWriter
	for _, c := range writerCases {
		w.Reset()
		c.write(&w)
		if got := w.Bits(); got != len(c.want) {
			t.Errorf("%s: %d bits, want %d", c.name, got, len(c.want))
		}
		if got, want := w.Aligned(), len(c.want)%8 == 0; got != want {
			t.Errorf("%s: aligned %v, want %v", c.name, got, want)
		}
		w.Align(false)
		var got strings.Builder
		for _, b := range w.Bytes() {
			fmt.Fprintf(&got, "%08b", b)
		}
		if want := c.want + strings.Repeat("0", -len(c.want)&7); got.String() != want {
			t.Errorf("%s: %s, want %s", c.name, &got, want)
		}
	}
}

// bitString reads back what a BitWriter wrote, written for clarity alone.
type bitString struct {
	b   []byte
	pos int
}

func (r *bitString) u(n int) (v uint64) {
	for range n {
		v = v<<1 | uint64(r.b[r.pos/8]>>(7-r.pos%8)&1)
		r.pos++
	}
	return v
}

func (r *bitString) ue() uint64 {
	zeros := 0
	for r.u(1) == 0 {
		zeros++
	}
	return 1<<zeros - 1 + r.u(zeros)
}

func (r *bitString) se() int64 {
	k := r.ue()
	if k%2 == 1 {
		return int64(k+1) / 2
	}
	return -int64(k / 2)
}

func TestBitWriterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w h264.BitWriter
		var checks []func(r *bitString) error
		expect := func(what string, got, want int64) error {
			if got != want {
				return fmt.Errorf("%s: read %d, wrote %d", what, got, want)
			}
			return nil
		}
		for range rapid.IntRange(0, 40).Draw(t, "elements") {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				n := rapid.IntRange(0, 32).Draw(t, "n")
				v := rapid.Uint32Range(0, uint32(1<<n-1)).Draw(t, "u")
				w.U(n, v)
				checks = append(checks, func(r *bitString) error { return expect("u", int64(r.u(n)), int64(v)) })
			case 1:
				v := rapid.Uint32Range(0, 1<<32-2).Draw(t, "ue")
				w.UE(v)
				checks = append(checks, func(r *bitString) error { return expect("ue", int64(r.ue()), int64(v)) })
			case 2:
				v := rapid.Int32Range(-1<<31+1, 1<<31-1).Draw(t, "se")
				w.SE(v)
				checks = append(checks, func(r *bitString) error { return expect("se", r.se(), int64(v)) })
			case 3:
				one := rapid.Bool().Draw(t, "align")
				w.Align(one)
				checks = append(checks, func(r *bitString) error {
					n := -r.pos & 7
					want := int64(0)
					if one {
						want = 1<<n - 1
					}
					return expect("align", int64(r.u(n)), want)
				})
			}
		}
		length := w.Bits()
		w.TrailingBits()
		r := &bitString{b: w.Bytes()}
		for _, check := range checks {
			if err := check(r); err != nil {
				t.Fatal(err)
			}
		}
		if r.pos != length {
			t.Fatalf("read %d bits, Bits said %d", r.pos, length)
		}
		if last := r.b[len(r.b)-1]; len(r.b) != length/8+1 || bits.TrailingZeros8(last) != 7-length%8 {
			t.Fatalf("%d bits end in %08b at byte %d", length, last, len(r.b))
		}
	})
}

func TestBitWriterReusesItsMemory(t *testing.T) {
	var w h264.BitWriter
	nalu := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		w.Reset()
		for i := range uint32(500) {
			w.UE(i)
		}
		w.TrailingBits()
		nalu = h264.AppendNALU(nalu[:0], 0x65, w.Bytes())
	})
	if n != 0 {
		t.Errorf("%v allocations for each payload, want 0", n)
	}
}

var naluCases = []struct{ rbsp, want string }{
	{"", "\x65"},
	{"\x01\x02\x80", "\x65\x01\x02\x80"},
	{"\x00\x00\x80", "\x65\x00\x00\x80"},
	{"\x00\x00\x00\x80", "\x65\x00\x00\x03\x00\x80"},
	{"\x00\x00\x01\x80", "\x65\x00\x00\x03\x01\x80"},
	{"\x00\x00\x02\x80", "\x65\x00\x00\x03\x02\x80"},
	{"\x00\x00\x03\x80", "\x65\x00\x00\x03\x03\x80"},
	{"\x00\x00\x04\x80", "\x65\x00\x00\x04\x80"},
	{"\x00\x00\x00\x00\x00\x80", "\x65\x00\x00\x03\x00\x00\x03\x00\x80"},
	{"\x80\x00", "\x65\x80\x00\x03"},
	{"\x80\x00\x00\x03", "\x65\x80\x00\x00\x03\x03"},
	{"\x80\x00\x00", "\x65\x80\x00\x00\x03"}, // a cabac_zero_word
	{"\x80\x00\x00\x00\x00", "\x65\x80\x00\x00\x03\x00\x00\x03"},
}

func TestAppendNALU(t *testing.T) {
	for _, c := range naluCases {
		got := h264.AppendNALU([]byte("dst"), 0x65, []byte(c.rbsp))
		if want := "dst" + c.want; string(got) != want {
			t.Errorf("AppendNALU(% x) = % x, want % x", c.rbsp, got, want)
		}
	}
}

func FuzzAppendNALU(f *testing.F) {
	for _, c := range naluCases {
		f.Add([]byte(c.rbsp))
	}
	f.Fuzz(func(t *testing.T, rbsp []byte) {
		nalu := h264.AppendNALU(nil, 0x65, rbsp)
		for _, forbidden := range []string{"\x00\x00\x00", "\x00\x00\x01", "\x00\x00\x02"} {
			if bytes.Contains(nalu, []byte(forbidden)) {
				t.Errorf("% x contains % x", nalu, forbidden)
			}
		}
		if nalu[len(nalu)-1] == 0 {
			t.Errorf("% x ends in a zero byte", nalu)
		}
		// What a decoder takes out again [7.3.1].
		got := bytes.ReplaceAll(nalu[1:], []byte{0, 0, 3}, []byte{0, 0})
		if len(rbsp) > 0 && rbsp[len(rbsp)-1] == 0 {
			got = bytes.TrimSuffix(got, []byte{3}) // where the last word was a single zero
		}
		if !bytes.Equal(got, rbsp) {
			t.Errorf("% x reads as % x, want % x", nalu, got, rbsp)
		}
	})
}
