// Package file plays a recording as if it were a camera: H.264 in Annex B or
// FLV, paced in real time.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/camera/frameclock"
	"venuecast/flv"
	"venuecast/h264"
)

const (
	keyFile = "file"
	keyLate = "late"
)

// lateBy is how far playing may fall behind, on a machine that slept or was
// busy, before it goes on from there instead of making up for it in a burst.
const lateBy = 500 * time.Millisecond

// A Source plays the file.
type Source struct {
	cfg   Config
	rate  float64
	epoch time.Time
	log   logrus.FieldLogger

	au   h264.AccessUnit
	base time.Duration // DTS on the capture's clock of the file's time 0
	end  time.Duration // DTS in the file's time behind the last picture
	any  bool          // a picture has been given
}

// New returns a Source. rate, in frames a second, is for a file without times,
// 0 for what the stream says; times are counted from epoch.
func New(cfg Config, rate float64, epoch time.Time, log logrus.FieldLogger) (*Source, error) {
	if Format(cfg.Path) == "" {
		return nil, fmt.Errorf("play %s: unknown kind of file; want %s", cfg.Path, strings.Join(Extensions(), ", "))
	}
	return &Source{cfg: cfg, rate: rate, epoch: epoch, log: log.WithField(keyFile, filepath.Base(cfg.Path))}, nil
}

// The formats of files.
const (
	AnnexB = "annexb"
	FLV    = "flv"
)

var formats = []struct{ extension, format string }{{".h264", AnnexB}, {".264", AnnexB}, {".flv", FLV}}

// Extensions is what the names of files that can be played end in.
func Extensions() (list []string) {
	for _, f := range formats {
		list = append(list, f.extension)
	}
	return list
}

// Format tells a file's format by its name, "" where it is none that can be
// played.
func Format(path string) string {
	for _, f := range formats {
		if strings.EqualFold(filepath.Ext(path), f.extension) {
			return f.format
		}
	}
	return ""
}

// Run gives the file's pictures to emit, each when it is due. It returns nil
// when ctx is done or, for a file that does not loop, behind the last picture.
func (s *Source) Run(ctx context.Context, emit func(*h264.AccessUnit)) error {
	s.base = time.Since(s.epoch)
	for ctx.Err() == nil {
		s.any = false
		if err := s.play(ctx, emit); err != nil && ctx.Err() == nil {
			return fmt.Errorf("play %s: %w", s.cfg.Path, err)
		}
		if !s.cfg.Loop || ctx.Err() != nil {
			break
		}
		s.base += s.end
		s.end = 0
	}
	return nil
}

func (s *Source) play(ctx context.Context, emit func(*h264.AccessUnit)) error {
	f, err := os.Open(s.cfg.Path)
	if err != nil {
		return errors.Unwrap(err) // Run names the file
	}
	defer f.Close()
	if Format(s.cfg.Path) == FLV {
		err = s.playFLV(ctx, f, emit)
	} else {
		err = s.playAnnexB(ctx, f, emit)
	}
	if err == nil && !s.any {
		return errors.New("no H.264 picture in it")
	}
	return err
}

// give emits the picture in s.au, whose times are the file's, when it is due.
func (s *Source) give(ctx context.Context, emit func(*h264.AccessUnit)) error {
	wait := s.base + s.au.DTS - time.Since(s.epoch)
	if late := -wait; late > lateBy {
		s.log.WithField(keyLate, late.Round(time.Millisecond)).Warn("playing fell behind, going on from here")
		s.base += late
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	} else if ctx.Err() != nil {
		return ctx.Err()
	}
	s.au.DTS += s.base
	s.au.PTS += s.base
	s.any = true
	emit(&s.au)
	return nil
}

// lookAhead is how many pictures are looked at before the first is played, so
// that its composition time is right where the stream does not name its
// reorder depth: more than any decoder can hold back.
const lookAhead = 64

func (s *Source) playAnnexB(ctx context.Context, f io.ReadSeeker, emit func(*h264.AccessUnit)) error {
	var ahead, order h264.Orderer
	n := 0
	err := pictures(f, &s.au, func(slice *h264.SliceHeader, sps *h264.SPS) error {
		if sps != nil {
			ahead.Delay(slice, sps, 1)
		}
		if n++; n == lookAhead {
			return io.EOF
		}
		return nil
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	depth, step := ahead.Learnt()

	var at float64 // in nanoseconds, so that thousands of pictures add up right
	return pictures(f, &s.au, func(slice *h264.SliceHeader, sps *h264.SPS) error {
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
		s.au.DTS = time.Duration(at)
		s.au.PTS = s.au.DTS
		if sps != nil {
			if at == 0 {
				order.Expect(sps)
				order.Learn(depth, step)
			}
			s.au.PTS = time.Duration(at + float64(order.Delay(slice, sps, 1))*period)
		}
		at += period
		s.end = time.Duration(at)
		return s.give(ctx, emit)
	})
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

// period is how long a picture lasts where nothing in the file says so.
func (s *Source) period() time.Duration {
	rate := s.rate
	if rate == 0 {
		rate = frameclock.DefaultRate
	}
	return time.Duration(float64(time.Second) / rate)
}

// playFLV plays the video of an FLV file; its times are kept, composition
// times too.
func (s *Source) playFLV(ctx context.Context, f io.Reader, emit func(*h264.AccessUnit)) error {
	r := flv.NewReader(f)
	var (
		first, last, interval time.Duration
		lengthSize            int
		header                []h264.NALU // that the next picture brings with it
		other                 string      // a codec that is not ours
	)
	for {
		tag, err := r.ReadTag()
		switch {
		case errors.Is(err, io.EOF):
			if !s.any && other != "" {
				return fmt.Errorf("its video is %s, want H.264", other)
			}
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			s.log.WithError(err).Warn("the file was cut off; playing what is there")
			return nil
		case err != nil:
			return err
		case tag.Type != flv.TypeVideo:
			continue
		}
		h, payload, err := flv.ParseVideo(tag.Body)
		if errors.Is(err, flv.ErrCommandFrame) {
			continue // a seek of whoever recorded it
		}
		if err != nil {
			return err
		}
		if h.CodecID != flv.CodecAVC {
			other = fmt.Sprintf("codec %d", h.CodecID)
			continue
		}
		switch h.PacketType {
		case flv.AVCSequenceHeader:
			sps, pps, size, err := h264.ParseAVCC(payload)
			if err != nil {
				return err
			}
			lengthSize = size
			header = append(append(header[:0], sps...), pps...)
			continue
		case flv.AVCNALUs:
		default:
			continue
		}
		if lengthSize == 0 {
			return errors.New("a picture comes before the sequence header")
		}
		s.au.NALUs = append(s.au.NALUs[:0], header...)
		if s.au.NALUs, err = h264.SplitAVCC(s.au.NALUs, payload, lengthSize); err != nil {
			return err
		}
		header = header[:0]
		if !s.any {
			first, last = tag.DTS, tag.DTS
		}
		if tag.DTS > last {
			interval = tag.DTS - last
		}
		last = tag.DTS
		s.au.DTS, s.au.PTS, s.au.Keyframe = tag.DTS-first, tag.PTS-first, tag.Keyframe
		s.end = tag.DTS - first + interval
		if interval == 0 { // one picture so far: it lasts for one period
			s.end += s.period()
		}
		if err := s.give(ctx, emit); err != nil {
			return err
		}
	}
}
