package h264

import (
	"bytes"
	"errors"
	"time"
)

const (
	// maxAccessUnit bounds what one picture may take of memory: an FLV tag
	// cannot hold more either. What is longer is no picture.
	maxAccessUnit = 16 << 20

	// minSpace is the least free space that Space returns; most pictures fit.
	minSpace = 128 << 10

	// steadySlices is after how many pictures with the same number of slices
	// the next one is expected to have as many.
	steadySlices = 8
)

var startCode = []byte{0, 0, 1}

// FramerStats counts what a Framer had to leave out.
type FramerStats struct {
	CutTooEarly  int   // pictures that EndAccessUnit ended before their end: damaged
	Dropped      int   // pictures left out until the next keyframe
	SkippedBytes int64 // outside NAL units, or in what is too long to be a picture
	BadNALUs     int   // parameter sets and slices whose header could not be read
}

// A Framer cuts an Annex B byte stream into access units [B.1, 7.4.1.2.3].
// The stream may come in any pieces:
//
//	n, err := pipe.Read(f.Space())
//	f.Filled(n, arrival)
//	for f.Next(&au) { ... }
//
// An access unit is complete when the first NAL unit of the next one is seen.
// Where that takes too long, because the next picture is still to be captured,
// a caller that knows the stream's pauses may end it: see EndAccessUnit.
//
// A Framer is not safe for concurrent use.
type Framer struct {
	buf  []byte
	end  int // buf[:end] is filled
	scan int // no start code begins before this that has not been seen

	nalu    int  // the open NAL unit begins here, behind its start code; -1: none
	code    int  // and its start code here, leading zeros and all
	placed  bool // it has been told whether it begins an access unit
	ignored bool // and that it belongs to none

	base    int64         // stream offset of buf[0]
	arrival time.Duration // of the bytes of the last Filled
	mark    int64         // stream offset where those bytes begin
	anew    bool          // an access unit begins right there

	open  *unit   // being filled, nil where none is
	ready []*unit // complete, Next has given the first given of them
	given int
	spare []*unit

	sets ParameterSets
	last SliceHeader // of the slice before, in the primary picture
	seen bool        // last is valid
	zero [3]bool     // the picture has had a slice that begins at macroblock 0, by colour plane

	slices, sliceRun int // of the last pictures: how many, and for how long unchanged

	cutBytes  bool // nothing has come since EndAccessUnit
	cutUnit   bool // no access unit has begun since
	cutFiller bool // it ended in filler data, of which more may come
	rest      bool // more of that picture has come since: what is left of it is left out
	dropping  bool // until a keyframe
	stats     FramerStats
}

// unit is an access unit as offsets into the buffer.
type unit struct {
	start     int // of its first start code
	arrival   time.Duration
	nalus     []span
	slices    int
	first     SliceHeader // of the first slice
	sps       *SPS        // that it refers to, nil where unknown
	predicted bool        // a slice refers to other pictures
	recovery  bool        // recovery point SEI with recovery_frame_cnt 0
}

type span struct{ from, to int }

// NewFramer returns an empty Framer.
func NewFramer() *Framer { return &Framer{nalu: -1} }

// Stats gives what has been left out so far.
func (f *Framer) Stats() FramerStats { return f.stats }

// Space returns free space to read into, never empty. Next must have returned
// false; what it returned before is no longer valid.
func (f *Framer) Space() []byte {
	f.spare = append(f.spare, f.ready[:f.given]...)
	f.ready = append(f.ready[:0], f.ready[f.given:]...)
	f.given = 0
	if len(f.ready) == 0 {
		f.compact()
	}
	if len(f.buf)-f.end < minSpace {
		grown := make([]byte, max(2*len(f.buf), f.end+2*minSpace))
		copy(grown, f.buf[:f.end])
		f.buf = grown
	}
	return f.buf[f.end:]
}

// compact moves what is still needed to the front.
func (f *Framer) compact() {
	keep := f.scan
	if f.nalu >= 0 {
		keep = f.code
	}
	if f.open != nil {
		keep = f.open.start
	}
	if keep == 0 {
		return
	}
	copy(f.buf, f.buf[keep:f.end])
	f.base += int64(keep)
	f.end -= keep
	f.scan -= keep
	if f.nalu >= 0 {
		f.nalu -= keep
		f.code -= keep
	}
	if f.open != nil {
		f.open.start -= keep
		for i := range f.open.nalus {
			f.open.nalus[i].from -= keep
			f.open.nalus[i].to -= keep
		}
	}
}

// Filled says that n bytes have been read into Space, at the time arrival.
func (f *Framer) Filled(n int, arrival time.Duration) {
	f.mark = f.base + int64(f.end)
	f.arrival = arrival
	f.anew = false
	f.end += n
	if f.cutBytes && !f.resume() {
		return
	}
	for f.nextNALU() {
	}
}

// Continued reports whether the bytes of the last Filled went on with a
// picture that had begun before, rather than beginning one.
func (f *Framer) Continued() bool {
	return !f.anew && (f.nalu < 0 || f.placed)
}

// nextNALU finds the next start code, ends the NAL unit before it and opens
// the one behind it. It returns false when what is filled in is used up.
func (f *Framer) nextNALU() bool {
	i := bytes.Index(f.buf[f.scan:f.end], startCode)
	if i < 0 {
		next := max(f.scan, f.end-len(startCode)+1)
		if f.nalu < 0 {
			f.skip(f.buf[f.scan:next])
		} else if !f.placed {
			f.place(f.buf[f.nalu:f.end], false)
		}
		f.scan = next
		f.bound()
		return false
	}
	at := f.scan + i
	floor := f.scan
	if f.nalu >= 0 {
		floor = f.nalu
	}
	code := at
	for code > floor && f.buf[code-1] == 0 {
		code-- // zero_byte and trailing_zero_8bits: no NAL unit ends in a zero
	}
	if f.nalu >= 0 {
		f.endNALU(code)
	} else {
		f.skip(f.buf[f.scan:code])
	}
	f.nalu, f.code = at+len(startCode), code
	f.placed, f.ignored = false, false
	f.scan = f.nalu
	return true
}

// skip counts bytes that belong to no NAL unit; zeros are legal there.
func (f *Framer) skip(b []byte) {
	f.stats.SkippedBytes += int64(len(b) - bytes.Count(b, startCode[:1]))
}

// bound gives up a picture that is too long to be one.
func (f *Framer) bound() {
	if f.nalu < 0 {
		return
	}
	start := f.code
	if f.open != nil {
		start = f.open.start
	}
	if f.end-start <= maxAccessUnit {
		return
	}
	f.stats.SkippedBytes += int64(f.end - start)
	if f.open != nil {
		f.spare = append(f.spare, f.open)
		f.open = nil
	}
	f.nalu = -1
	f.dropping = true
}

// place decides whether the open NAL unit, of which n has come so far, begins
// an access unit [7.4.1.2.3]. Until the NAL unit is complete it may leave that
// open.
func (f *Framer) place(n NALU, complete bool) {
	if len(n) == 0 {
		f.placed, f.ignored = complete, complete
		return
	}
	switch t := n.Type(); {
	case t == TypeSlice, t == TypeIDR, t == TypeDataPartA:
		f.placeSlice(n, complete)
		return
	case t >= TypeSEI && t <= TypeAUD, t >= TypePrefix && t <= TypeReserved18:
		if f.open == nil || f.open.slices > 0 {
			f.begin()
		}
	case f.open == nil:
		f.ignored = true // the end of a picture that has been dealt with
	}
	f.placed = true
}

func (f *Framer) placeSlice(n NALU, complete bool) {
	r := newBitReader(n)
	h, sps, _, err := parseSliceStart(&r, n, &f.sets)
	if err != nil {
		if !complete && errors.Is(err, errShort) {
			return // wait for the rest of the header
		}
		// Nothing but first_mb_in_slice can be trusted now.
		f.stats.BadNALUs++
		f.placed, f.seen = true, false
		switch {
		case h.FirstMB == 0 && (f.open == nil || f.open.slices > 0), f.open == nil && !f.cutUnit:
			f.begin()
		case f.open == nil:
			f.ignored = true
			return
		}
		f.addSlice(&h, nil)
		return
	}
	f.placed = true
	same := f.seen && f.last.samePicture(&h) &&
		// Macroblock 0 twice is a new picture, whatever the header says: some
		// encoders never change idr_pic_id.
		(h.RedundantPics > 0 || h.FirstMB != 0 || !f.zero[h.ColourPlane%3])
	switch {
	case h.RedundantPics > 0:
		// Of the picture before, and never the one that tells pictures apart.
		if f.open == nil {
			f.ignored = true
		} else {
			f.open.slices++
		}
		return
	case f.open == nil && same && f.cutUnit:
		f.late()
		f.ignored = true
		return
	case f.open == nil, f.open.slices > 0 && !same:
		f.begin()
	}
	f.addSlice(&h, sps)
	f.last, f.seen = h, true
}

// addSlice enters a slice into the open access unit.
func (f *Framer) addSlice(h *SliceHeader, sps *SPS) {
	u := f.open
	if u.slices == 0 {
		u.first, u.sps = *h, sps
		f.zero = [3]bool{}
	}
	u.slices++
	u.predicted = u.predicted || !h.Type.IsIntra()
	if h.FirstMB == 0 {
		f.zero[h.ColourPlane%3] = true
	}
}

// begin completes the open access unit and opens one at the open NAL unit.
func (f *Framer) begin() {
	f.finish()
	if at := f.mark - f.base; int64(f.code) <= at && at <= int64(f.nalu) {
		f.anew = true
	}
	u := &unit{}
	if k := len(f.spare); k > 0 {
		u, f.spare = f.spare[k-1], f.spare[:k-1]
		*u = unit{nalus: u.nalus[:0]}
	}
	u.start, u.arrival = f.code, f.arrival
	f.open = u
	f.cutUnit, f.rest = false, false
}

// endNALU completes the open NAL unit.
func (f *Framer) endNALU(end int) {
	n := NALU(f.buf[f.nalu:end])
	if !f.placed {
		f.place(n, true)
	}
	if f.ignored || f.open == nil {
		f.nalu = -1
		return
	}
	u := f.open
	u.nalus = append(u.nalus, span{f.nalu, end})
	f.nalu = -1
	switch n.Type() {
	case TypeSPS, TypePPS:
		if _, err := f.sets.Update(n); err != nil {
			f.stats.BadNALUs++
		}
	case TypeSEI:
		if cnt, ok := RecoveryPoint(n); ok && cnt == 0 {
			u.recovery = true
		}
	case TypeSlice, TypeIDR, TypeDataPartA:
		if u.slices == 1 && u.sps != nil {
			// The part of the header that could not be had before.
			if h, err := ParseSliceHeader(n, &f.sets); err == nil {
				u.first = h
			} else {
				f.stats.BadNALUs++
			}
		}
	}
}

// finish hands the open access unit on, if it has a picture.
func (f *Framer) finish() {
	u := f.open
	if u == nil {
		return
	}
	f.open = nil
	if u.slices == 0 {
		f.spare = append(f.spare, u)
		return
	}
	if u.slices == f.slices {
		f.sliceRun++
	} else {
		f.slices, f.sliceRun = u.slices, 0
	}
	if f.dropping && !u.keyframe() {
		f.stats.Dropped++
		f.spare = append(f.spare, u)
		return
	}
	f.dropping = false
	f.ready = append(f.ready, u)
}

func (u *unit) keyframe() bool {
	return u.first.IsIDR() || !u.predicted && u.recovery && u.sps != nil
}

// CanEnd reports whether the bytes so far may be a whole access unit: they end
// within a slice, or the filler data behind one, not in a zero byte, and there
// are as many slices as the pictures before had.
func (f *Framer) CanEnd() bool {
	if f.nalu < 0 || !f.placed || f.ignored || f.open == nil || f.end-f.nalu < 2 || f.buf[f.end-1] == 0 {
		return false
	}
	if t := NALU(f.buf[f.nalu:f.end]).Type(); !t.IsVCL() && (t != TypeFiller || f.open.slices == 0) {
		return false
	}
	return f.sliceRun < steadySlices || f.open.slices >= f.slices
}

// EndAccessUnit says that the stream has been quiet for so long that the
// access unit must be complete; Next gives it. Call it only where CanEnd is
// true. If more of the picture comes after all, its rest and everything up to
// the next keyframe is dropped: no picture is ever given in two halves.
func (f *Framer) EndAccessUnit() {
	f.cutFiller = f.nalu >= 0 && NALU(f.buf[f.nalu:f.end]).Type() == TypeFiller
	f.endNALU(f.end)
	f.finish()
	f.scan = f.end
	f.cutBytes, f.cutUnit = true, true
}

// resume looks at the first bytes after EndAccessUnit: a start code, or the
// rest of the picture. It returns false until it can tell.
func (f *Framer) resume() bool {
	b := f.buf[f.scan:f.end]
	zeros := 0
	for zeros < len(b) && b[zeros] == 0 {
		zeros++
	}
	if zeros == len(b) {
		return false
	}
	f.cutBytes = false
	if (zeros < 2 || b[zeros] != 1) && !f.cutFiller { // of filler, nothing is missed
		f.late()
	}
	return true
}

// late says that the access unit before was ended too early. What comes of it
// until the next one begins is left out.
func (f *Framer) late() {
	if !f.rest {
		f.stats.CutTooEarly++
	}
	f.rest, f.dropping = true, true
}

// Dropping reports whether pictures are being left out, for want of a keyframe.
func (f *Framer) Dropping() bool { return f.dropping }

// Flush completes what is open, at the end of the stream.
func (f *Framer) Flush() {
	if f.nalu >= 0 {
		end := f.end
		for end > f.nalu && f.buf[end-1] == 0 {
			end--
		}
		f.endNALU(end)
	}
	f.finish()
	f.scan = f.end
}

// Next gives the next complete access unit: its NAL units, which are valid
// until the next call of Space, whether it is a keyframe, and as its DTS and
// PTS the arrival of its first byte. It returns false where there is none.
func (f *Framer) Next(au *AccessUnit) bool {
	if f.given == len(f.ready) {
		return false
	}
	u := f.ready[f.given]
	f.given++
	au.NALUs = au.NALUs[:0]
	for _, s := range u.nalus {
		au.NALUs = append(au.NALUs, NALU(f.buf[s.from:s.to:s.to]))
	}
	au.DTS, au.PTS = u.arrival, u.arrival
	au.Keyframe = u.keyframe()
	return true
}

// Slice is the header of the first slice of the access unit that Next gave
// last, and the SPS that it refers to: nil where that has not been seen, or
// the header could not be read.
func (f *Framer) Slice() (*SliceHeader, *SPS) {
	if f.given == 0 {
		return nil, nil
	}
	u := f.ready[f.given-1]
	return &u.first, u.sps
}
