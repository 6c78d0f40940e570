package h264

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// picture is one entry of a decoding order: its slice header and what the
// order count and the delay must come out as.
type picture struct {
	slice   SliceHeader
	periods int
	poc     int64
	delay   int
}

func idrPicture(poc int64, delay int) picture {
	return picture{SliceHeader{NALType: TypeIDR, RefIDC: 1, Type: SliceI}, 1, poc, delay}
}

func TestPictureOrder(t *testing.T) {
	ref := func(h SliceHeader) SliceHeader { h.NALType, h.RefIDC = TypeSlice, 1; return h }
	non := func(h SliceHeader) SliceHeader { h.NALType = TypeSlice; return h }
	for _, test := range []struct {
		name string
		sps  spsFields
		list []picture
	}{
		{"type 0 wraps and goes back", spsFields{reorder: 2, refs: 2}, []picture{
			idrPicture(0, 0),
			{slice: ref(SliceHeader{POCLsb: 8}), poc: 8},
			{slice: non(SliceHeader{POCLsb: 4}), poc: 4},
			{slice: ref(SliceHeader{POCLsb: 14}), poc: 14},
			{slice: ref(SliceHeader{POCLsb: 4}), poc: 20}, // wrapped at 16
			{slice: non(SliceHeader{POCLsb: 14}), poc: 14},
			{slice: non(SliceHeader{POCLsb: 2}), poc: 18},
		}},
		{"type 0, bottom field first", spsFields{reorder: 0, refs: 1}, []picture{
			{slice: SliceHeader{NALType: TypeIDR, RefIDC: 1, POCLsb: 1, DeltaPOCBot: -1}, poc: 0},
			{slice: ref(SliceHeader{POCLsb: 3, DeltaPOCBot: -1}), poc: 2},
		}},
		{"type 0, everything forgotten by MMCO 5", spsFields{reorder: 1, refs: 1}, []picture{
			idrPicture(0, 0),
			{slice: ref(SliceHeader{POCLsb: 6}), poc: 6},
			{slice: ref(SliceHeader{POCLsb: 12, DeltaPOCBot: -2, MMCO5: true}), poc: 0}, // top counts as 2 from here
			{slice: ref(SliceHeader{POCLsb: 8}), poc: 8},
			{slice: non(SliceHeader{POCLsb: 4}), poc: 4},
		}},
		{"type 1", spsFields{pocType: 1, cycle: []int32{2, 4}, nonRef: -1, refs: 1, reorder: 1}, []picture{
			idrPicture(0, 0),
			{slice: ref(SliceHeader{FrameNum: 1}), poc: 2},
			{slice: ref(SliceHeader{FrameNum: 2}), poc: 6},
			{slice: non(SliceHeader{FrameNum: 3}), poc: 5},
			{slice: ref(SliceHeader{FrameNum: 15}), poc: 44},
			{slice: ref(SliceHeader{FrameNum: 0, DeltaPOC: [2]int32{1, 0}}), poc: 16/2*6 + 1},
			{slice: ref(SliceHeader{FrameNum: 1, MMCO5: true}), poc: 0},
			{slice: ref(SliceHeader{FrameNum: 1}), poc: 2},
		}},
		{"type 2", spsFields{pocType: 2, refs: 1, reorder: -1}, []picture{
			idrPicture(0, 0),
			{slice: ref(SliceHeader{FrameNum: 1}), poc: 2},
			{slice: non(SliceHeader{FrameNum: 2}), poc: 3},
			{slice: ref(SliceHeader{FrameNum: 2}), poc: 4},
			{slice: ref(SliceHeader{FrameNum: 15}), poc: 30},
			{slice: ref(SliceHeader{FrameNum: 0}), poc: 32},
			{slice: ref(SliceHeader{FrameNum: 1, MMCO5: true}), poc: 0},
			{slice: ref(SliceHeader{FrameNum: 1}), poc: 2},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sps, err := ParseSPS(test.sps.nalu())
			if err != nil {
				t.Fatal(err)
			}
			var order pictureOrder
			for i, p := range test.list {
				if got, _ := order.next(&p.slice, sps); got != p.poc {
					t.Errorf("picture %d: order count %d, want %d", i, got, p.poc)
				}
			}
		})
	}
}

// delays runs order counts of a GOP through an Orderer; 0 begins one.
func delays(t *testing.T, o *Orderer, sps *SPS, pocs ...int) (got []int) {
	t.Helper()
	for _, poc := range pocs {
		h := SliceHeader{NALType: TypeSlice, RefIDC: 1, POCLsb: uint32(poc) & (1<<(sps.Log2MaxPicOrderCntLsbMinus4+4) - 1)}
		if poc == 0 {
			h.NALType = TypeIDR
		}
		got = append(got, o.Delay(&h, sps, 1))
	}
	return got
}

func TestOrdererDelay(t *testing.T) {
	rising := func(n, step int) (pocs []int) {
		for i := range n {
			pocs = append(pocs, i*step)
		}
		return pocs
	}
	for _, test := range []struct {
		name string
		sps  spsFields
		pocs []int
		want []int
	}{
		{"two B pictures", spsFields{reorder: 1, refs: 2}, []int{0, 6, 2, 4, 12, 8, 10, 0, 6, 2, 4}, []int{1, 3, 0, 0, 3, 0, 0, 1, 3, 0, 0}},
		{"a pyramid", spsFields{reorder: 2, refs: 2}, []int{0, 8, 4, 2, 6, 16, 12, 10, 14}, []int{2, 5, 2, 0, 1, 5, 2, 0, 1}},
		// Until the first B picture nothing tells 2 from 1 as the step.
		{"an order count of frames", spsFields{reorder: 1, refs: 2}, []int{0, 2, 1, 4, 3, 6, 5, 0, 2, 1}, []int{1, 1, 0, 2, 0, 2, 0, 1, 2, 0}},
		{"nothing reordered, and said so", spsFields{reorder: 0, refs: 1}, rising(40, 6), make([]int, 40)},
		{"nothing reordered, and not said", spsFields{reorder: -1, refs: 1}, rising(40, 2), make([]int, 40)},
		{"nothing reordered, counted in ones", spsFields{reorder: -1, refs: 1}, rising(40, 1), make([]int, 40)},
		{"nothing reordered, counted in fours", spsFields{reorder: -1, refs: 1}, rising(40, 4), make([]int, 40)},
		{"observed", spsFields{reorder: -1, refs: 2}, []int{0, 6, 2, 4, 12, 8, 10, 0, 6, 2, 4}, []int{0, 0, 0, 0, 3, 0, 0, 1, 3, 0, 0}},
		{"Baseline", spsFields{profile: 66, reorder: -1, refs: 2}, rising(20, 2), make([]int, 20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.sps.log2Lsb = 6
			sps, err := ParseSPS(test.sps.nalu())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, delays(t, new(Orderer), sps, test.pocs...)); d != "" {
				t.Errorf("delays (-want +got):\n%s", d)
			}
		})
	}
}

func TestOrdererLearnt(t *testing.T) {
	sps, err := ParseSPS(spsFields{reorder: -1, refs: 2, log2Lsb: 6}.nalu())
	if err != nil {
		t.Fatal(err)
	}
	gop := []int{0, 6, 2, 4, 12, 8, 10}
	var ahead, order Orderer
	delays(t, &ahead, sps, gop...)
	order.Learn(ahead.Learnt())
	if d := cmp.Diff([]int{1, 3, 0, 0, 3, 0, 0}, delays(t, &order, sps, gop...)); d != "" {
		t.Errorf("delays after a look ahead (-want +got):\n%s", d)
	}
}

func TestOrdererSettlesAfterLoss(t *testing.T) {
	sps, err := ParseSPS(spsFields{reorder: 1, refs: 2, log2Lsb: 12}.nalu())
	if err != nil {
		t.Fatal(err)
	}
	pocs := []int{0}
	for i := 0; i < 600; i += 6 {
		if i < 30 || i >= 60 { // five groups of pictures are lost on the way to us
			pocs = append(pocs, i+6, i+2, i+4)
		}
	}
	var order Orderer
	got := delays(t, &order, sps, pocs...)
	// Within the depth it stays: a stream that reorders less than it says
	// looks the same, and there a correction would show two pictures at once.
	if d := cmp.Diff([]int{4, 1, 1}, got[len(got)-3:]); d != "" {
		t.Errorf("delays long after a loss (-want +got):\n%s", d)
	}
}

func TestReorderDepth(t *testing.T) {
	for _, test := range []struct {
		sps   spsFields
		depth int
		exact bool
	}{
		{spsFields{reorder: 2, refs: 4}, 2, true},
		{spsFields{reorder: -1, refs: 4, pocType: 2}, 0, true},
		{spsFields{reorder: -1, refs: 4, profile: 66}, 0, true},
		{spsFields{reorder: -1, refs: 0}, 0, true},
		// Level 3, 8100 macroblocks in the buffer: CIF 16 at the most, 640x480 6.
		{spsFields{reorder: -1, refs: 4, mbs: [2]uint32{22, 18}}, 16, false},
		{spsFields{reorder: -1, refs: 4, mbs: [2]uint32{40, 30}}, 6, false},
		{spsFields{reorder: -1, refs: 4, mbs: [2]uint32{120, 68}, level: 40}, 4, false},
		{spsFields{reorder: -1, refs: 4, mbs: [2]uint32{120, 34}, level: 40, fields: true}, 4, false},
	} {
		s, err := ParseSPS(test.sps.nalu())
		if err != nil {
			t.Fatal(err)
		}
		if depth, exact := s.ReorderDepth(); depth != test.depth || exact != test.exact {
			t.Errorf("%+v: depth %d (exact %v), want %d (%v)", test.sps, depth, exact, test.depth, test.exact)
		}
	}
}

func ExampleOrderer() {
	sps, _ := ParseSPS(spsFields{reorder: 1, refs: 2}.nalu())
	var o Orderer
	for _, lsb := range []uint32{0, 4, 2} { // I, P and a B picture between them
		h := SliceHeader{NALType: TypeSlice, RefIDC: 1, POCLsb: lsb}
		fmt.Println(o.Delay(&h, sps, 1))
	}
	// Output:
	// 1
	// 2
	// 0
}
