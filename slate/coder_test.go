package slate

import (
	"image"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"venuecast/h264"
)

// testRate is for streams whose rate does not matter.
var testRate = Rate{25, 1}

// scribble paints random rectangles, single cells among them, in colours that
// need every step of the coder.
func scribble(c *canvas, rnd *rand.Rand) {
	random := func() uint8 { return uint8(rnd.IntN(256)) }
	for range 1 + rnd.IntN(40) {
		at := image.Pt(rnd.IntN(4*c.mbw), rnd.IntN(4*c.mbh))
		r := image.Rect(0, 0, 1+rnd.IntN(6), 1+rnd.IntN(6)).Add(at)
		switch rnd.IntN(4) {
		case 0:
			c.fill(r, colour{random(), random(), random()})
		case 1: // as far apart as can be
			c.fill(r, colour{uint8(254 * rnd.IntN(2)), uint8(255 * rnd.IntN(2)), uint8(255 * rnd.IntN(2))})
		case 2: // coarse
			c.fill(r, colour{random() &^ 15, random() &^ 7, random() &^ 7})
		case 3: // small differences, whose levels are trailing ones
			c.fill(r, colour{128 + uint8(rnd.IntN(3)), 128 + uint8(rnd.IntN(3)), 127})
		}
	}
}

func TestRandomCanvasesDecodeExactly(t *testing.T) {
	for _, size := range []image.Point{{176, 144}, {178, 150}, {16, 16}, {30, 400}} {
		t.Run(size.String(), func(t *testing.T) {
			const pictures, interval = 150, 20
			s := newStream(t)
			c, k, rnd := newCanvas(size.X, size.Y), new(coder), rand.New(rand.NewPCG(1, 2))
			for i := range pictures {
				scribble(c, rnd)
				if i%interval == 0 {
					s.write(sps(c, testRate, 31), pps())
				}
				s.write(k.code(c, i%interval == 0))
			}
			c, rnd = newCanvas(size.X, size.Y), rand.New(rand.NewPCG(1, 2))
			left := pictures
			s.mustDecodeTo(func() []byte {
				if left == 0 {
					return nil
				}
				left--
				scribble(c, rnd)
				return c.appendYUV(nil)
			})
		})
	}
}

// TestLongStillDecodesExactly lets frame_num wrap around between two changes,
// one of them in the last macroblock, behind which no skip run follows.
func TestLongStillDecodesExactly(t *testing.T) {
	const pictures = 3 << log2MaxFrameNum
	change := func(c *canvas, i int) {
		switch i {
		case 0:
			c.fill(c.coded(), colour{80, 90, 240})
		case pictures / 2:
			c.fill(image.Rect(0, 0, 3, 3), grey(200))
		case pictures - 10:
			c.fill(image.Rect(43, 35, 44, 36), grey(16))
		}
	}
	s := newStream(t)
	c, k := newCanvas(176, 144), new(coder)
	s.write(sps(c, testRate, 31), pps())
	for i := range pictures {
		change(c, i)
		slice := k.code(c, i == 0)
		if still := i != 0 && i != pictures/2 && i != pictures-10; still && len(slice) > 8 {
			t.Errorf("picture %d, where nothing changes, has %d bytes", i, len(slice))
		}
		// ffmpeg says nothing about a wrong frame_num. It stands behind ue(0),
		// ue(5) and ue(0), which are 7 bits.
		if frameNum := int(slice[1]&1)<<7 | int(slice[2]>>1); i > 0 && frameNum != i%(1<<log2MaxFrameNum) {
			t.Errorf("picture %d has frame_num %d", i, frameNum)
		}
		s.write(slice)
	}
	c = newCanvas(176, 144)
	i := 0
	s.mustDecodeTo(func() []byte {
		if i == pictures {
			return nil
		}
		change(c, i)
		i++
		return c.appendYUV(nil)
	})
}

// randomLevels is a block with so many levels that are not 0, the first ones
// in the order of coding ones, and so many zeros before the last level.
func randomLevels(rnd *rand.Rand, n, total, zeros, ones, largest int) []int32 {
	levels := make([]int32, n)
	if total == 0 {
		return levels
	}
	last := total + zeros - 1
	places := append(rnd.Perm(last)[:total-1], last)
	slices.Sort(places)
	for i, at := range places {
		size := 1
		if total-i > ones {
			size = 2 + rnd.IntN(largest-1)
			largest = max(2, largest/4) // so that their sum keeps within the decoder's 16 bits
		}
		levels[at] = int32(size * (1 - 2*rnd.IntN(2)))
	}
	return levels
}

// TestEveryCodeWordDecodes codes blocks that no canvas needs, each as a picture
// of one macroblock, whose prediction is 128: all numbers of levels, zeros and
// trailing ones, and all lengths of levels.
func TestEveryCodeWordDecodes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	c := newCanvas(16, 16)
	out := newStream(t)
	var pictures [][]byte
	var k coder
	code := func(luma, chroma []int32, s int) {
		k.w.Reset()
		k.idrPicID ^= 1
		k.sliceHeader(true)
		w := &k.w
		w.UE(1 + 2 + 4)                // mb_type: DC prediction, chroma DC
		w.UE(0)                        // intra_chroma_pred_mode
		w.SE(int32(4 + 6*s - sliceQP)) // mb_qp_delta
		writeBlock(w, luma, lumaTokens)
		writeBlock(w, chroma, chromaTokens)
		writeBlock(w, make([]int32, 4), chromaTokens)
		w.TrailingBits()
		out.write(sps(c, testRate, 31), pps(), h264.AppendNALU(nil, 0x65, w.Bytes()))
		lumaDiffs, chromaDiffs := decodeLuma(luma, s), decodeChroma(chroma, s)
		for i, d := range lumaDiffs {
			c.luma[i] = uint8(min(max(128+d, 0), 255))
		}
		for i, d := range chromaDiffs {
			c.chroma[0][i] = uint8(min(max(128+d, 0), 255))
			c.chroma[1][i] = 128
		}
		pictures = append(pictures, c.appendYUV(nil))
	}
	for range 20 { // the runs before the levels are left to chance
		for total := range 17 {
			for zeros := range 17 - total {
				for ones := range min(3, total) + 1 {
					chroma := randomLevels(rnd, 4, min(total, 4), min(zeros, 4-min(total, 4)), min(ones, total, 4), 12)
					code(randomLevels(rnd, 16, total, zeros, ones, 12), chroma, 4)
				}
			}
		}
	}
	for range 200 {
		total := 1 + rnd.IntN(16)
		code(randomLevels(rnd, 16, total, rnd.IntN(17-total), 0, 2063), randomLevels(rnd, 4, 2, 1, 1, 1020), 1)
	}
	out.mustDecodeTo(func() []byte {
		if len(pictures) == 0 {
			return nil
		}
		next := pictures[0]
		pictures = pictures[1:]
		return next
	})
}

// levelScale is that of DC at qP%6 = 4 with flat scaling [8.5.9].
const levelScale = 16 * 16

// decodeLuma is what a decoder adds to the prediction of a macroblock's cells
// for levels at QP 4 + 6s: the arithmetic of [8.5.10] and [8.5.12], with its
// shifts and roundings.
func decodeLuma(levels []int32, s int) (diffs [16]int32) {
	h := [4][4]int32{{1, 1, 1, 1}, {1, 1, -1, -1}, {1, -1, -1, 1}, {1, -1, 1, -1}}
	var c [4][4]int32
	for i, level := range levels {
		c[zigzag[i]/4][zigzag[i]%4] = level
	}
	for i := range 4 {
		for j := range 4 {
			f := int32(0)
			for y := range 4 {
				for x := range 4 {
					f += h[i][y] * c[y][x] * h[x][j]
				}
			}
			dcY := (f*levelScale + 1<<(5-s)) >> (6 - s)
			diffs[4*i+j] = (dcY + 32) >> 6
		}
	}
	return diffs
}

// decodeChroma is decodeLuma for Cb or Cr [8.5.11].
func decodeChroma(c []int32, s int) (diffs [4]int32) {
	f := [4]int32{c[0] + c[1] + c[2] + c[3], c[0] - c[1] + c[2] - c[3], c[0] + c[1] - c[2] - c[3], c[0] - c[1] - c[2] + c[3]}
	for i := range f {
		dcC := f[i] * levelScale << s >> 5
		diffs[i] = (dcC + 32) >> 6
	}
	return diffs
}

// TestLevelsComeBackExactly needs no decoder: for any canvas there are levels
// that can be coded, and the specification's arithmetic makes the canvas of
// them.
func TestLevelsComeBackExactly(t *testing.T) {
	const longest = 2063 // level that CAVLC reaches [9.2.2.1]
	rapid.Check(t, func(t *rapid.T) {
		c := newCanvas(32, 32)
		extreme := rapid.Bool().Draw(t, "extreme")
		for i := range c.luma {
			c.luma[i] = rapid.Uint8().Draw(t, "y") &^ 1
			if extreme {
				c.luma[i] = c.luma[i] >> 7 * 254
			}
		}
		for i := range c.chroma[0] {
			c.chroma[0][i] = rapid.Uint8().Draw(t, "cb")
		}
		// With neighbours on both sides, or on one, or none.
		mbx, mby := rapid.IntRange(0, 1).Draw(t, "mbx"), rapid.IntRange(0, 1).Draw(t, "mby")

		luma, lumaBits := lumaDC(c, mbx, mby)
		chroma, chromaBits := chromaDC(c, 0, mbx, mby)
		s := coarsest(lumaBits, chromaBits)
		if s < 1 {
			t.Fatalf("no step divides %v and %v", luma, chroma)
		}
		for i := range luma {
			luma[i] >>= s
			if max(luma[i], -luma[i]) > longest {
				t.Errorf("level %d of luma is %d", i, luma[i])
			}
		}
		for i := range chroma {
			chroma[i] >>= s - 1
			if max(chroma[i], -chroma[i]) > longest {
				t.Errorf("level %d of chroma is %d", i, chroma[i])
			}
		}
		// All cells of luma have one prediction, whatever it is.
		diffs := decodeLuma(luma[:], s)
		at := func(i int) int32 { return int32(c.luma[(4*mby+i/4)*4*c.mbw+4*mbx+i%4]) }
		for i, d := range diffs {
			if at(i)-d != at(0)-diffs[0] {
				t.Errorf("step %d: cell %d is %d, %d of it residual; cell 0 is %d, %d of it residual", s, i, at(i), d, at(0), diffs[0])
			}
		}
		if mbx+mby > 0 { // a prediction for each cell of chroma
			return
		}
		for i, d := range decodeChroma(chroma[:], s) {
			if want := int32(c.chroma[0][i/2*2*c.mbw+i%2]); 128+d != want {
				t.Errorf("step %d: chroma cell %d comes back as %d, want %d", s, i, 128+d, want)
			}
		}
	})
}

// TestCodesArePrefixFree sums up each code: words of a code without prefixes
// take at most all of the space, and those of CAVLC most of it.
func TestCodesArePrefixFree(t *testing.T) {
	sum := func(words []code) (sum float64) {
		for _, w := range words {
			if w.n > 0 {
				sum += 1 / float64(int(1)<<w.n)
			}
			if w.bits>>w.n != 0 {
				t.Errorf("%d does not fit into %d bits", w.bits, w.n)
			}
		}
		return sum
	}
	check := func(name string, words []code) {
		t.Helper()
		if s := sum(words); s > 1 || s < 0.9 {
			t.Errorf("%s fills %v of the space", name, s)
		}
	}
	for name, table := range map[string]*tokenTable{"luma": lumaTokens, "chroma": chromaTokens} {
		var tokens []code
		for _, words := range table.coeffToken {
			tokens = append(tokens, words[:]...)
		}
		check(name+" coeff_token", tokens)
		for i, words := range table.totalZeros {
			if want := len(table.coeffToken) - 1 - i; len(words) != want {
				t.Errorf("%s total_zeros of %d: %d words, want %d", name, i+1, len(words), want)
			}
			check(name+" total_zeros", words)
		}
	}
	for _, words := range runBefore {
		check("run_before", words)
	}
}
