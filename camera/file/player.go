package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"venuecast/aac"
	"venuecast/h264"
)

// An item is a picture or a frame of sound of a file that says when each is
// due.
type item struct {
	sound bool
	key   bool // the file says that a decoder may start at this picture

	// In the file's own time; of sound both are when it is heard.
	dts, pts time.Duration
	length   time.Duration // how long it lasts

	format *format
	body   []byte // nil: it is in the file, size bytes from at on
	at     int64
	size   int

	first bool // picture of a round
}

// A format is what a decoder must know before an item: of a picture, the
// parameter sets and the length of the lengths before NAL units.
type format struct {
	sets       []h264.NALU
	lengthSize int
	config     aac.Config
}

// A demuxer reads a file from its start to its end once.
type demuxer interface {
	// next fills it in with what comes next: pictures in decoding order, and
	// sound among them, about where it belongs. It returns io.EOF at the end.
	next(it *item) error
}

const (
	// aheadTime is how far the player reads ahead, so that sound and pictures
	// come in the order of their times from files that store them in another,
	// and so that the end is known before sound is given that reaches beyond it.
	aheadTime = time.Second

	// What reading ahead may hold, whatever the file says of its times.
	maxAhead      = 2048     // items
	maxAheadBytes = 32 << 20 // of their bodies; the item that exceeds it is the last

	// maxSize is how large an item may be: no larger one fits a tag.
	maxSize = 1<<24 - 1

	// maxFrame is how large a frame of sound may be: what ADTS can hold.
	maxFrame = 1<<13 - 1

	// slack is how far a frame of sound may reach beyond the picture: the times
	// of FLV are whole milliseconds.
	slack = time.Millisecond / 2
)

// A player gives what a demuxer reads, when it is due, round after round. It
// counts on one timeline, on which the first picture has DTS 0.
type player struct {
	*Source
	file io.ReaderAt
	open func() (demuxer, error) // called for each round
	emit func(*h264.AccessUnit)

	in    demuxer // nil: there is nothing more to read
	err   error   // that ended reading; nil at the end
	held  []item  // sound from before the round's first picture, in the file's time
	ahead []item  // read and not given: those from head on, in the order of DTS
	head  int
	bytes int  // in the bodies of ahead
	read  item // from in
	taken item // from ahead

	begun  bool          // the round has had a picture
	start  time.Duration // of the round
	end    time.Duration // of the round, as far as it has been read
	offset time.Duration // from the file's time to the timeline, in this round
	shown  time.Duration // from DTS to PTS of the round's first picture
	newest time.Duration // DTS of the picture read last
	sounds time.Duration // of the frame of sound read last

	lost   bool // pictures are left out up to the next keyframe
	format *format
	sets   h264.ParameterSets
	frame  aac.Frame
	buf    []byte
}

func (p *player) run(ctx context.Context) error {
	in, err := p.open()
	if err != nil {
		return err
	}
	p.in = in
	for {
		p.fill(ctx)
		if p.head == len(p.ahead) {
			return p.err
		}
		if err := p.give(ctx, p.take()); err != nil {
			return err
		}
	}
}

// take gives what is next, until the next call.
func (p *player) take() *item {
	p.taken, p.ahead[p.head] = p.ahead[p.head], item{} // lets go of its body
	p.head++
	p.bytes -= len(p.taken.body)
	return &p.taken
}

// fill reads ahead.
func (p *player) fill(ctx context.Context) {
	if p.head > maxAhead {
		p.ahead = p.ahead[:copy(p.ahead, p.ahead[p.head:])]
		p.head = 0
	}
	for p.in != nil && ctx.Err() == nil {
		n := len(p.ahead) - p.head
		if n > 0 && (p.newest >= p.ahead[p.head].dts+aheadTime || n >= maxAhead || p.bytes >= maxAheadBytes) {
			return
		}
		switch err := p.in.next(&p.read); {
		case err == nil:
			p.add(p.read)
			p.read = item{}
		case errors.Is(err, io.EOF):
			p.in, p.err = p.nextRound()
		default:
			p.in, p.err = nil, err
		}
	}
}

// add puts an item in its place in what is to be given.
func (p *player) add(it item) {
	if it.sound && it.size > maxFrame {
		p.warn(damaged, fmt.Errorf("frame of sound of %d bytes, at most %d are played", it.size, maxFrame))
		return
	}
	if !p.begun && it.sound {
		if len(p.held) < maxAhead {
			p.held = append(p.held, it)
		}
		return
	}
	if !p.begun {
		p.begun, it.first = true, true
		p.offset, p.shown = p.start-it.dts, it.pts-it.dts
		p.insert(it)
		for _, it := range p.held {
			p.insert(it)
		}
		clear(p.held)
		p.held = p.held[:0]
		return
	}
	p.insert(it)
}

func (p *player) insert(it item) {
	if back := p.newest - (it.dts + p.offset); !it.sound && !it.first && back > aheadTime {
		p.offset += back + it.length // recordings one behind another, each with its own times
	}
	it.dts += p.offset
	it.pts += p.offset
	if it.sound {
		if it.dts < p.start+p.shown-slack || it.dts < p.sounds {
			return // the picture is not there yet, or the sound is not where it belongs
		}
		p.sounds = it.dts
	} else {
		// What a file says backwards is a glitch of whoever recorded it.
		it.dts = max(it.dts, p.newest)
		it.pts = max(it.pts, it.dts)
		p.newest = it.dts
		// A picture that is shown last may not have been decoded last.
		p.end = max(p.end, it.dts+it.length, it.pts+it.length-p.shown)
	}
	p.bytes += len(it.body)
	p.ahead = append(p.ahead, it)
	// Past the other kind only: whatever its times, each keeps its own order.
	for i := len(p.ahead) - 1; i > p.head && p.ahead[i-1].sound != it.sound && p.ahead[i-1].dts > it.dts; i-- {
		p.ahead[i-1], p.ahead[i] = it, p.ahead[i-1]
	}
}

// nextRound begins the next round where the file has been read to its end, and
// loops.
func (p *player) nextRound() (demuxer, error) {
	if !p.begun {
		return nil, errNoPicture
	}
	if p.end-p.start < time.Millisecond {
		p.end = p.start + p.period()
	}
	// What sounds beyond the picture would sound into the next round.
	kept := p.ahead[:p.head]
	for _, it := range p.ahead[p.head:] {
		if it.sound && it.dts+it.length > p.end+p.shown+slack {
			p.bytes -= len(it.body)
			continue
		}
		kept = append(kept, it)
	}
	clear(p.ahead[len(kept):])
	p.ahead = kept
	if !p.cfg.Loop {
		return nil, nil
	}
	p.begun, p.start = false, p.end
	return p.open()
}

// give emits one item when it is due.
func (p *player) give(ctx context.Context, it *item) error {
	body, err := p.load(it)
	if err == nil && !it.sound {
		err = p.split(it, body)
	}
	if err != nil {
		if !it.sound {
			p.lost = true
		}
		p.warn(damaged, err)
		return ctx.Err()
	}
	if err := p.due(ctx, it.dts); err != nil {
		return err
	}
	if it.sound {
		p.frame = aac.Frame{Config: it.format.config, Data: body, DTS: p.base + it.dts}
		p.sound(&p.frame)
		return nil
	}
	if p.lost && !p.au.Keyframe || len(p.au.NALUs) == 0 {
		return nil
	}
	p.lost = false
	p.au.DTS, p.au.PTS = p.base+it.dts, p.base+it.pts
	p.emit(&p.au)
	return nil
}

// load gives the bytes of an item, which are valid until the next call.
func (p *player) load(it *item) ([]byte, error) {
	if it.format == nil {
		return nil, errors.New("a part in another codec")
	}
	if it.body != nil {
		return it.body, nil
	}
	if it.size > maxSize {
		return nil, fmt.Errorf("a sample of %d bytes at byte %d, at most %d are played", it.size, it.at, maxSize)
	}
	if cap(p.buf) < it.size {
		p.buf = make([]byte, it.size+it.size/4)
	}
	_, err := p.file.ReadAt(p.buf[:it.size], it.at)
	return p.buf[:it.size], err
}

// split makes the access unit of a picture.
func (p *player) split(it *item, body []byte) (err error) {
	p.au.NALUs = p.au.NALUs[:0]
	if it.first || it.format != p.format {
		p.au.NALUs = append(p.au.NALUs, it.format.sets...)
		p.format = it.format
	}
	sets := len(p.au.NALUs)
	if p.au.NALUs, err = h264.SplitAVCC(p.au.NALUs, body, it.format.lengthSize); err != nil {
		p.format = nil // the picture that comes through brings the parameter sets
		return fmt.Errorf("picture of %d bytes at byte %d: %w", it.size, it.at, err)
	}
	if len(p.au.NALUs) == sets {
		p.au.NALUs = p.au.NALUs[:0]
		p.format = nil
	}
	p.au.Keyframe = p.keyframe(it)
	return nil
}

// keyframe tells whether a decoder may start at the picture in au. Not every
// file that says so of a picture is right: there are recorders that say it of
// all.
func (p *player) keyframe(it *item) bool {
	key := false
	for _, n := range p.au.NALUs {
		switch t := n.Type(); {
		case t == h264.TypeSPS || t == h264.TypePPS:
			_, _ = p.sets.Update(n) // the muxer says what is wrong with it
		case t == h264.TypeIDR:
			return true
		case t.IsVCL() && it.key:
			h, err := h264.ParseSliceHeader(n, &p.sets)
			if err != nil || !h.Type.IsIntra() {
				return false
			}
			key = true
		}
	}
	return key
}
