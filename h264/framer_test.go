package h264

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// types writes an access unit's NAL unit types, for a table to compare.
func types(au AccessUnit) string {
	var s []string
	for _, n := range au.NALUs {
		s = append(s, fmt.Sprint(n.Type()))
	}
	if au.Keyframe {
		s = append(s, "key")
	}
	return strings.Join(s, " ")
}

func recoverySEI(frames uint32) NALU {
	var w BitWriter
	w.U(8, 6)
	w.U(8, 1)
	w.UE(frames)
	w.U(4, 0)
	w.Align(false)
	w.TrailingBits()
	return AppendNALU(nil, 6, w.Bytes())
}

func TestFramerAccessUnits(t *testing.T) {
	sps := spsFields{reorder: 0, refs: 1}
	type1 := spsFields{pocType: 1, cycle: []int32{2}, nonRef: -1, refs: 1, reorder: 0}
	fields := spsFields{fields: true, refs: 1, reorder: 0}
	pps := ppsNALU(0, 0, false)
	aud := NALU{9, 0xf0}
	no := -1 // redundant_pic_cnt not written
	idr := sliceFields{idr: true, kind: SliceI, redundant: no, payload: 30}
	p := func(num, lsb uint32) sliceFields {
		return sliceFields{frameNum: num, lsb: lsb, redundant: no, payload: 20}
	}
	at := func(s sliceFields, mb uint32) sliceFields { s.firstMB = mb; return s }

	for _, test := range []struct {
		name  string
		nalus []NALU
		want  []string
	}{
		{"one slice", []NALU{sps.nalu(), pps, idr.nalu(sps), p(1, 2).nalu(sps), p(2, 4).nalu(sps)},
			[]string{"7 8 5 key", "1", "1"}},
		{"delimiters", []NALU{aud, sps.nalu(), pps, idr.nalu(sps), aud, p(1, 2).nalu(sps)},
			[]string{"9 7 8 5 key", "9 1"}},
		{"several slices", []NALU{sps.nalu(), pps, idr.nalu(sps), at(idr, 100).nalu(sps), at(idr, 200).nalu(sps),
			p(1, 2).nalu(sps), at(p(1, 2), 100).nalu(sps), p(2, 4).nalu(sps), at(p(2, 4), 100).nalu(sps)},
			[]string{"7 8 5 5 5 key", "1 1", "1 1"}},
		{"slices in any order", []NALU{sps.nalu(), pps, at(idr, 100).nalu(sps), idr.nalu(sps), at(p(1, 2), 200).nalu(sps), p(1, 2).nalu(sps)},
			[]string{"7 8 5 5 key", "1 1"}},
		{"first slice lost", []NALU{sps.nalu(), pps, idr.nalu(sps), at(p(1, 2), 100).nalu(sps), at(p(2, 4), 100).nalu(sps)},
			[]string{"7 8 5 key", "1", "1"}},
		{"non-reference pictures differ by order count", []NALU{sps.nalu(), pps, idr.nalu(sps),
			sliceFields{nonRef: true, kind: SliceB, frameNum: 1, lsb: 2, redundant: no}.nalu(sps),
			sliceFields{nonRef: true, kind: SliceB, frameNum: 1, lsb: 4, redundant: no}.nalu(sps)},
			[]string{"7 8 5 key", "1", "1"}},
		{"a reference and one that is none", []NALU{sps.nalu(), pps, idr.nalu(sps), p(1, 2).nalu(sps),
			at(sliceFields{nonRef: true, frameNum: 1, lsb: 2, redundant: no}, 100).nalu(sps)},
			[]string{"7 8 5 key", "1", "1"}},
		{"order count type 1", []NALU{type1.nalu(), pps, idr.nalu(type1),
			sliceFields{nonRef: true, frameNum: 1, delta: 0, redundant: no}.nalu(type1),
			at(sliceFields{nonRef: true, frameNum: 1, delta: 0, redundant: no}, 100).nalu(type1),
			at(sliceFields{nonRef: true, frameNum: 1, delta: 2, redundant: no}, 100).nalu(type1)},
			[]string{"7 8 5 key", "1 1", "1"}},
		{"another PPS", []NALU{sps.nalu(), pps, ppsNALU(1, 0, false), idr.nalu(sps), p(1, 2).nalu(sps),
			at(sliceFields{pps: 1, frameNum: 1, lsb: 2, redundant: no}, 100).nalu(sps)},
			[]string{"7 8 8 5 key", "1", "1"}},
		{"IDR pictures by idr_pic_id", []NALU{sps.nalu(), pps, at(idr, 0).nalu(sps), at(idr, 100).nalu(sps),
			sliceFields{idr: true, kind: SliceI, idrPicID: 1, firstMB: 100, redundant: no}.nalu(sps)},
			[]string{"7 8 5 5 key", "5 key"}},
		{"IDR pictures that never change idr_pic_id", []NALU{sps.nalu(), pps, idr.nalu(sps), idr.nalu(sps), idr.nalu(sps)},
			[]string{"7 8 5 key", "5 key", "5 key"}},
		{"fields", []NALU{fields.nalu(), pps,
			sliceFields{idr: true, kind: SliceI, field: true, redundant: no}.nalu(fields),
			sliceFields{field: true, bottom: true, redundant: no}.nalu(fields),
			at(sliceFields{field: true, bottom: true, redundant: no}, 50).nalu(fields),
			sliceFields{field: true, frameNum: 1, lsb: 2, redundant: no}.nalu(fields)},
			[]string{"7 8 5 key", "1 1", "1"}},
		{"redundant pictures", []NALU{sps.nalu(), ppsNALU(0, 0, true),
			sliceFields{idr: true, kind: SliceI}.nalu(sps), sliceFields{idr: true, kind: SliceI, redundant: 1}.nalu(sps),
			sliceFields{frameNum: 1, lsb: 2}.nalu(sps), sliceFields{frameNum: 1, lsb: 2, redundant: 1}.nalu(sps)},
			[]string{"7 8 5 5 key", "1 1"}},
		{"parameter sets and SEI before a picture", []NALU{sps.nalu(), pps, idr.nalu(sps), sps.nalu(), pps, recoverySEI(0),
			sliceFields{kind: SliceI, frameNum: 1, lsb: 2, redundant: no}.nalu(sps), recoverySEI(3),
			sliceFields{kind: SliceI, frameNum: 2, lsb: 4, redundant: no}.nalu(sps), recoverySEI(0), p(3, 6).nalu(sps)},
			[]string{"7 8 5 key", "7 8 6 1 key", "6 1", "6 1"}},
		{"filler and end of sequence stay behind their picture", []NALU{sps.nalu(), pps, idr.nalu(sps), {12, 0xff, 0x80}, {10}, idr.nalu(sps)},
			[]string{"7 8 5 12 10 key", "5 key"}},
		{"no parameter sets", []NALU{idr.nalu(sps), at(idr, 100).nalu(sps), p(1, 2).nalu(sps), at(p(1, 2), 100).nalu(sps)},
			[]string{"5 5 key", "1 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, short := range []bool{false, true} {
				stream := annexB(short, test.nalus...)
				for _, piece := range []int{1, 2, 3, 5, 7, 64, len(stream)} {
					_, units := feed(t, stream, piece)
					var got []string
					var nalus []NALU
					for _, au := range units {
						got = append(got, types(au))
						nalus = append(nalus, au.NALUs...)
					}
					if d := cmp.Diff(test.want, got); d != "" {
						t.Errorf("3-byte start codes %v, pieces of %d: access units (-want +got):\n%s", short, piece, d)
					}
					if d := cmp.Diff(test.nalus, nalus); d != "" {
						t.Errorf("3-byte start codes %v, pieces of %d: bytes (-want +got):\n%s", short, piece, d)
					}
				}
			}
		})
	}
}

func TestFramerSkipsWhatIsNoStream(t *testing.T) {
	sps := spsFields{reorder: 0, refs: 1}
	clean := annexB(false, sps.nalu(), ppsNALU(0, 0, false), sliceFields{idr: true, kind: SliceI, redundant: -1}.nalu(sps))
	text := "* failed to open vchiq instance\n" // seen on raspivid's stdout
	for _, piece := range []int{1, 5, 1000} {
		f, units := feed(t, append([]byte(text), clean...), piece)
		if len(units) != 1 || types(units[0]) != "7 8 5 key" {
			t.Errorf("pieces of %d: %d access units, want the one behind the text", piece, len(units))
		}
		if got := f.Stats().SkippedBytes; got != int64(len(text)) {
			t.Errorf("pieces of %d: %d bytes skipped, want %d", piece, got, len(text))
		}
	}
}

func TestFramerBoundsAPicture(t *testing.T) {
	sps := spsFields{reorder: 0, refs: 1}
	good := annexB(false, sps.nalu(), ppsNALU(0, 0, false), sliceFields{idr: true, kind: SliceI, redundant: -1}.nalu(sps))
	f := NewFramer()
	write := func(b []byte) {
		for len(b) > 0 {
			k := copy(f.Space(), b)
			f.Filled(k, 0)
			b = b[k:]
		}
	}
	write(good)
	write(bytes.Repeat([]byte{0xaa}, 3*maxAccessUnit))
	if got := len(f.buf); got > 3*maxAccessUnit {
		t.Errorf("the buffer grew to %d bytes", got)
	}
	write(good)
	write(good)
	if got := len(drain(f)); got != 1 {
		t.Errorf("%d access units behind 48 MiB of nothing, want 1", got)
	}
}

// script plays pieces of a stream to a Framer, ending the access unit where
// the step says that the stream went quiet.
type step struct {
	bytes []byte
	quiet bool
}

func play(t *testing.T, steps []step) (*Framer, []string) {
	f := NewFramer()
	var got []string
	for i, s := range steps {
		k := copy(f.Space(), s.bytes)
		f.Filled(k, time.Duration(i)*time.Second)
		if s.quiet {
			if !f.CanEnd() {
				t.Fatalf("step %d: CanEnd is false", i)
			}
			f.EndAccessUnit()
		}
		for _, au := range drain(f) {
			got = append(got, types(au))
		}
	}
	f.Flush()
	for _, au := range drain(f) {
		got = append(got, types(au))
	}
	return f, got
}

func TestFramerEndAccessUnit(t *testing.T) {
	sps := spsFields{reorder: 0, refs: 1}
	head := annexB(false, sps.nalu(), ppsNALU(0, 0, false))
	no := -1
	idr := annexB(false, sliceFields{idr: true, kind: SliceI, redundant: no, payload: 40}.nalu(sps))
	p := func(n uint32) []byte {
		return annexB(false, sliceFields{frameNum: n, lsb: 2 * n, redundant: no, payload: 40}.nalu(sps))
	}
	second := func(n uint32) []byte {
		return annexB(false, sliceFields{frameNum: n, lsb: 2 * n, firstMB: 100, redundant: no, payload: 40}.nalu(sps))
	}
	first := append(bytes.Clone(head), idr...)
	idrSlice := func(mb uint32) []byte {
		return annexB(false, sliceFields{idr: true, kind: SliceI, firstMB: mb, redundant: no, payload: 40}.nalu(sps))
	}
	filler := annexB(false, NALU{12, 0xff, 0xff, 0xff, 0xff, 0x80})
	key := []step{{first, true}}

	for _, test := range []struct {
		name    string
		steps   []step
		want    []string
		early   int
		dropped int
	}{
		{"each picture is whole", append(key, step{p(1), true}, step{p(2), true}), []string{"7 8 5 key", "1", "1"}, 0, 0},
		{"cut within a slice", append(key, step{p(1)[:20], true}, step{p(1)[20:], false}, step{p(2), false}, step{first, false}, step{p(1), false}),
			[]string{"7 8 5 key", "1", "7 8 5 key", "1"}, 1, 1},
		{"cut between two slices", append(key, step{p(1), true}, step{second(1), false}, step{p(2), false}, step{first, false}),
			[]string{"7 8 5 key", "1", "7 8 5 key"}, 1, 1},
		{"the next start code comes byte by byte", append(key, step{p(1), true}, step{p(2)[:1], false}, step{p(2)[1:2], false}, step{p(2)[2:], false}),
			[]string{"7 8 5 key", "1", "1"}, 0, 0},
		{"a keyframe of four slices, cut within the first", append(key, step{idrSlice(0)[:20], true}, step{idrSlice(0)[20:], false},
			step{idrSlice(75), false}, step{idrSlice(150), false}, step{p(1), false}, step{first, false}),
			[]string{"7 8 5 key", "5 key", "7 8 5 key"}, 1, 1},
		{"a keyframe of four slices, cut between them", append(key, step{idrSlice(0), true},
			step{idrSlice(75), false}, step{idrSlice(150), false}, step{p(1), false}, step{first, false}),
			[]string{"7 8 5 key", "5 key", "7 8 5 key"}, 1, 1},
		{"cut in its filler", append(key, step{append(p(1), filler[:7]...), true}, step{filler[7:], false}, step{p(2), false}),
			[]string{"7 8 5 key", "1 12", "1"}, 0, 0},
		{"filler behind the cut", append(key, step{p(1), true}, step{annexB(false, NALU{12, 0xff, 0x80}), false}, step{p(2), false}),
			[]string{"7 8 5 key", "1", "1"}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, got := play(t, test.steps)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("access units (-want +got):\n%s", d)
			}
			if s := f.Stats(); s.CutTooEarly != test.early || s.Dropped != test.dropped {
				t.Errorf("%d cut too early, %d dropped; want %d, %d", s.CutTooEarly, s.Dropped, test.early, test.dropped)
			}
		})
	}
}

func TestFramerCanEnd(t *testing.T) {
	sps := spsFields{reorder: 0, refs: 1}
	no := -1
	head := annexB(false, sps.nalu(), ppsNALU(0, 0, false))
	slice := func(n, mb uint32) []byte {
		return annexB(false, sliceFields{idr: n == 0, kind: SliceI, frameNum: n % 16, lsb: 2 * n % 16, firstMB: mb, redundant: no, payload: 9}.nalu(sps))
	}
	f := NewFramer()
	write := func(b []byte) { f.Filled(copy(f.Space(), b), 0); drain(f) }
	write(head)
	if f.CanEnd() {
		t.Error("parameter sets alone are no picture")
	}
	write(slice(0, 0))
	if !f.CanEnd() {
		t.Error("a slice may be a picture")
	}
	for n := uint32(1); n < 20; n++ {
		write(slice(n, 0))
		if n > steadySlices+1 && f.CanEnd() {
			t.Fatalf("picture %d: one slice of two taken for the end", n)
		}
		write(slice(n, 100))
		if !f.CanEnd() {
			t.Fatalf("picture %d: both slices are there", n)
		}
	}
	write(annexB(false, NALU{12, 0xff, 0x80}))
	if !f.CanEnd() {
		t.Error("filler behind the slices hides their end")
	}
	write([]byte{0})
	if f.CanEnd() {
		t.Error("no picture ends in a zero byte")
	}
}

func TestFramerContinued(t *testing.T) {
	sps := spsFields{reorder: 0, refs: 1}
	first := annexB(false, sps.nalu(), ppsNALU(0, 0, false), sliceFields{idr: true, kind: SliceI, redundant: -1, payload: 90}.nalu(sps))
	p := annexB(false, sliceFields{frameNum: 1, lsb: 2, redundant: -1, payload: 90}.nalu(sps))
	f := NewFramer()
	for i, s := range []struct {
		bytes []byte
		want  bool
	}{{first[:50], false}, {first[50:], true}, {p[:40], false}, {p[40:60], true}, {p[60:], true}, {p[:40], false}} {
		f.Filled(copy(f.Space(), s.bytes), 0)
		if got := f.Continued(); got != s.want {
			t.Errorf("piece %d: Continued is %v, want %v", i, got, s.want)
		}
	}
}

// corpus gives the streams of the folder that VENUECAST_CORPUS names, by name.
func corpus(t testing.TB) map[string][]byte {
	dir := os.Getenv("VENUECAST_CORPUS")
	streams := map[string][]byte{}
	for _, pattern := range []string{"*.264", "*.h264"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			streams[filepath.Base(name)] = b
		}
	}
	if dir != "" && len(streams) == 0 {
		t.Fatalf("no streams in VENUECAST_CORPUS %s", dir)
	}
	return streams
}

func TestFramerCorpus(t *testing.T) {
	// ffprobe -count_frames of streams that are known.
	pictures := map[string]int{"raspivid-cif.h264": 144, "multislice-cabac.264": 291, "two-pps.264": 150, "bframes-cabac.264": 9}
	for name, stream := range corpus(t) {
		for _, piece := range []int{1 << 20, 4096, 1} {
			f, units := feed(t, stream, piece)
			if want, ok := pictures[name]; ok && len(units) != want {
				t.Errorf("%s in pieces of %d: %d access units, want %d", name, piece, len(units), want)
			}
			if s := f.Stats(); s != (FramerStats{}) {
				t.Errorf("%s in pieces of %d: %+v", name, piece, s)
			}
			if !units[0].Keyframe {
				t.Errorf("%s: the first access unit is no keyframe", name)
			}
		}
	}
}

func FuzzFramer(f *testing.F) {
	sps := spsFields{reorder: 1, refs: 1}
	f.Add(annexB(false, sps.nalu(), ppsNALU(0, 0, false), sliceFields{idr: true, kind: SliceI, redundant: -1, payload: 9}.nalu(sps),
		sliceFields{frameNum: 1, lsb: 2, redundant: -1, payload: 9}.nalu(sps)), uint16(3), uint8(2))
	f.Add(annexB(true, recoverySEI(0), spsFields{pocType: 1, cycle: []int32{2}, fields: true}.nalu()), uint16(1), uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint16, quiet uint8) {
		n := int(piece)%4096 + 1
		fr := NewFramer()
		var order Orderer
		var au AccessUnit
		var total int
		next := func() {
			for fr.Next(&au) {
				if len(au.NALUs) == 0 {
					t.Fatal("an access unit without a NAL unit")
				}
				for _, nalu := range au.NALUs {
					total += len(nalu)
				}
				if h, s := fr.Slice(); s != nil {
					if d := order.Delay(h, s, 1); d < 0 {
						t.Fatalf("delay %d", d)
					}
				}
			}
		}
		for i := 0; i < len(stream); i += n {
			fr.Filled(copy(fr.Space(), stream[i:min(i+n, len(stream))]), 0)
			next()
			if quiet > 0 && i/n%int(quiet) == 0 && fr.CanEnd() {
				fr.EndAccessUnit()
				next()
			}
		}
		fr.Flush()
		next()
		if total > len(stream) {
			t.Fatalf("%d bytes out of %d", total, len(stream))
		}
	})
}
