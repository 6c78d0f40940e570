package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"venuecast/camera/foreign"
	"venuecast/camera/frameclock"
	"venuecast/h264"
)

// lookAhead is how many pictures are looked at before the first is played, so
// that its composition time is right where the stream does not name its
// reorder depth: more than any decoder can hold back.
const lookAhead = 64

// playAnnexB plays a stream without times, round after round.
func (s *Source) playAnnexB(ctx context.Context, f io.ReadSeeker, emit func(*h264.AccessUnit)) error {
	head := make([]byte, foreign.HeadSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if name := foreign.Format(head[:n]); name != "" {
		return fmt.Errorf("it holds %s, want H.264 in Annex B", name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for {
		end, err := s.annexBRound(ctx, f, emit)
		if err != nil {
			return err
		}
		if end == 0 {
			return errNoPicture
		}
		if !s.cfg.Loop {
			return nil
		}
		s.base += end
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
}

// annexBRound plays the stream once and returns how long it is, 0 where nothing
// in it can be a picture of H.264.
func (s *Source) annexBRound(ctx context.Context, f io.ReadSeeker, emit func(*h264.AccessUnit)) (end time.Duration, err error) {
	var ahead, order h264.Orderer
	n := 0
	err = pictures(f, &s.au, func(slice *h264.SliceHeader, sps *h264.SPS) error {
		if sps != nil {
			ahead.Delay(slice, sps, 1)
		}
		if n++; n == lookAhead {
			return io.EOF
		}
		return nil
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	depth, step := ahead.Learnt()

	usable := false
	var at float64 // in nanoseconds, so that thousands of pictures add up right
	err = pictures(f, &s.au, func(slice *h264.SliceHeader, sps *h264.SPS) error {
		rate := s.rate
		if rate == 0 && sps != nil {
			rate = sps.FrameRate()
		}
		if rate == 0 {
			rate = frameclock.DefaultRate
		}
		if slice.FieldPic {
			rate *= 2 // each field is a picture
		}
		period := float64(time.Second) / rate
		dts, pts := time.Duration(at), time.Duration(at)
		if sps != nil {
			if usable = true; at == 0 {
				order.Expect(sps)
				order.Learn(depth, step)
			}
			pts = time.Duration(at + float64(order.Delay(slice, sps, 1))*period)
		}
		at += period
		end = time.Duration(at)
		if err := s.due(ctx, dts); err != nil {
			return err
		}
		if s.probing && sps == nil {
			return nil
		}
		s.au.DTS, s.au.PTS = s.base+dts, s.base+pts
		emit(&s.au)
		return nil
	})
	if !usable { // what looked like slices belongs to no sequence
		return 0, err
	}
	return end, err
}

// pictures reads an Annex B stream and calls next for each picture, with au
// filled in.
func pictures(r io.Reader, au *h264.AccessUnit, next func(*h264.SliceHeader, *h264.SPS) error) error {
	framer := h264.NewFramer()
	for {
		n, err := r.Read(framer.Space())
		framer.Filled(n, 0)
		if err != nil {
			framer.Flush()
		}
		for framer.Next(au) {
			if err := next(framer.Slice()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
