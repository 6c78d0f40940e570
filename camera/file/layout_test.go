package file

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

// Files that ffmpeg does not write are put together here, box by box.

func u16(v ...uint16) (b []byte) {
	for _, v := range v {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func u32(v ...uint32) (b []byte) {
	for _, v := range v {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func boxOf(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return slices.Concat(u32(uint32(len(body)+8)), []byte(kind), body)
}

// A layout is a way to write an MP4 file of test pictures, 25 a second, in
// chunks of four, and of a frame of sound for each.
type layout struct {
	entry      string // avc1 where empty
	lengthSize int    // 4 where 0
	inBand     bool   // parameter sets stand with the pictures only
	change     int    // the picture from which on they stand with the pictures as well, where not 0
	second     int    // the picture from which on the second description holds; 0: there is one
	wide       bool   // 64-bit chunk offsets and sizes of boxes
	short      bool   // 16-bit sizes of samples
	allSync    bool   // all pictures are said to be keyframes
	negative   bool   // composition offsets below 0, in a table of version 0
	edits      []byte // elst of the pictures
	tail       uint32 // samples more in the last chunk; the table of sizes has them not
	fragments  bool   // three, whose data says not where it is
}

// picture cuts slices short, so that they fit a length of one byte; their
// headers stay.
func (l *layout) picture(au *h264.AccessUnit, inBand bool) (b []byte) {
	for _, n := range au.NALUs {
		if !inBand && (n.Type() == h264.TypeSPS || n.Type() == h264.TypePPS) {
			continue
		}
		n = n[:min(len(n), 200)]
		length := u32(uint32(len(n)))
		b = append(append(b, length[4-l.lengthSize:]...), n...)
	}
	return b
}

// entryOf is the sample entry for pictures with the parameter sets of au.
func (l *layout) entryOf(au *h264.AccessUnit) []byte {
	avcc := []byte{1, 66, 0, 30, 0xfc | byte(l.lengthSize-1), 0xe0, 0}
	if !l.inBand {
		var sps, pps h264.NALU
		for _, n := range au.NALUs {
			switch n.Type() {
			case h264.TypeSPS:
				sps = n
			case h264.TypePPS:
				pps = n
			}
		}
		avcc = slices.Concat(avcc[:5], []byte{0xe1}, u16(uint16(len(sps))), sps, []byte{1}, u16(uint16(len(pps))), pps)
	}
	return boxOf(l.entry, make([]byte, 78), boxOf("avcC", avcc))
}

// soundEntry is that of AAC-LC, 48 kHz, stereo.
func soundEntry() []byte {
	esds := []byte{0, 0, 0, 0, 3, 25, 0, 0, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90, 6, 1, 2}
	return boxOf("mp4a", make([]byte, 28), boxOf("esds", esds))
}

var soundFrame = []byte{0x21, 0, 0x49, 0x90, 2, 0x19, 0, 0x23, 0x80}

// file writes pictures, and as many frames of sound.
func (l layout) file(units []h264.AccessUnit) []byte {
	if l.entry == "" {
		l.entry = "avc1"
	}
	if l.lengthSize == 0 {
		l.lengthSize = 4
	}
	const scale, chunk = 25, 4
	var pictures [][]byte
	for i := range units {
		pictures = append(pictures, l.picture(&units[i], l.inBand || l.change > 0 && i >= l.change))
	}
	entries := l.entryOf(&units[0])
	count := uint32(1)
	if l.second > 0 {
		entries, count = append(entries, l.entryOf(&units[l.second])...), 2
	}
	stsd := boxOf("stsd", u32(0, count), entries)
	soundSTSD := boxOf("stsd", u32(0, 1), soundEntry())
	track := func(id uint32, handler string, ticks uint32, edits []byte, tables ...[]byte) []byte {
		parts := [][]byte{boxOf("tkhd", u32(3, 0, 0, id), make([]byte, 68))}
		if edits != nil {
			parts = append(parts, boxOf("edts", edits))
		}
		return boxOf("trak", append(parts, boxOf("mdia",
			boxOf("mdhd", u32(0, 0, 0, ticks, 0, 0)),
			boxOf("hdlr", u32(0, 0), []byte(handler), make([]byte, 13)),
			boxOf("minf", boxOf("stbl", tables...))))...)
	}
	mvhd := boxOf("mvhd", u32(0, 0, 0, 1000), make([]byte, 84))
	ftyp := boxOf("ftyp", []byte("isom"), u32(0))
	n := uint32(len(units))

	if l.fragments {
		empty := [][]byte{boxOf("stts", u32(0, 0)), boxOf("stsc", u32(0, 0)), boxOf("stsz", u32(0, 0, 0)), boxOf("stco", u32(0, 0))}
		out := slices.Concat(ftyp, boxOf("moov", mvhd,
			track(1, "vide", scale, l.edits, append([][]byte{stsd}, empty...)...),
			track(2, "soun", 48000, nil, append([][]byte{soundSTSD}, empty...)...),
			boxOf("mvex", boxOf("trex", u32(0, 1, 1, 1, 0, sampleNotSync)), boxOf("trex", u32(0, 2, 1, 1920, uint32(len(soundFrame)), 0)))))
		third := len(units) / 3
		for from := 0; from < len(units); from += third {
			part := pictures[from:min(from+third, len(units))]
			var sizes []uint32
			for _, p := range part {
				sizes = append(sizes, uint32(len(p)))
			}
			// The sound comes first, so that where the pictures are depends on it.
			moof := func(offset uint32) []byte {
				return boxOf("moof", boxOf("mfhd", u32(0, 1)),
					boxOf("traf", boxOf("tfhd", u32(0, 2)), boxOf("tfdt", u32(0, uint32(from*1920))),
						boxOf("trun", u32(runDataOffset, uint32(len(part)), offset))),
					boxOf("traf", boxOf("tfhd", u32(0, 1)), boxOf("tfdt", u32(0, uint32(from))),
						boxOf("trun", u32(runFirstFlags|runSize, uint32(len(part)-1), 0), u32(sizes[:len(part)-1]...)),
						boxOf("trun", u32(runSize, 1), u32(sizes[len(part)-1]))))
			}
			size := uint32(len(moof(0)))
			out = slices.Concat(out, boxOf("sidx", make([]byte, 24)), moof(size+32+8),
				boxOf("mdat", bytes.Repeat(soundFrame, len(part)), bytes.Join(part, nil)))
			// The data offset counts from the moof; sidx stands before it.
			fix := len(out) - len(bytes.Join(part, nil)) - len(part)*len(soundFrame) - 8 - int(size)
			copy(out[fix:], moof(size+8))
		}
		return append(out, boxOf("mfra", make([]byte, 8))...)
	}

	media := slices.Concat(bytes.Repeat(soundFrame, len(units)), bytes.Join(pictures, nil))
	head := uint32(len(ftyp) + 8)
	mdat := boxOf("mdat", media)
	if l.wide {
		mdat = slices.Concat(u32(1), []byte("mdat"), u32(0, uint32(len(media)+16)), media)
		head += 8
	}
	var offsets, sizes []uint32
	at := head + uint32(len(units)*len(soundFrame))
	for i, p := range pictures {
		if i%chunk == 0 {
			offsets = append(offsets, at)
		}
		sizes = append(sizes, uint32(len(p)))
		at += uint32(len(p))
	}
	stco := boxOf("stco", u32(0, uint32(len(offsets))), u32(offsets...))
	if l.wide {
		stco = u32(0, uint32(len(offsets)))
		for _, o := range offsets {
			stco = append(stco, u32(0, o)...)
		}
		stco = boxOf("co64", stco)
	}
	stsz := boxOf("stsz", u32(0, 0, n), u32(sizes...))
	if l.short {
		stsz = u32(0, 16, n)
		for _, s := range sizes {
			stsz = append(stsz, u16(uint16(s))...)
		}
		stsz = boxOf("stz2", stsz)
	}
	stsc := boxOf("stsc", u32(0, 1, 1, chunk, 1))
	if l.tail > 0 {
		stsc = boxOf("stsc", u32(0, 2, 1, chunk, 1, uint32(len(offsets)), chunk+l.tail, 1))
	}
	if l.second > 0 {
		stsc = boxOf("stsc", u32(0, 2, 1, chunk, 1, uint32(l.second/chunk)+1, chunk, 2))
	}
	tables := [][]byte{stsd, boxOf("stts", u32(0, 1, n, 1)), stsc, stsz, stco}
	if !l.allSync {
		var sync []uint32
		for i := range units {
			if units[i].Keyframe {
				sync = append(sync, uint32(i+1))
			}
		}
		tables = append(tables, boxOf("stss", u32(0, uint32(len(sync))), u32(sync...)))
	}
	if l.negative {
		table := u32(0, n)
		for i := range units {
			table = append(table, u32(1, uint32(reordered(i, len(units))))...)
		}
		tables = append(tables, boxOf("ctts", table))
	}
	return slices.Concat(ftyp, mdat, boxOf("moov", mvhd,
		track(1, "vide", scale, l.edits, tables...),
		track(2, "soun", 48000, nil, soundSTSD, boxOf("stts", u32(0, 1, n, 1920)), boxOf("stsc", u32(0, 1, 1, n, 1)),
			boxOf("stsz", u32(0, uint32(len(soundFrame)), n)), boxOf("stco", u32(0, 1, head)))))
}

// reordered is how many pictures later the i-th of n is shown than it is
// decoded, where all but the first and the last change places in pairs.
func reordered(i, n int) int {
	switch {
	case i == 0 || i == n-1:
		return 0
	case i%2 == 1:
		return 1
	}
	return -1
}

// twoSizes gives pictures of which those from second on are of another size.
func twoSizes(t testing.TB, n, second int) (units []h264.AccessUnit) {
	t.Helper()
	var enc *slate.Encoder
	for i := range n {
		if i == 0 || i == second {
			var err error
			if enc, err = slate.NewEncoder(slate.Config{Width: 320 - i, Height: 180, FPS: 25, KeyframeInterval: time.Minute}); err != nil {
				t.Fatal(err)
			}
		}
		var au h264.AccessUnit
		key := i%20 == 0 || i == second
		enc.Encode(&au, int64(i), time.Unix(int64(i), 0), key)
		for k := range au.NALUs {
			au.NALUs[k] = bytes.Clone(au.NALUs[k])
		}
		au.Keyframe = key
		units = append(units, au)
	}
	return units
}

func TestMP4Layouts(t *testing.T) {
	edit := func(entries ...[]byte) []byte {
		return boxOf("elst", u32(0, uint32(len(entries))), bytes.Join(entries, nil))
	}
	units := twoSizes(t, 60, 40)
	for name, test := range map[string]struct {
		layout
		late time.Duration // the picture's beginning, behind the sound's
	}{
		"plain":                     {layout{second: 40}, 0},
		"lengths of one byte":       {layout{second: 40, lengthSize: 1}, 0},
		"lengths of two bytes":      {layout{second: 40, lengthSize: 2}, 0},
		"avc3":                      {layout{entry: "avc3", inBand: true}, 0},
		"avc1 with sets in band":    {layout{second: 40, inBand: true}, 0},
		"64 bits":                   {layout{second: 40, wide: true}, 0},
		"short sizes":               {layout{second: 40, short: true}, 0},
		"all are called keyframes":  {layout{second: 40, allSync: true}, 0},
		"negative offsets":          {layout{second: 40, negative: true}, 0},
		"fragments":                 {layout{inBand: true, fragments: true}, 0},
		"an empty edit":             {layout{second: 40, edits: edit(u32(500, math.MaxUint32, 1<<16), u32(2400, 0, 1<<16))}, 500 * time.Millisecond},
		"two empty edits":           {layout{second: 40, edits: edit(u32(200, math.MaxUint32, 1<<16), u32(300, math.MaxUint32, 1<<16), u32(2400, 0, 1<<16))}, 500 * time.Millisecond},
		"edits that go on":          {layout{second: 40, edits: edit(u32(1000, 0, 1<<16), u32(1400, 25, 1<<16))}, 0},
		"an edit without an end":    {layout{second: 40, edits: edit(u32(0, 0, 1<<16))}, 0},
		"an empty edit at the end":  {layout{second: 40, edits: edit(u32(2400, 0, 1<<16), u32(300, math.MaxUint32, 1<<16))}, 0},
		"fragments, an edit of all": {layout{inBand: true, fragments: true, edits: edit(u32(40, math.MaxUint32, 1<<16), u32(40, 0, 1<<16))}, 40 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := watch(t, Config{Path: write(t, "x.mp4", test.file(units))}, true, 0)
			if s.err != nil || len(s.warnings) > 0 || len(s.pictures) != len(units) {
				t.Fatalf("%d pictures of %d, %v, %q", len(s.pictures), len(units), s.err, s.warnings)
			}
			for i, p := range s.pictures {
				want := units[i].NALUs[len(units[i].NALUs)-1]
				want = want[:min(len(want), 200)]
				if p.dts != time.Duration(i)*40*time.Millisecond || p.slice != string(want) || p.keyframe != units[i].Keyframe {
					t.Fatalf("picture %d: DTS %v, keyframe %v, its slice: %v", i, p.dts, p.keyframe, p.slice == string(want))
				}
				shown := p.dts
				if test.negative {
					shown += time.Duration(1+reordered(i, len(units))) * 40 * time.Millisecond
				}
				if p.pts != shown {
					t.Fatalf("picture %d, decoded at %v, is shown at %v, want %v", i, p.dts, p.pts, shown)
				}
			}
			headers := 0
			for _, tag := range s.tags {
				if tag.Header {
					headers++
				}
			}
			if headers != 2 {
				t.Errorf("%d sequence headers, want 2", headers)
			}
			// The first frame of sound is as late as the picture is early.
			begin := test.late.Milliseconds()
			first := (begin + 39) / 40
			if want := time.Duration(first*40-begin) * time.Millisecond; len(s.frames) != 60-int(first) || s.frames[0].dts-s.pictures[0].pts != want {
				t.Fatalf("%d frames of sound, the first %v behind the picture, want %v", len(s.frames), s.frames[0].dts-s.pictures[0].pts, want)
			}
			for i, f := range s.frames {
				if want := s.frames[0].dts + time.Duration(i)*40*time.Millisecond; f.dts != want {
					t.Fatalf("frame %d at %v, want %v", i, f.dts, want)
				}
			}
		})
	}
}

func TestMP4EditsThatCannotBeFollowed(t *testing.T) {
	for want, edits := range map[string][]byte{
		"puts pieces together, which needs coding anew": u32(0, 2, 1000, 25, 1<<16, 1000, 0, 1<<16),
		"asks for another speed or a still picture":     u32(0, 1, 1000, 0, 0),
		"media time -2": u32(0, 1, 1000, math.MaxUint32-1, 1<<16),
	} {
		path := write(t, "x.mp4", layout{edits: boxOf("elst", edits)}.file(twoSizes(t, 60, 0)))
		if s := watch(t, Config{Path: path}, true, 0); s.err == nil || !strings.Contains(s.err.Error(), want) {
			t.Errorf("error %v, want %q", s.err, want)
		}
	}
}

// TestMP4DamagedPicture: one picture is damaged; what refers to it is left out.
func TestMP4DamagedPicture(t *testing.T) {
	units := twoSizes(t, 60, 0)
	b := layout{}.file(units)
	i := bytes.Index(b, layoutPicture(&units[7]))
	if i < 0 {
		t.Fatal("the picture is not in the file")
	}
	b[i] = 0xff // the first byte of its length
	s := watch(t, Config{Path: write(t, "x.mp4", b)}, true, 0)
	if s.err != nil || len(s.pictures) != 47 || len(s.frames) != 60 {
		t.Errorf("%d pictures, %d frames, %v; want the 7 before and the 40 from the next keyframe on", len(s.pictures), len(s.frames), s.err)
	}
	if len(s.warnings) != 1 || !strings.Contains(s.warnings[0], "leaving out what cannot be played") {
		t.Errorf("warned %q", s.warnings)
	}
	for i, p := range s.pictures {
		if want := i; i >= 7 {
			want += 13
			if p.dts != time.Duration(want)*40*time.Millisecond {
				t.Fatalf("picture %d at %v", want, p.dts)
			}
		}
	}
}

func layoutPicture(au *h264.AccessUnit) []byte {
	return (&layout{lengthSize: 4}).picture(au, false)
}

// flvOf writes pictures, 25 a second, with a frame of sound for each.
func flvOf(t testing.TB, units []h264.AccessUnit) []byte {
	t.Helper()
	var b bytes.Buffer
	w := flv.NewWriter(&b, true, true)
	var video flv.VideoMuxer
	sound, err := flv.NewAudioMuxer(aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 48000, ChannelConfig: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, au := range units {
		au.DTS = time.Duration(i) * 40 * time.Millisecond
		au.PTS = au.DTS
		tags, err := video.Mux(nil, &au)
		if err == nil {
			tags, err = sound.Mux(tags, soundFrame, au.DTS)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			if err := w.WriteTag(tag); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

// TestTimesBeginAnew plays two recordings in one file, each with its own times.
func TestTimesBeginAnew(t *testing.T) {
	const header = 13
	once := flvOf(t, twoSizes(t, 60, 0))
	s := watch(t, Config{Path: write(t, "x.flv", append(once, once[header:]...))}, true, 0)
	if s.err != nil || len(s.pictures) != 120 || len(s.frames) < 119 {
		t.Fatalf("%d pictures, %d frames, %v", len(s.pictures), len(s.frames), s.err)
	}
	for i, p := range s.pictures {
		if want := time.Duration(i) * 40 * time.Millisecond; p.dts != want || p.given != want {
			t.Fatalf("picture %d: DTS %v, given at %v, want %v", i, p.dts, p.given, want)
		}
	}
	if !slices.IsSorted(s.order) {
		t.Error("pictures and sound do not come in the order of their DTS")
	}
	if last := s.frames[len(s.frames)-1].dts; last != s.pictures[119].dts {
		t.Errorf("the last frame of sound at %v, the last picture at %v", last, s.pictures[119].dts)
	}
}

// TestMP4LoopBringsTheHeaderBack: the parameter sets changed on the way, and
// those of the header hold again when the file begins again.
func TestMP4LoopBringsTheHeaderBack(t *testing.T) {
	path := write(t, "x.mp4", layout{change: 40}.file(twoSizes(t, 60, 40)))
	s := watch(t, Config{Path: path, Loop: true}, false, 180)
	if s.err != nil || len(s.pictures) != 180 {
		t.Fatalf("%d pictures, %v", len(s.pictures), s.err)
	}
	var widths []int
	for _, tag := range s.tags {
		if !tag.Header {
			continue
		}
		_, payload, err := flv.ParseVideo(tag.Body)
		if err != nil {
			t.Fatal(err)
		}
		sets, _, _, err := h264.ParseAVCC(payload)
		if err != nil {
			t.Fatal(err)
		}
		sps, err := h264.ParseSPS(sets[0])
		if err != nil {
			t.Fatal(err)
		}
		widths = append(widths, sps.Width())
	}
	if want := []int{320, 280, 320, 280, 320, 280}; !slices.Equal(widths, want) {
		t.Errorf("pictures %v wide, want %v", widths, want)
	}
}

// TestMP4TablesAreNotHeld plays a file of eight million samples, without bytes
// all but the first few, and looks at the memory that takes.
func TestMP4TablesAreNotHeld(t *testing.T) {
	const samples = 8 << 20
	units := twoSizes(t, 20, 0)
	b := layout{tail: samples}.file(units)
	// The table of sizes grows at its end, and with it what is around it: so
	// it goes last in all of them, and the file is sparse behind.
	i := bytes.Index(b, []byte("stsz")) - 4
	n := int(binary.BigEndian.Uint32(b[i:]))
	stsz := bytes.Clone(b[i : i+n])
	moov := bytes.Index(b, []byte("moov")) - 4
	trak := bytes.Index(b, []byte("trak")) - 4
	size := int(binary.BigEndian.Uint32(b[trak:]))
	video := slices.Concat(b[trak:i], b[i+n:trak+size], stsz)
	grow := func(b []byte, kind string, by uint32) {
		i := bytes.Index(b, []byte(kind)) - 4
		binary.BigEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:])+by)
	}
	more := uint32(4 * (samples - len(units)))
	for _, kind := range []string{"trak", "mdia", "minf", "stbl", "stsz"} {
		grow(video, kind, more)
	}
	binary.BigEndian.PutUint32(video[len(video)-len(stsz)+16:], samples)
	head := slices.Concat(b[:moov], boxOf("moov", b[moov+8:trak], video))
	grow(head[moov:], "moov", more)
	path := write(t, "x.mp4", head)
	if err := os.Truncate(path, int64(len(head))+int64(more)); err != nil {
		t.Fatal(err)
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := watch(t, Config{Path: path}, false, 0)
	runtime.ReadMemStats(&after)
	if s.err != nil || len(s.pictures) != len(units) || len(s.warnings) > 0 {
		t.Fatalf("%d pictures, %v, %q", len(s.pictures), s.err, s.warnings)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("%d bytes were allocated", got)
	}
}

func TestPlayerAllocs(t *testing.T) {
	units := twoSizes(t, 60, 0)
	path := write(t, "x.mp4", layout{}.file(units))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	log, _ := logtest.NewNullLogger()
	s, err := New(Config{Path: path, Loop: true}, 0, time.Now(), log)
	if err != nil {
		t.Fatal(err)
	}
	s.TakeAudio(func(*aac.Frame) {})
	s.timer, s.told, s.base = time.NewTimer(0), make(map[string]bool), -time.Hour // never early
	p := &player{Source: s, file: f, emit: func(*h264.AccessUnit) {}}
	if p.open, err = s.openMP4(f, info.Size()); err != nil {
		t.Fatal(err)
	}
	if p.in, err = p.open(); err != nil {
		t.Fatal(err)
	}
	give := func() {
		p.fill(t.Context())
		it := p.take()
		s.base = time.Since(s.epoch) - it.dts
		if err := p.give(t.Context(), it); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		give()
	}
	// A round of 120 opens the tables anew: some thirty allocations.
	if got := testing.AllocsPerRun(12000, give); got > 0.5 {
		t.Errorf("%v allocations for a picture or a frame", got)
	}
}

// FuzzPlay plays anything: whatever it is, nothing is read ahead without bound,
// no picture is shown before it is decoded, and none is decoded before another.
func FuzzPlay(f *testing.F) {
	units := twoSizes(f, 12, 8)
	for _, l := range []layout{
		{}, {second: 8}, {inBand: true, fragments: true}, {wide: true, short: true, negative: true}, {lengthSize: 1, allSync: true},
		{edits: boxOf("elst", u32(0, 2, 500, math.MaxUint32, 1<<16, 300, 5, 1<<16))},
	} {
		f.Add(l.file(units))
	}
	for _, kind := range []string{"mdhd", "mvhd", "stts", "stsc", "stss", "avcC"} {
		f.Add(bytes.ReplaceAll(layout{}.file(units), []byte(kind), []byte("free")))
	}
	f.Add(flvOf(f, units))

	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			const most = 300 // of a file that loops
			log, _ := logtest.NewNullLogger()
			s, err := New(Config{Path: "x.mp4", Loop: true}, 0, time.Now(), log)
			if err != nil {
				t.Fatal(err)
			}
			given := 0
			s.TakeAudio(func(frame *aac.Frame) {
				given++
				if len(frame.Data) == 0 || frame.Config.SampleRate == 0 {
					t.Fatalf("frame of %d bytes, %+v", len(frame.Data), frame.Config)
				}
			})
			s.timer, s.told = time.NewTimer(0), make(map[string]bool)
			defer s.timer.Stop()
			r := bytes.NewReader(b)
			p := &player{Source: s, file: r}
			isFLV := bytes.HasPrefix(b, []byte("FLV"))
			var last time.Duration
			p.emit = func(au *h264.AccessUnit) {
				given++
				if len(au.NALUs) == 0 || au.PTS < au.DTS || au.DTS < last {
					t.Fatalf("picture of %d NAL units, PTS %v, DTS %v behind %v", len(au.NALUs), au.PTS, au.DTS, last)
				}
				last = au.DTS
			}
			if isFLV {
				p.open = s.openFLV(r)
			} else if p.open, err = s.openMP4(r, int64(len(b))); err != nil {
				return
			}
			if p.in, err = p.open(); err != nil {
				return
			}
			for i := 0; i < 10*most && given < most; i++ {
				p.fill(t.Context())
				if len(p.ahead)-p.head > maxAhead {
					t.Fatalf("%d items read ahead", len(p.ahead)-p.head)
				}
				if p.head == len(p.ahead) {
					break
				}
				if err := p.give(t.Context(), p.take()); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}
