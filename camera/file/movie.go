package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/abema/go-mp4"

	"venuecast/aac"
	"venuecast/h264"
)

// Clause numbers in what reads MP4 are those of ISO/IEC 14496-12:2015.

const (
	// maxBox is how large a box may be that is read into memory. The tables of
	// samples, which grow with the recording, are not.
	maxBox = 1 << 20

	maxTracks  = 64
	maxEntries = 256 // of a sample description
)

var (
	errBoxCutOff = errors.New("a box reaches beyond the end")
	errMalformed = errors.New("malformed")
)

// A movie is what the header of an MP4 file says of its tracks.
type movie struct {
	r     io.ReaderAt
	size  int64 // of the file
	scale uint32
	moov  box

	tracks     []*track
	fragmented bool // there may be samples behind those of the header
}

// A track is one stream of the file.
type track struct {
	id      uint32
	handler string // vide, soun ...
	scale   uint32 // ticks a second
	entries []entry
	tables  map[string]box // of samples, by type

	// The edit list: of the media the ticks from start to end are played, at
	// delay. unplayable says why its edits cannot be followed.
	start, end int64
	delay      time.Duration
	unplayable error

	// What a fragment's sample is where the fragment does not say [8.8.3].
	defaults sampleDefaults
}

// An entry is one of the sample descriptions of a track [8.5.2].
type entry struct {
	kind   string
	codec  string  // for people
	format *format // nil: it cannot be played
	err    error   // why that is, where the codec would be ours
}

// A box is where one is in the file.
type box struct {
	kind             string
	at, payload, end int64 // its header, what is behind that, what is behind it
}

// boxAt reads the header of the box at a place that lies in what ends at end.
func (m *movie) boxAt(at, end int64) (box, error) {
	info, err := mp4.ReadBoxInfo(io.NewSectionReader(m.r, at, end-at))
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return box{}, errBoxCutOff
	}
	if err != nil {
		return box{}, fmt.Errorf("read box at byte %d: %w", at, err)
	}
	kind := string(info.Type[:])
	switch {
	case info.Size < info.HeaderSize:
		return box{}, fmt.Errorf("box %q at byte %d has %d bytes: %w", kind, at, info.Size, errMalformed)
	case info.Size > uint64(end-at):
		return box{kind: kind, at: at}, errBoxCutOff
	}
	return box{kind: kind, at: at, payload: at + int64(info.HeaderSize), end: at + int64(info.Size)}, nil
}

// each calls visit for the boxes between two places.
func (m *movie) each(from, to int64, visit func(box) error) error {
	for to-from >= mp4.SmallHeaderSize { // QuickTime ends lists with four zero bytes
		b, err := m.boxAt(from, to)
		if err != nil {
			return err
		}
		if err := visit(b); err != nil {
			return fmt.Errorf("%s: %w", b.kind, err)
		}
		from = b.end
	}
	return nil
}

// bytes reads what a small box holds.
func (m *movie) bytes(b box) ([]byte, error) {
	if b.end-b.payload > maxBox {
		return nil, fmt.Errorf("%d bytes, at most %d are read: %w", b.end-b.payload, maxBox, errMalformed)
	}
	buf := make([]byte, b.end-b.payload)
	_, err := m.r.ReadAt(buf, b.payload)
	if err == io.EOF { // ReadAt may say so at the end of the file
		err = nil
	}
	return buf, err
}

// unmarshal reads a small box.
func (m *movie) unmarshal(b box, dst mp4.IBox) error {
	buf, err := m.bytes(b)
	if err != nil {
		return err
	}
	_, err = mp4.Unmarshal(bytes.NewReader(buf), uint64(len(buf)), dst, mp4.Context{})
	return err
}

// openMovie reads the header of an MP4 file.
func openMovie(r io.ReaderAt, size int64) (*movie, error) {
	m := &movie{r: r, size: size}
	if err := m.find(); err != nil {
		return nil, err
	}
	err := m.each(m.moov.payload, m.moov.end, func(b box) error {
		switch b.kind {
		case "mvhd":
			var mvhd mp4.Mvhd
			err := m.unmarshal(b, &mvhd)
			m.scale = mvhd.Timescale
			return err
		case "trak":
			if len(m.tracks) == maxTracks {
				return fmt.Errorf("more than %d tracks: %w", maxTracks, errMalformed)
			}
			t := &track{tables: make(map[string]box), end: math.MaxInt64}
			m.tracks = append(m.tracks, t)
			// What is wrong with one track is no matter to the others.
			if t.unplayable = m.readTrack(t, b, 0); t.unplayable == nil && t.scale == 0 {
				t.unplayable = fmt.Errorf("a track without ticks a second: %w", errMalformed)
			}
		case "mvex":
			m.fragmented = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read moov: %w", err)
	}
	// The boxes may stand in any order, so what refers to others comes last.
	err = m.each(m.moov.payload, m.moov.end, func(b box) error {
		if b.kind != "mvex" {
			return nil
		}
		return m.each(b.payload, b.end, func(b box) error {
			var trex mp4.Trex
			if b.kind != "trex" {
				return nil
			}
			if err := m.unmarshal(b, &trex); err != nil {
				return err
			}
			for _, t := range m.tracks {
				if t.id == trex.TrackID {
					t.defaults = sampleDefaults{
						entry: trex.DefaultSampleDescriptionIndex, duration: trex.DefaultSampleDuration,
						size: trex.DefaultSampleSize, flags: trex.DefaultSampleFlags,
					}
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read moov: %w", err)
	}
	for _, t := range m.tracks {
		if err := m.readEdits(t); err != nil {
			t.unplayable = fmt.Errorf("read edit list: %w", err)
		}
	}
	return m, nil
}

// find looks for the header, which may stand behind the samples.
func (m *movie) find() error {
	var first, media bool
	for at := int64(0); ; {
		b, err := m.boxAt(at, m.size)
		if !first {
			switch b.kind {
			case "ftyp", "styp", "moov", "moof", "mdat", "free", "skip", "wide", "pnot", "sidx", "uuid":
			default:
				return errors.New("this is no MP4 file")
			}
			first = true
		}
		media = media || b.kind == "mdat" || b.kind == "moof"
		switch {
		case err == nil && b.kind == "moov":
			m.moov = b
			return nil
		case err == nil:
			at = b.end
		case b.kind == "moov":
			return errors.New("its index (moov box) is cut off: the copy is not complete")
		case !media:
			return errors.New("it has no index (moov box) and no media: nothing was recorded, or the copy is not complete")
		default:
			return errors.New("it has no index (moov box): the recording was cut off before it was finished, or the copy is not complete; " +
				"recorders that write fragmented MP4 or FLV do not lose what they have")
		}
	}
}

// readTrack reads what a box holds that is depth boxes inside a trak.
func (m *movie) readTrack(t *track, b box, depth int) error {
	const deepest = 3 // trak, mdia, minf, stbl
	return m.each(b.payload, b.end, func(b box) error {
		switch b.kind {
		case "mdia", "minf", "stbl":
			if depth == deepest {
				return fmt.Errorf("boxes in boxes: %w", errMalformed)
			}
			return m.readTrack(t, b, depth+1)
		case "tkhd":
			var tkhd mp4.Tkhd
			err := m.unmarshal(b, &tkhd)
			t.id = tkhd.TrackID
			return err
		case "mdhd":
			var mdhd mp4.Mdhd
			err := m.unmarshal(b, &mdhd)
			t.scale = mdhd.Timescale
			return err
		case "hdlr":
			if t.handler != "" {
				return nil // QuickTime has another one, of how the data is stored
			}
			var hdlr mp4.Hdlr
			err := m.unmarshal(b, &hdlr)
			t.handler = string(hdlr.HandlerType[:])
			return err
		case "stsd":
			return m.readDescriptions(t, b)
		case "edts":
			return m.each(b.payload, b.end, func(b box) error {
				if b.kind == "elst" {
					t.tables[b.kind] = b
				}
				return nil
			})
		case "stts", "ctts", "stss", "stsc", "stsz", "stz2", "stco", "co64":
			t.tables[b.kind] = b
		}
		return nil
	})
}

// readEdits makes of the edit list [8.6.6] what can be done with it without
// coding anew: a delay, and one piece of the media.
func (m *movie) readEdits(t *track) error {
	b, ok := t.tables["elst"]
	if !ok || m.scale == 0 || t.unplayable != nil {
		return nil
	}
	var elst mp4.Elst
	if err := m.unmarshal(b, &elst); err != nil {
		return err
	}
	// In ticks of the track, rounded up, and within what can be added up.
	const longest = 1 << 61
	inMedia := func(duration uint64) int64 {
		return int64(min(math.Ceil(float64(duration)*float64(t.scale)/float64(m.scale)), longest))
	}
	tick := int64(t.scale/m.scale) + 1 // of the edit list, whose times are rounded to it
	played := false
	for i, e := range elst.Entries {
		start, duration := elst.GetMediaTime(i), elst.GetSegmentDuration(i)
		switch {
		case start == -1 && !played:
			t.delay += scaled(int64(min(duration, longest)), m.scale)
		case start == -1:
			// Nothing behind the end.
		case start < 0 || start > longest:
			return fmt.Errorf("media time %d: %w", start, errMalformed)
		case e.MediaRateInteger != 1:
			t.unplayable = errors.New("its edit list asks for another speed or a still picture, which needs coding anew")
		case !played:
			played = true
			t.start = start
			// 0, and anything in a file that was still growing: to the end.
			if duration != 0 && !m.fragmented {
				t.end = start + inMedia(duration)
			}
		case t.end == math.MaxInt64:
		case start-t.end <= tick && t.end-start <= tick:
			t.end = start + inMedia(duration)
		default:
			t.unplayable = errors.New("its edit list puts pieces together, which needs coding anew")
		}
	}
	return nil
}

// readDescriptions reads the sample descriptions.
func (m *movie) readDescriptions(t *track, b box) error {
	var stsd mp4.Stsd
	head := b
	if head.end = head.payload + 8; head.end > b.end {
		return fmt.Errorf("no descriptions: %w", errMalformed)
	}
	if err := m.unmarshal(head, &stsd); err != nil {
		return err
	}
	return m.each(head.end, b.end, func(b box) error {
		if len(t.entries) == maxEntries {
			return fmt.Errorf("more than %d descriptions: %w", maxEntries, errMalformed)
		}
		e := entry{kind: b.kind, codec: codecName(b.kind)}
		switch b.kind {
		case "avc1", "avc3":
			e.format, e.err = m.readVideo(b)
		case "mp4a":
			if err := m.readAudio(b, stsd.GetVersion(), &e); err != nil {
				return err
			}
		case "encv":
			e.err = errEncrypted
		}
		t.entries = append(t.entries, e)
		return nil
	})
}

// readVideo reads the sample entry of H.264 [ISO/IEC 14496-15 5.4.2].
func (m *movie) readVideo(b box) (f *format, err error) {
	const fields = 78 // before the boxes [12.1.3]
	err = m.each(b.payload+fields, b.end, func(b box) error {
		if b.kind != "avcC" || f != nil {
			return nil
		}
		record, err := m.bytes(b)
		if err != nil {
			return err
		}
		sps, pps, lengthSize, err := h264.ParseAVCC(record)
		if err != nil {
			return err
		}
		f = &format{sets: append(sps, pps...), lengthSize: lengthSize}
		return nil
	})
	if err == nil && f == nil {
		err = fmt.Errorf("no avcC: %w", errMalformed)
	}
	return f, err
}

// readAudio reads an mp4a sample entry [12.2.3, ISO/IEC 14496-14 5.6.1].
func (m *movie) readAudio(b box, version uint8, e *entry) error {
	const fields = 28 // before the boxes
	var head [fields]byte
	if b.end-b.payload < fields {
		return nil
	}
	if _, err := m.r.ReadAt(head[:], b.payload); err != nil {
		return err
	}
	boxes := b.payload + fields
	if version == 0 { // of QuickTime, which has more fields
		switch binary.BigEndian.Uint16(head[8:]) {
		case 1:
			boxes += 16
		case 2:
			boxes += 36
		}
	}
	e.err = m.findESDS(boxes, b.end, e)
	if e.err == nil && e.format == nil && e.codec == codecName(e.kind) {
		e.err = fmt.Errorf("no AudioSpecificConfig: %w", errMalformed)
	}
	return nil
}

// findESDS reads the configuration of AAC, which QuickTime has in a box of its
// own.
func (m *movie) findESDS(from, to int64, e *entry) error {
	return m.each(from, to, func(b box) error {
		if b.kind == "wave" {
			return m.each(b.payload, b.end, func(b box) error { return m.readESDS(b, e) })
		}
		return m.readESDS(b, e)
	})
}

func (m *movie) readESDS(b box, e *entry) error {
	if b.kind != "esds" {
		return nil
	}
	var esds mp4.Esds
	if err := m.unmarshal(b, &esds); err != nil {
		return err
	}
	for _, d := range esds.Descriptors {
		switch {
		case d.DecoderConfigDescriptor != nil:
			kind := d.DecoderConfigDescriptor.ObjectTypeIndication
			switch kind {
			case 0x40, 0x66, 0x67, 0x68: // AAC of MPEG-4 and MPEG-2
				continue
			}
			name := objectTypes[kind]
			if name == "" {
				name = "of an unknown kind"
			}
			e.codec = fmt.Sprintf("%s (mp4a.%02x)", name, kind)
			return nil
		case d.Tag == mp4.DecSpecificInfoTag:
			config, err := aac.ParseConfig(d.Data)
			if err != nil {
				return err
			}
			e.format = &format{config: config}
			return nil
		}
	}
	return nil
}

// scaled is a number of ticks as a duration. Live recorders count from 1904;
// what is beyond 136 years only a damaged file says, and it is cut off there, so
// that it fits.
func scaled(ticks int64, scale uint32) time.Duration {
	const longest = 1 << 32 // seconds
	s := int64(scale)
	seconds, rest := ticks/s, ticks%s
	seconds = min(max(seconds, -longest), longest)
	return time.Duration(seconds)*time.Second + time.Duration(rest*int64(time.Second)/s)
}
