package file

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/abema/go-mp4"
)

// sampleDefaults is what holds for the samples of a fragment that do not say.
type sampleDefaults struct {
	entry, duration, size, flags uint32
}

// Flags of a trun [8.8.8], and of a sample [8.8.3.1].
const (
	runDataOffset   = 0x001
	runFirstFlags   = 0x004
	runDuration     = 0x100
	runSize         = 0x200
	runFlags        = 0x400
	runOffset       = 0x800
	runSampleFields = 0xf00

	sampleNotSync = 0x10000
)

// fragments gives the samples behind the header, of movie fragments [8.8]. It
// goes from box to box and holds nothing but where it is.
type fragments struct {
	m *movie
	t *track

	at             int64 // the next box of the file
	moof, traf     box
	inMoof, inTraf int64 // the next box in them

	// behind is where the data of the traf before ends, or of the run before:
	// there begins that of one that does not say where.
	base, behind int64
	defaults     sampleDefaults
	dts          int64
	run          *trackRun // nil: the next is to be found
}

func (f *fragments) next(s *sample) error {
	for {
		if f.run == nil {
			if err := f.advance(); err != nil {
				return err
			}
			continue
		}
		err := f.run.next(s)
		if err == io.EOF {
			f.behind = f.run.at
			f.run = nil
			continue
		}
		if err != nil {
			return err
		}
		s.dts = f.dts
		f.dts += s.duration
		if s.at < 0 || s.at > f.m.size-int64(s.size) {
			return errCutOff
		}
		if s.size > 0 {
			return nil
		}
	}
}

// advance goes on by one box.
func (f *fragments) advance() error {
	const least = mp4.SmallHeaderSize
	switch {
	case f.traf.end-f.inTraf >= least:
		b, err := f.m.boxAt(f.inTraf, f.traf.end)
		if err != nil {
			return err
		}
		f.inTraf = b.end
		return f.inTrack(b)
	case f.moof.end-f.inMoof >= least:
		b, err := f.m.boxAt(f.inMoof, f.moof.end)
		if err != nil {
			return err
		}
		f.inMoof = b.end
		if b.kind == "traf" {
			return f.enter(b)
		}
	case f.at == f.m.size:
		return io.EOF
	default:
		b, err := f.m.boxAt(f.at, f.m.size)
		if err != nil {
			return err
		}
		if b.kind == "\x00\x00\x00\x00" { // blocks that never reached the disk
			return fmt.Errorf("zeros from byte %d on: %w", f.at, errCutOff)
		}
		f.at = b.end
		if b.kind == "moof" {
			f.moof, f.inMoof, f.behind = b, b.payload, b.at
		}
	}
	return nil
}

// enter begins a track fragment. Those of other tracks it passes over.
func (f *fragments) enter(traf box) error {
	b, err := f.m.boxAt(traf.payload, traf.end)
	if err != nil {
		return err
	}
	if b.kind != "tfhd" {
		return fmt.Errorf("traf begins with %q, want tfhd: %w", b.kind, errMalformed)
	}
	var tfhd mp4.Tfhd
	if err := f.m.unmarshal(b, &tfhd); err != nil {
		return fmt.Errorf("tfhd: %w", err)
	}
	var d sampleDefaults
	for _, t := range f.m.tracks {
		if t.id == tfhd.TrackID {
			d = t.defaults
			break
		}
	}
	flags := tfhd.GetFlags()
	for _, v := range []struct {
		flag, is uint32
		dst      *uint32
	}{
		{mp4.TfhdSampleDescriptionIndexPresent, tfhd.SampleDescriptionIndex, &d.entry},
		{mp4.TfhdDefaultSampleDurationPresent, tfhd.DefaultSampleDuration, &d.duration},
		{mp4.TfhdDefaultSampleSizePresent, tfhd.DefaultSampleSize, &d.size},
		{mp4.TfhdDefaultSampleFlagsPresent, tfhd.DefaultSampleFlags, &d.flags},
	} {
		if flags&v.flag != 0 {
			*v.dst = v.is
		}
	}
	ours := tfhd.TrackID == f.t.id
	base := f.behind
	switch {
	case flags&mp4.TfhdBaseDataOffsetPresent != 0:
		base = int64(min(tfhd.BaseDataOffset, uint64(f.m.size))) // beyond the end nothing is found
	case flags&mp4.TfhdDefaultBaseIsMoof != 0:
		base = f.moof.at
	case !ours: // the next traf may begin where this one ends
		f.behind, err = f.measure(b.end, traf.end, d)
		return err
	}
	if ours {
		f.traf, f.inTraf = traf, b.end
		f.base, f.behind, f.defaults = base, base, d
	}
	return nil
}

// measure tells where the data ends of a track fragment whose boxes stand
// between two places.
func (f *fragments) measure(from, to int64, d sampleDefaults) (int64, error) {
	base, end := f.behind, f.behind
	err := f.m.each(from, to, func(b box) error {
		if b.kind != "trun" {
			return nil
		}
		run, err := f.m.openRun(b, base, end, d)
		var s sample
		for err == nil && run.at <= f.m.size {
			err = run.next(&s)
		}
		if err == nil || err == io.EOF {
			end, err = run.at, nil
		}
		return err
	})
	return end, err
}

// inTrack takes a box of the track fragment.
func (f *fragments) inTrack(b box) (err error) {
	switch b.kind {
	case "tfdt":
		var tfdt mp4.Tfdt
		if err := f.m.unmarshal(b, &tfdt); err != nil {
			return fmt.Errorf("tfdt: %w", err)
		}
		// Half of what fits, so that it can be counted on from.
		f.dts = int64(min(tfdt.GetBaseMediaDecodeTime(), math.MaxInt64/2))
	case "trun":
		f.run, err = f.m.openRun(b, f.base, f.behind, f.defaults)
	}
	return err
}

// A trackRun gives the samples of one trun [8.8.8], all but their DTS.
type trackRun struct {
	flags    uint32
	left     uint32
	at       int64
	defaults sampleDefaults
	entries  *table
	first    uint32 // flags of the first sample, with runFirstFlags, until it is given
}

// openRun begins a run whose data begins at its offset from base, or where that
// of the run before ends.
func (m *movie) openRun(b box, base, behind int64, d sampleDefaults) (*trackRun, error) {
	head := make([]byte, min(16, b.end-b.payload))
	if _, err := m.r.ReadAt(head, b.payload); err != nil {
		return nil, fmt.Errorf("trun: %w", err)
	}
	take := func() (v uint32) {
		if len(head) >= 4 {
			v, head = binary.BigEndian.Uint32(head), head[4:]
		}
		return v
	}
	r := &trackRun{flags: take() & 0xffffff, left: take(), at: behind, defaults: d}
	entries := b.payload + 8
	if r.flags&runDataOffset != 0 {
		r.at = base + int64(int32(take()))
		entries += 4
	}
	if r.flags&runFirstFlags != 0 {
		r.first = take()
		entries += 4
	}
	if r.flags&runSize == 0 && d.size == 0 {
		r.left = 0 // samples without bytes, of which there may be four billion in a box of twelve
	}
	r.entries = m.tableAt(entries, b.end, r.left, 4*bits.OnesCount32(r.flags&runSampleFields))
	return r, nil
}

func (r *trackRun) next(s *sample) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	b, err := r.entries.next()
	if err != nil {
		return cut(err)
	}
	field := func(flag, otherwise uint32) uint32 {
		if r.flags&flag != 0 {
			otherwise, b = binary.BigEndian.Uint32(b), b[4:]
		}
		return otherwise
	}
	*s = sample{duration: int64(field(runDuration, r.defaults.duration)), size: field(runSize, r.defaults.size), entry: r.defaults.entry}
	flags := field(runFlags, r.defaults.flags)
	s.offset = int64(int32(field(runOffset, 0))) // signed in version 1, and in many a file of version 0
	if r.flags&runFirstFlags != 0 {
		flags = r.first
		r.flags &^= runFirstFlags
	}
	s.sync = flags&sampleNotSync == 0
	s.at = r.at
	r.at += int64(s.size)
	return nil
}
