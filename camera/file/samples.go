package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A sample is a picture or a frame of sound, as the tables of a track have it.
type sample struct {
	dts      int64 // in ticks of the media
	offset   int64 // from DTS to PTS
	duration int64
	at       int64 // byte in the file
	size     uint32
	sync     bool
	entry    uint32 // sample description, counted from 1
}

// length is the size as an item has it; what is too large for one stays so.
func (s *sample) length() int { return int(min(s.size, maxSize+1)) }

// A sampler gives the samples of a track in decoding order, those without bytes
// left out. Behind the last it returns io.EOF, or errCutOff where the track says
// more than the file has.
type sampler interface {
	next(s *sample) error
}

// A table reads the entries of one table after another. The library would read
// them all, through reflection and into memory: for an hour's recording a slow
// box's seconds, and without bound.
type table struct {
	r     *bufio.Reader
	left  uint32 // entries
	width int    // of an entry, in bytes
}

const tableBuffer = 2048

func (m *movie) tableAt(at, end int64, count uint32, width int) *table {
	return &table{r: bufio.NewReaderSize(io.NewSectionReader(m.r, at, max(0, end-at)), tableBuffer), left: count, width: width}
}

// table opens a table whose count of entries stands behind its version and
// flags. Where the track has none it is empty, and there is false.
func (m *movie) table(t *track, kind string, width int) (tab *table, there bool, err error) {
	b, ok := t.tables[kind]
	if !ok {
		return &table{}, false, nil
	}
	var head [8]byte
	if b.end-b.payload < int64(len(head)) {
		return nil, false, fmt.Errorf("%s: %w", kind, errMalformed)
	}
	if _, err := m.r.ReadAt(head[:], b.payload); err != nil {
		return nil, false, fmt.Errorf("%s: %w", kind, err)
	}
	return m.tableAt(b.payload+8, b.end, binary.BigEndian.Uint32(head[4:]), width), true, nil
}

// next gives an entry, which is valid until the next call; io.EOF behind the
// last, also where there are fewer than it says.
func (t *table) next() ([]byte, error) {
	if t.left == 0 {
		return nil, io.EOF
	}
	b, err := t.r.Peek(t.width)
	if err != nil {
		t.left = 0
		return nil, err
	}
	t.left--
	_, err = t.r.Discard(t.width)
	return b, err
}

// A run is a value that holds for a number of samples, by a table that has the
// two in pairs.
type run struct {
	*table
	count uint32
	value uint32
}

// next gives the value for the next sample: the last one goes on where the
// table has come to its end.
func (r *run) next() (uint32, error) {
	for r.count == 0 {
		b, err := r.table.next()
		if err == io.EOF {
			return r.value, nil
		}
		if err != nil {
			return 0, err
		}
		r.count, r.value = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	}
	r.count--
	return r.value, nil
}

// progressive gives the samples that the header names [8.6, 8.7].
type progressive struct {
	m       *movie
	dts     int64
	number  uint32 // of the sample given last, counted from 1
	samples uint32 // there are

	durations, offsets run

	size  uint32 // of all samples; 0: as sizes says
	sizes *table

	syncs    *table // nil: all are
	nextSync uint32 // the sample that syncs is at; 0: there is no more

	chunks  *table
	chunk   uint32 // counted from 1
	inChunk uint32 // samples left in it
	at      int64  // of the next one

	// chunkRuns says how many samples chunks have, and of what description: run
	// from its first chunk to that of ahead.
	chunkRuns  *table
	run, ahead chunkRun
}

type chunkRun struct{ first, samples, entry uint32 }

func (m *movie) progressive(t *track) (*progressive, error) {
	p := &progressive{m: m}
	var err error
	var there bool
	if p.durations.table, _, err = m.table(t, "stts", 8); err != nil {
		return nil, err
	}
	if p.offsets.table, _, err = m.table(t, "ctts", 8); err != nil {
		return nil, err
	}
	if p.chunkRuns, _, err = m.table(t, "stsc", 12); err != nil {
		return nil, err
	}
	if p.chunks, there, err = m.table(t, "stco", 4); err == nil && !there {
		p.chunks, _, err = m.table(t, "co64", 8)
	}
	if err != nil {
		return nil, err
	}
	if p.syncs, there, err = m.table(t, "stss", 4); err != nil {
		return nil, err
	}
	if !there {
		p.syncs = nil
	} else if err := p.advanceSync(); err != nil {
		return nil, err
	}
	if err := p.openSizes(t); err != nil {
		return nil, err
	}
	return p, p.advanceRun()
}

// openSizes opens the table of sizes, of which there are two kinds [8.7.3].
func (p *progressive) openSizes(t *track) error {
	b, ok := t.tables["stsz"]
	width := 4
	if !ok {
		if b, ok = t.tables["stz2"]; !ok {
			return nil
		}
	}
	var head [12]byte
	if b.end-b.payload < int64(len(head)) {
		return fmt.Errorf("%s: %w", b.kind, errMalformed)
	}
	if _, err := p.m.r.ReadAt(head[:], b.payload); err != nil {
		return fmt.Errorf("%s: %w", b.kind, err)
	}
	p.samples = binary.BigEndian.Uint32(head[8:])
	if b.kind == "stz2" {
		if width = int(head[7]) / 8; width != 1 && width != 2 {
			return fmt.Errorf("stz2: sizes of %d bits: %w", head[7], errMalformed)
		}
	} else {
		p.size = binary.BigEndian.Uint32(head[4:])
	}
	p.sizes = p.m.tableAt(b.payload+int64(len(head)), b.end, p.samples, width)
	return nil
}

func (p *progressive) next(s *sample) error {
	for {
		if p.number == p.samples {
			return io.EOF
		}
		p.number++
		size := p.size
		if size == 0 {
			b, err := p.sizes.next()
			if err != nil {
				return cut(err)
			}
			size = uint32(number(b))
		}
		duration, err := p.durations.next()
		if err != nil {
			return err
		}
		offset, err := p.offsets.next()
		if err != nil {
			return err
		}
		if err := p.place(); err != nil {
			return err
		}
		*s = sample{
			dts: p.dts,
			// Signed in version 1, and in many a file of version 0.
			offset:   int64(int32(offset)),
			duration: int64(duration),
			at:       p.at,
			size:     size,
			sync:     p.syncs == nil || p.number == p.nextSync,
			entry:    p.run.entry,
		}
		if p.syncs != nil && p.number == p.nextSync {
			if err := p.advanceSync(); err != nil {
				return err
			}
		}
		p.dts += s.duration
		p.at += int64(size)
		if p.at > p.m.size {
			return errCutOff
		}
		if size > 0 {
			return nil
		}
	}
}

// place goes on to where the next sample is: in its chunk, or in the next that
// has one.
func (p *progressive) place() error {
	for p.inChunk == 0 {
		b, err := p.chunks.next()
		if err != nil {
			return cut(err)
		}
		p.chunk++
		if p.chunk == p.ahead.first {
			if err := p.advanceRun(); err != nil {
				return err
			}
		}
		p.at = number(b)
		if p.at < 0 || p.at > p.m.size {
			return errCutOff
		}
		p.inChunk = p.run.samples
	}
	p.inChunk--
	return nil
}

func (p *progressive) advanceRun() error {
	p.run = p.ahead
	b, err := p.chunkRuns.next()
	if err != nil && err != io.EOF {
		return err
	}
	if p.ahead = (chunkRun{}); err == nil {
		p.ahead = chunkRun{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])}
	}
	return nil
}

func (p *progressive) advanceSync() error {
	b, err := p.syncs.next()
	if err != nil && err != io.EOF {
		return err
	}
	if p.nextSync = 0; err == nil {
		p.nextSync = binary.BigEndian.Uint32(b)
	}
	return nil
}

// number is a number of 1, 2, 4 or 8 bytes; beyond an int64 it is negative.
func number(b []byte) (v int64) {
	for _, c := range b {
		v = v<<8 | int64(c)
	}
	return v
}

// cut is the error for a table that ends before its samples do.
func cut(err error) error {
	if err == io.EOF {
		return errCutOff
	}
	return err
}

// errCutOff says that samples are named that the file does not have.
var errCutOff = errors.New("samples are missing")
