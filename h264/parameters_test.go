package h264

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSPSFrameRate(t *testing.T) {
	for _, test := range []struct {
		tick, scale uint32
		want        float64
	}{{1, 60, 30}, {1001, 60000, 30000.0 / 1001}, {1, 50, 25}, {0, 60, 0}, {1, 90000, 0}, {1 << 30, 1, 0}} {
		s, err := ParseSPS(spsFields{reorder: 0, tick: test.tick, scale: test.scale}.nalu())
		if err != nil {
			t.Fatal(err)
		}
		if got := s.FrameRate(); got != test.want {
			t.Errorf("%d/%d: %v frames a second, want %v", test.scale, test.tick, got, test.want)
		}
	}
}

func TestParseSPSRefuses(t *testing.T) {
	good := spsFields{reorder: 1, refs: 1}.nalu()
	for name, n := range map[string]NALU{
		"empty":            {},
		"another type":     ppsNALU(0, 0, false),
		"cut short":        good[:7],
		"an id over 31":    spsFields{id: 32}.nalu(),
		"17 references":    spsFields{refs: 17}.nalu(),
		"a huge picture":   spsFields{mbs: [2]uint32{1 << 16, 1 << 16}}.nalu(),
		"order count type": spsFields{pocType: 3}.nalu(),
	} {
		if _, err := ParseSPS(n); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParameterSetsChange(t *testing.T) {
	a, b := spsFields{reorder: 0, refs: 1}, spsFields{reorder: 0, refs: 1, mbs: [2]uint32{40, 30}}
	other := spsFields{id: 1, reorder: 0, refs: 1, mbs: [2]uint32{80, 45}}
	pps, ppsOther := ppsNALU(0, 0, false), ppsNALU(5, 1, false)
	var p ParameterSets
	if _, err := p.AVCC(); !errors.Is(err, ErrNoParameterSets) {
		t.Errorf("avcC of nothing: %v, want ErrNoParameterSets", err)
	}
	for i, test := range []struct {
		n       NALU
		changed bool
		width   int
	}{
		{a.nalu(), true, 320}, {pps, true, 320},
		{a.nalu(), false, 320}, {pps, false, 320}, // repeated
		{b.nalu(), true, 640},                            // under the same id
		{a.nalu(), true, 320},                            // and back
		{other.nalu(), true, 320}, {ppsOther, true, 320}, // not in use yet
		{NALU{9, 0xf0}, false, 320},
	} {
		changed, err := p.Update(test.n)
		if err != nil || changed != test.changed || p.SPS().Width() != test.width {
			t.Errorf("step %d: changed %v, width %d, %v; want %v, %d", i, changed, p.SPS().Width(), err, test.changed, test.width)
		}
	}
	if changed, err := p.Activate(sliceFields{idr: true, pps: 5, redundant: -1}.nalu(other)); !changed || err != nil {
		t.Errorf("a slice of the other SPS: changed %v, %v", changed, err)
	}
	if got := p.SPS().Width(); got != 1280 {
		t.Errorf("width %d after the switch, want 1280", got)
	}
	record, err := p.AVCC()
	if err != nil {
		t.Fatal(err)
	}
	sps, ppsList, size, err := ParseAVCC(record)
	if err != nil || size != 4 || !cmp.Equal(sps, []NALU{other.nalu()}) || !cmp.Equal(ppsList, []NALU{ppsOther}) {
		t.Errorf("avcC holds %x and %x, lengths of %d, %v: want the sets in use and no others", sps, ppsList, size, err)
	}
	if changed, err := p.Update(NALU{0x67, 1, 2}); changed || err == nil || p.SPS().Width() != 1280 {
		t.Errorf("a broken SPS: changed %v, %v", changed, err)
	}
	if _, err := p.Activate(sliceFields{pps: 9, redundant: -1}.nalu(a)); !errors.Is(err, ErrNoParameterSets) {
		t.Errorf("a slice of a PPS that is missing: %v", err)
	}
}

func TestUpdateCopies(t *testing.T) {
	var p ParameterSets
	buf := spsFields{reorder: 0, refs: 1}.nalu()
	want := bytes.Clone(buf)
	if _, err := p.Update(buf); err != nil {
		t.Fatal(err)
	}
	clear(buf)
	if !bytes.Equal(p.SPS().Bytes(), want) {
		t.Error("the SPS changed with the caller's buffer")
	}
}

func TestAVCCGolden(t *testing.T) {
	var p ParameterSets
	s, q := spsFields{profile: 100, reorder: 0}.highNALU(), ppsNALU(0, 0, false)
	for _, n := range []NALU{s, q} {
		if _, err := p.Update(n); err != nil {
			t.Fatal(err)
		}
	}
	want := []byte{1, 100, 0, 30, 0xff, 0xe1, 0, byte(len(s))}
	want = append(append(want, s...), 1, 0, byte(len(q)))
	want = append(append(want, q...), 0xfc|1, 0xf8, 0xf8, 0) // 4:2:0, 8 bits, 8 bits, no extension
	got, err := p.AVCC()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("avcC %x, %v; want %x", got, err, want)
	}
}

// highNALU writes the fields that only the High profiles have.
func (s spsFields) highNALU() NALU {
	var w BitWriter
	w.U(8, 100)
	w.U(8, 0)
	w.U(8, 30)
	w.UE(0)
	w.UE(1) // chroma_format_idc
	w.UE(0)
	w.UE(0)
	w.U(2, 0)
	w.UE(0)
	w.UE(2) // pic_order_cnt_type
	w.UE(1)
	w.Flag(false)
	w.UE(19)
	w.UE(14)
	w.U(2, 3)
	w.U(2, 0)
	w.TrailingBits()
	return AppendNALU(nil, 0x67, w.Bytes())
}

func TestSplitAVCC(t *testing.T) {
	for _, test := range []struct {
		size  int
		bytes []byte
		want  []NALU
		ok    bool
	}{
		{4, []byte{0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 6}, []NALU{{0x65, 1}, {6}}, true},
		{2, []byte{0, 1, 9, 0, 0, 0, 1, 0x41}, []NALU{{9}, {0x41}}, true},
		{1, []byte{1, 9}, []NALU{{9}}, true},
		{4, []byte{0, 0, 0, 1, 9, 0, 0}, []NALU{{9}}, false},
		{4, []byte{0, 0, 0, 1, 9, 0xff, 0xff, 0xff, 0xff, 1}, []NALU{{9}}, false},
		{4, nil, nil, true},
	} {
		got, err := SplitAVCC(nil, test.bytes, test.size)
		if (err == nil) != test.ok || !cmp.Equal(got, test.want) {
			t.Errorf("%x: %x, %v; want %x, ok %v", test.bytes, got, err, test.want, test.ok)
		}
	}
}

func FuzzParameterSets(f *testing.F) {
	f.Add([]byte(spsFields{reorder: 1, refs: 1, tick: 1, scale: 50}.nalu()), []byte(ppsNALU(1, 0, true)))
	f.Add([]byte(spsFields{pocType: 1, cycle: []int32{1, 2}, fields: true}.nalu()), []byte(ppsNALU(0, 0, false)))
	f.Add([]byte(spsFields{}.highNALU()), []byte(ppsNALU(0, 0, false)))
	f.Add([]byte("'000Y.\x89X00"), []byte("0")) // cropped beyond its width
	f.Fuzz(func(t *testing.T, sps, pps []byte) {
		var p ParameterSets
		if changed, err := p.Update(sps); changed && err == nil && p.SPS() != nil {
			s := p.SPS()
			if s.Width() <= 0 || s.Height() <= 0 || s.Width() > 1<<15 || s.Height() > 1<<16 {
				t.Fatalf("a picture of %dx%d", s.Width(), s.Height())
			}
			if d, _ := s.ReorderDepth(); d < 0 || d > 16 {
				t.Fatalf("reorder depth %d", d)
			}
			if r := s.FrameRate(); r < 0 || r > 300 {
				t.Fatalf("%v frames a second", r)
			}
		}
		if _, err := p.Update(pps); err != nil {
			return
		}
		record, err := p.AVCC()
		if err != nil {
			return
		}
		if _, _, _, err := ParseAVCC(record); err != nil {
			t.Fatalf("our own avcC: %v", err)
		}
	})
}

func FuzzAVCC(f *testing.F) {
	f.Add([]byte{1, 100, 0, 30, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x68})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, size, err := ParseAVCC(b); err == nil && size != 1 && size != 2 && size != 4 {
			t.Fatalf("length size %d", size)
		}
		nalus, _ := SplitAVCC(nil, b, 4)
		for _, n := range nalus {
			if len(n) == 0 {
				t.Fatal("an empty NAL unit")
			}
		}
	})
}

func FuzzSliceHeader(f *testing.F) {
	plain, fields, one := spsFields{refs: 1, reorder: 0}, spsFields{fields: true, refs: 1}, spsFields{pocType: 1, cycle: []int32{1}, refs: 1}
	for _, s := range []spsFields{plain, fields, one} {
		f.Add([]byte(s.nalu()), []byte(ppsNALU(0, 0, false)), []byte(sliceFields{mmco5: true, redundant: -1, payload: 4}.nalu(s)))
	}
	f.Fuzz(func(t *testing.T, sps, pps, slice []byte) {
		var p ParameterSets
		_, _ = p.Update(sps)
		_, _ = p.Update(pps)
		h, err := ParseSliceHeader(slice, &p)
		if err == nil && (h.Type > SliceSI || h.FrameNum >= 1<<16 || h.POCLsb >= 1<<16) {
			t.Fatalf("%+v", h)
		}
	})
}

func TestParseSliceHeader(t *testing.T) {
	s := spsFields{refs: 1, reorder: 0}
	var p ParameterSets
	for _, n := range []NALU{s.nalu(), ppsNALU(0, 0, false)} {
		if _, err := p.Update(n); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []sliceFields{
		{idr: true, kind: SliceI, idrPicID: 7},
		{frameNum: 3, lsb: 6, firstMB: 40},
		{frameNum: 3, lsb: 6, mmco5: true},
		{nonRef: true, kind: SliceB, frameNum: 9, lsb: 15},
	} {
		f.redundant = -1
		h, err := ParseSliceHeader(f.nalu(s), &p)
		if err != nil {
			t.Errorf("%+v: %v", f, err)
			continue
		}
		if h.IsIDR() != f.idr || h.Type != f.kind || h.FrameNum != f.frameNum || h.POCLsb != f.lsb || h.FirstMB != f.firstMB ||
			h.IDRPicID != f.idrPicID || h.MMCO5 != f.mmco5 || (h.RefIDC == 0) != f.nonRef {
			t.Errorf("wrote %+v, read %+v", f, h)
		}
	}
}
