package slate

import "venuecast/h264"

// A code is a word of a variable length code: its length, and its bits as a
// number.
type code struct{ n, bits uint8 }

func (c code) write(w *h264.BitWriter) { w.U(int(c.n), uint32(c.bits)) }

// A tokenTable is what depends on the kind of block.
type tokenTable struct {
	coeffToken [][4]code // by TotalCoeff, then TrailingOnes [Table 9-5]
	totalZeros [][]code  // by TotalCoeff less 1, then total_zeros [Tables 9-7 to 9-9]
}

// writeBlock writes residual_block_cavlc() [7.3.5.3.2] for the levels of a
// block in the order of coding. None is beyond 2063 either way.
func writeBlock(w *h264.BitWriter, levels []int32, t *tokenTable) {
	// The levels that are not zero from the last to the first, as they are
	// coded, and how many zeros lie before each, up to the next.
	var level [16]int32
	var run [16]uint8
	total, zeros, gap := 0, 0, uint8(0)
	for i := len(levels) - 1; i >= 0; i-- {
		switch {
		case levels[i] != 0:
			if total > 0 {
				run[total-1] = gap
			}
			level[total], gap = levels[i], 0
			total++
		case total > 0:
			gap++
			zeros++
		}
	}
	ones := 0
	for ones < min(total, 3) && (level[ones] == 1 || level[ones] == -1) {
		ones++
	}

	t.coeffToken[total][ones].write(w)
	if total == 0 {
		return
	}
	for _, l := range level[:ones] {
		w.Flag(l < 0) // trailing_ones_sign_flag
	}
	writeLevels(w, level[ones:total], ones, total > 10)
	if total == len(levels) {
		return
	}
	t.totalZeros[total-1][zeros].write(w)
	for _, r := range run[:total-1] { // what is left lies before the first
		if zeros == 0 {
			break
		}
		runBefore[min(zeros, len(runBefore))-1][r].write(w)
		zeros -= int(r)
	}
}

// writeLevels writes level_prefix and level_suffix for the levels behind the
// trailing ones, which are none to three [9.2.2.1].
func writeLevels(w *h264.BitWriter, levels []int32, ones int, many bool) {
	suffixLength := 0
	if many && ones < 3 {
		suffixLength = 1
	}
	for i, l := range levels {
		size, sign := l, int32(0)
		if l < 0 {
			size, sign = -l, 1
		}
		levelCode := uint32(2*size - 2 + sign)
		if i == 0 && ones < 3 {
			levelCode -= 2 // it is no 1, or it would be a trailing one
		}
		// level_prefix p is p zeros and a one.
		switch escape := uint32(15) << suffixLength; {
		case suffixLength == 0 && levelCode < 14:
			w.U(int(levelCode)+1, 1)
		case suffixLength == 0 && levelCode < 30:
			w.U(15, 1)
			w.U(4, levelCode-14)
		case suffixLength == 0:
			w.U(16, 1)
			w.U(12, levelCode-30)
		case levelCode < escape:
			w.U(int(levelCode>>suffixLength)+1, 1)
			w.U(suffixLength, levelCode)
		default:
			w.U(16, 1)
			w.U(12, levelCode-escape)
		}
		if suffixLength == 0 {
			suffixLength = 1
		}
		if size > 3<<(suffixLength-1) && suffixLength < 6 {
			suffixLength++
		}
	}
}

// lumaTokens is for Intra16x16DCLevel with 0 <= nC < 2.
var lumaTokens = &tokenTable{
	coeffToken: [][4]code{
		{{1, 1}},
		{{6, 5}, {2, 1}},
		{{8, 7}, {6, 4}, {3, 1}},
		{{9, 7}, {8, 6}, {7, 5}, {5, 3}},
		{{10, 7}, {9, 6}, {8, 5}, {6, 3}},
		{{11, 7}, {10, 6}, {9, 5}, {7, 4}},
		{{13, 15}, {11, 6}, {10, 5}, {8, 4}},
		{{13, 11}, {13, 14}, {11, 5}, {9, 4}},
		{{13, 8}, {13, 10}, {13, 13}, {10, 4}},
		{{14, 15}, {14, 14}, {13, 9}, {11, 4}},
		{{14, 11}, {14, 10}, {14, 13}, {13, 12}},
		{{15, 15}, {15, 14}, {14, 9}, {14, 12}},
		{{15, 11}, {15, 10}, {15, 13}, {14, 8}},
		{{16, 15}, {15, 1}, {15, 9}, {15, 12}},
		{{16, 11}, {16, 14}, {16, 13}, {15, 8}},
		{{16, 7}, {16, 10}, {16, 9}, {16, 12}},
		{{16, 4}, {16, 6}, {16, 5}, {16, 8}},
	},
	totalZeros: [][]code{
		{{1, 1}, {3, 3}, {3, 2}, {4, 3}, {4, 2}, {5, 3}, {5, 2}, {6, 3}, {6, 2}, {7, 3}, {7, 2}, {8, 3}, {8, 2}, {9, 3}, {9, 2}, {9, 1}},
		{{3, 7}, {3, 6}, {3, 5}, {3, 4}, {3, 3}, {4, 5}, {4, 4}, {4, 3}, {4, 2}, {5, 3}, {5, 2}, {6, 3}, {6, 2}, {6, 1}, {6, 0}},
		{{4, 5}, {3, 7}, {3, 6}, {3, 5}, {4, 4}, {4, 3}, {3, 4}, {3, 3}, {4, 2}, {5, 3}, {5, 2}, {6, 1}, {5, 1}, {6, 0}},
		{{5, 3}, {3, 7}, {4, 5}, {4, 4}, {3, 6}, {3, 5}, {3, 4}, {4, 3}, {3, 3}, {4, 2}, {5, 2}, {5, 1}, {5, 0}},
		{{4, 5}, {4, 4}, {4, 3}, {3, 7}, {3, 6}, {3, 5}, {3, 4}, {3, 3}, {4, 2}, {5, 1}, {4, 1}, {5, 0}},
		{{6, 1}, {5, 1}, {3, 7}, {3, 6}, {3, 5}, {3, 4}, {3, 3}, {3, 2}, {4, 1}, {3, 1}, {6, 0}},
		{{6, 1}, {5, 1}, {3, 5}, {3, 4}, {3, 3}, {2, 3}, {3, 2}, {4, 1}, {3, 1}, {6, 0}},
		{{6, 1}, {4, 1}, {5, 1}, {3, 3}, {2, 3}, {2, 2}, {3, 2}, {3, 1}, {6, 0}},
		{{6, 1}, {6, 0}, {4, 1}, {2, 3}, {2, 2}, {3, 1}, {2, 1}, {5, 1}},
		{{5, 1}, {5, 0}, {3, 1}, {2, 3}, {2, 2}, {2, 1}, {4, 1}},
		{{4, 0}, {4, 1}, {3, 1}, {3, 2}, {1, 1}, {3, 3}},
		{{4, 0}, {4, 1}, {2, 1}, {1, 1}, {3, 1}},
		{{3, 0}, {3, 1}, {1, 1}, {2, 1}},
		{{2, 0}, {2, 1}, {1, 1}},
		{{1, 0}, {1, 1}},
	},
}

// chromaTokens is for ChromaDCLevel of 4:2:0, nC -1.
var chromaTokens = &tokenTable{
	coeffToken: [][4]code{
		{{2, 1}},
		{{6, 7}, {1, 1}},
		{{6, 4}, {6, 6}, {3, 1}},
		{{6, 3}, {7, 3}, {7, 2}, {6, 5}},
		{{6, 2}, {8, 3}, {8, 2}, {7, 0}},
	},
	totalZeros: [][]code{
		{{1, 1}, {2, 1}, {3, 1}, {3, 0}},
		{{1, 1}, {2, 1}, {2, 0}},
		{{1, 1}, {1, 0}},
	},
}

// runBefore is by zerosLeft less 1, beyond the last row the last one, then
// run_before [Table 9-10].
var runBefore = [...][]code{
	{{1, 1}, {1, 0}},
	{{1, 1}, {2, 1}, {2, 0}},
	{{2, 3}, {2, 2}, {2, 1}, {2, 0}},
	{{2, 3}, {2, 2}, {2, 1}, {3, 1}, {3, 0}},
	{{2, 3}, {2, 2}, {3, 3}, {3, 2}, {3, 1}, {3, 0}},
	{{2, 3}, {3, 0}, {3, 1}, {3, 3}, {3, 2}, {3, 5}, {3, 4}},
	{{3, 7}, {3, 6}, {3, 5}, {3, 4}, {3, 3}, {3, 2}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}, {9, 1}, {10, 1}, {11, 1}},
}
