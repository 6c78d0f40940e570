package health

import (
	"bytes"
	"fmt"
	"time"

	"venuecast/flv"
	"venuecast/h264"
)

const (
	// maxHeader bounds what is kept of a sequence header; two parameter sets
	// take 100 bytes.
	maxHeader = 64 << 10

	// maxParameterSet bounds those in a picture's tag, of which up to 288 are
	// kept; with every scaling list an SPS takes 500 bytes.
	maxParameterSet = 4096

	// maxSlices is how many slices of a picture are looked at; an encoder
	// makes one for each row of macroblocks at most.
	maxSlices = 256
)

// videoTrack is what is known of the pictures. It belongs to the Judge.
type videoTrack struct {
	clock
	codec  codecName
	figure Video // what does not depend on the window

	header     []byte // the last AVCDecoderConfigurationRecord
	lengthSize int    // 0: there has been none
	sets       h264.ParameterSets
	sps        *h264.SPS // that figure describes

	dts       time.Duration // media time, unwrapped, of the last picture
	key       time.Duration // dts of the last keyframe, or of where counting began
	keyPTS    time.Duration
	counting  bool          // key is valid
	gop       time.Duration // between the last two keyframes
	keyframes bool          // there has been one
	follows   bool          // pictures may still lead the last keyframe, which is no IDR picture
	without   time.Duration
}

// picture is what the slices of a picture say.
type picture struct {
	known      bool // the slices could be read
	idr        bool
	intra      bool // refers to no other picture
	recovery   bool // a recovery point with exact pictures from itself on
	b          bool
	interlaced bool
	broken     bool // the bytes are not NAL units, or refer to what is not there
}

// The packet types of Enhanced RTMP that are no pictures: sequence start and
// end, metadata, and the start of MPEG-2 TS.
const enhancedHeaders = 1<<0 | 1<<2 | 1<<4 | 1<<5

func (j *Judge) takeVideo(stamp uint32, body []byte, at time.Duration, s *slot) {
	v := &j.video
	if len(body) > 0 && body[0]&0x80 != 0 {
		// Before flv.ParseVideo, whose error costs two allocations a tag.
		v.setCodec(codecName{enhanced: true, fourCC: fourCC(body)})
		if enhancedHeaders>>(body[0]&0x0f)&1 == 0 {
			j.picture(stamp, at, s, picture{}, flv.FrameType(body[0]>>4&7) == flv.FrameKey, 0, len(body))
		}
		return
	}
	h, payload, err := flv.ParseVideo(body)
	if err != nil {
		if len(body) > 0 && body[0]>>4 == 5 {
			return // a command to a player
		}
		s.malformed++
		return
	}
	v.setCodec(codecName{id: uint8(h.CodecID)})
	key := h.FrameType == flv.FrameKey
	if h.CodecID != flv.CodecAVC {
		j.picture(stamp, at, s, picture{}, key, 0, len(payload))
		return
	}
	switch h.PacketType {
	case flv.AVCSequenceHeader:
		if !bytes.Equal(payload, v.header) || v.lengthSize == 0 {
			if v.setHeader(payload) != nil {
				s.malformed++
			} else {
				j.forgetVideo()
			}
		}
	case flv.AVCNALUs:
		var p picture
		if v.lengthSize == 0 {
			s.headerless++
		} else if p = v.look(payload); p.broken {
			s.malformed++
		}
		j.picture(stamp, at, s, p, key, h.CompositionTime, len(payload))
	case flv.AVCEndOfSequence:
	default:
		s.malformed++
	}
}

func (v *videoTrack) setCodec(c codecName) {
	if c != v.codec || v.figure.Codec == "" {
		pictures := v.figure.Pictures
		v.codec, v.figure = c, Video{Codec: c.video(), Pictures: pictures}
		v.header, v.lengthSize, v.sps = nil, 0, nil
	}
}

// setHeader takes an AVCDecoderConfigurationRecord, of which it keeps a copy.
// One that cannot be read leaves the one before.
func (v *videoTrack) setHeader(b []byte) error {
	if len(b) > maxHeader {
		return fmt.Errorf("AVC sequence header of %d bytes", len(b))
	}
	sps, pps, lengthSize, err := h264.ParseAVCC(b)
	if err != nil {
		return err
	}
	var sets h264.ParameterSets
	for _, n := range append(sps, pps...) {
		if _, err := sets.Update(n); err != nil {
			return err
		}
	}
	if sets.SPS() == nil {
		return h264.ErrNoParameterSets
	}
	v.header, v.lengthSize, v.sets = bytes.Clone(b), lengthSize, sets
	v.describe()
	return nil
}

// describe fills in what the SPS in use says.
func (v *videoTrack) describe() {
	sps := v.sets.SPS()
	if sps == nil || sps == v.sps {
		return
	}
	v.sps = sps
	f := &v.figure
	f.Width, f.Height = sps.Width(), sps.Height()
	f.Profile, f.Level = profileName(sps), levelName(sps)
	w, h := sampleAspect(sps)
	f.PixelAspect = fmt.Sprintf("%d:%d", w, h)
}

// look reads the slice headers of a picture, NAL units behind their lengths. It
// steps over them by itself: a hostile tag holds millions.
func (v *videoTrack) look(payload []byte) (p picture) {
	sps := v.sets.SPS()
	slices, intra, scan := 0, true, h264.ScanUnknown
	for len(payload) > 0 {
		if len(payload) < v.lengthSize {
			p.broken = true
			return p
		}
		var size uint64
		for _, b := range payload[:v.lengthSize] {
			size = size<<8 | uint64(b)
		}
		if payload = payload[v.lengthSize:]; size > uint64(len(payload)) {
			p.broken = true
			return p
		}
		n := h264.NALU(payload[:size])
		payload = payload[size:]
		switch n.Type() {
		case h264.TypeSPS, h264.TypePPS:
			if len(n) <= maxParameterSet {
				if changed, err := v.sets.Update(n); err != nil {
					p.broken = true
				} else if changed {
					v.describe()
				}
			}
		case h264.TypeSEI:
			if slices > 0 {
				continue // of no picture
			}
			if frames, ok := h264.RecoveryPoint(n); ok && frames == 0 {
				p.recovery = true
			}
			if scan == h264.ScanUnknown {
				scan = h264.PictureScan(n, sps)
			}
		case h264.TypeSlice, h264.TypeIDR, h264.TypeDataPartA:
			if slices++; slices > maxSlices {
				continue
			}
			if slices == 1 {
				if changed, err := v.sets.Activate(n); err == nil && changed {
					v.describe()
				}
				sps = v.sets.SPS()
			}
			h, err := h264.ParseSliceHeader(n, &v.sets)
			if err != nil {
				p.broken = true
				return p
			}
			p.idr = p.idr || h.IsIDR()
			p.b = p.b || h.Type == h264.SliceB
			intra = intra && h.Type.IsIntra()
			if h.FieldPic {
				scan = h264.ScanInterlaced
			}
		}
	}
	p.known = slices > 0
	p.intra = p.known && intra
	// Without a word about how it was captured, a frame that may switch to
	// fields in every pair of macroblocks is taken for interlaced; one that is
	// only allowed to be coded as fields, and is not, for progressive.
	p.interlaced = scan == h264.ScanInterlaced ||
		scan == h264.ScanUnknown && sps != nil && !sps.FrameMbsOnlyFlag && sps.MbAdaptiveFrameFieldFlag
	return p
}

// picture counts a picture of any codec. key is what the tag's header says;
// the slices, where they can be read, know better.
func (j *Judge) picture(stamp uint32, at time.Duration, s *slot, p picture, key bool, cts time.Duration, size int) {
	v := &j.video
	first := !v.seen
	if !first {
		j.audio.without += min(at-v.at, time.Second)
	}
	st := v.next(stamp, at)
	s.video.count(st, size)
	v.figure.Pictures++
	v.without = 0
	if lead, ok := j.skew(at, &j.audio.clock); ok && (!s.leads || lead > s.lead) {
		s.leads, s.lead = true, lead
	}

	v.dts += st.media
	if st.kind != stepOn && st.kind != stepSkip {
		v.counting, v.follows = false, false
	}
	marked := key && (!p.known || p.intra)
	key = marked || p.idr || p.known && p.intra && p.recovery
	pts := v.dts + cts
	switch {
	case key:
		if v.counting && v.keyframes {
			gop := v.dts - v.key
			s.gops++
			s.gopSum += gop
			s.gopMax = max(s.gopMax, gop)
			v.gop = gop
		}
		v.key, v.keyPTS, v.counting, v.keyframes = v.dts, pts, true, true
		v.follows = p.known && !p.idr
		if v.follows && p.recovery {
			s.open++
		}
	case v.follows && p.b && pts < v.keyPTS:
		s.open++
	}
	if !v.counting {
		v.key, v.counting = v.dts, true
	}
	if p.interlaced {
		s.interlaced++
	}
	if p.b {
		s.b++
	}
	if first && !key {
		s.orphan = true
	}
}

func (k *kindSlot) count(st step, size int) {
	if st.kind == stepHole {
		k.holes += st.media
	} else {
		k.media += st.media
	}
	if st.steady() {
		k.span += st.media
		k.bytes += int64(size)
		k.frames++
	}
	k.pause = max(k.pause, st.pause)
	switch st.kind {
	case stepSkip, stepJump:
		k.jumps = min(k.jumps+st.by, maxJumps)
	case stepBack:
		k.back = max(k.back, st.by)
	}
}
