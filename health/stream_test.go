package health

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
)

// epoch is when the tests' sessions begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A message is one as a Judge takes it.
type message struct {
	kind  flv.TagType
	media time.Duration
	stamp uint32
	body  []byte
	at    time.Duration
}

// A stream is what an encoder is set to. The zero value of a field is what a
// good one has; good fills them in.
type stream struct {
	w, h       int
	fps        float64
	gop        time.Duration
	bitrate    int
	fields     bool // frame_mbs_only_flag 0
	mbaff      bool
	fieldPics  bool
	sar        [2]int
	recovery   bool // keyframes are I pictures with a recovery point
	unmarked   bool // and their tags do not say keyframe
	leading    bool // the two pictures behind a keyframe are B pictures shown before it
	b          bool // every other picture is a B picture, GOPs closed
	videoCodec byte // other than 7
	fourCC     string
	noVideo    bool

	rate, channels int
	audioBitrate   int
	silent         bool
	audioCodec     byte // other than 10
	asc            []byte
	noAudio        bool
	audioFourCC    string

	noMetadata bool
	noHeaders  bool
}

func good() stream {
	return stream{w: 1280, h: 720, fps: 30, gop: 2 * time.Second, bitrate: 4_000_000, rate: 44100, channels: 2, audioBitrate: 128_000}
}

func flag(w *h264.BitWriter, values ...bool) {
	for _, v := range values {
		w.Flag(v)
	}
}

// nalu ends what w holds as a NAL unit.
func nalu(header byte, w *h264.BitWriter) []byte {
	w.Flag(true)
	w.Align(false)
	n := []byte{header}
	zeros := 0
	for _, b := range w.Bytes() {
		if zeros >= 2 && b <= 3 {
			n, zeros = append(n, 3), 0
		}
		n = append(n, b)
		zeros++
		if b != 0 {
			zeros = 0
		}
	}
	return n
}

func (s *stream) sps() []byte {
	var w h264.BitWriter
	w.U(8, 77)
	w.U(8, 0)
	w.U(8, 40)
	w.UE(0) // id
	w.UE(0) // log2_max_frame_num_minus4
	w.UE(0) // pic_order_cnt_type
	w.UE(4) // log2_max_pic_order_cnt_lsb_minus4
	w.UE(2) // max_num_ref_frames
	w.Flag(false)
	w.UE(uint32((s.w+15)/16 - 1))
	unit, cropUnit := 16, 2
	if s.fields {
		unit, cropUnit = 32, 4
	}
	heightUnits := (s.h + unit - 1) / unit
	w.UE(uint32(heightUnits - 1))
	w.Flag(!s.fields)
	if s.fields {
		w.Flag(s.mbaff)
	}
	w.Flag(true) // direct_8x8_inference_flag
	w.Flag(true) // frame_cropping_flag
	w.UE(0)
	w.UE(uint32(((s.w+15)/16*16 - s.w) / 2))
	w.UE(0)
	w.UE(uint32((heightUnits*unit - s.h) / cropUnit))
	w.Flag(s.sar != [2]int{}) // vui_parameters_present_flag
	if s.sar != [2]int{} {
		w.Flag(true)
		w.U(8, 255)
		w.U(16, uint32(s.sar[0]))
		w.U(16, uint32(s.sar[1]))
		flag(&w, false, false, false, false, false, false, false, false)
	}
	return nalu(0x67, &w)
}

func pps() []byte {
	var w h264.BitWriter
	w.UE(0)
	w.UE(0)
	flag(&w, false, false)
	w.UE(0)
	w.UE(0)
	w.UE(0)
	w.Flag(false)
	w.U(2, 0)
	w.SE(0)
	w.SE(0)
	w.SE(0)
	flag(&w, true, false, false)
	return nalu(0x68, &w)
}

func (s *stream) avcc() []byte {
	sps := s.sps()
	b := []byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1}
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(sps))), sps...)
	b = append(b, 1)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(pps()))), pps()...)
}

// slice is a NAL unit with the header of a slice and size bytes of what a
// decoder would take for macroblocks.
func (s *stream) slice(idr bool, typ h264.SliceType, n, size int) []byte {
	var w h264.BitWriter
	w.UE(0)
	w.UE(uint32(typ) + 5)
	w.UE(0)
	w.U(4, uint32(n))
	if s.fields {
		w.Flag(s.fieldPics)
		if s.fieldPics {
			w.Flag(false)
		}
	}
	header := byte(0x41)
	if idr {
		header = 0x65
		w.UE(uint32(n & 1))
	} else if typ == h264.SliceB {
		header = 0x01
	}
	w.U(8, uint32(2*n))
	if typ == h264.SliceB {
		w.Flag(true)
	}
	for range map[h264.SliceType]int{h264.SliceP: 2, h264.SliceB: 3}[typ] { // no override, no modification
		w.Flag(false)
	}
	if idr {
		w.U(2, 0)
	} else if header != 0x01 {
		w.Flag(false)
	}
	w.SE(0)
	b := nalu(header, &w)
	if size > len(b) {
		b = append(b, slices.Repeat([]byte{0x55}, size-len(b))...)
	}
	return b
}

func sized(nalus ...[]byte) (b []byte) {
	for _, n := range nalus {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(n))), n...)
	}
	return b
}

func videoBody(key bool, packet byte, cts int, payload []byte) []byte {
	first := byte(0x27)
	if key {
		first = 0x17
	}
	return append([]byte{first, packet, byte(cts >> 16), byte(cts >> 8), byte(cts)}, payload...)
}

// headers are what stands before the first picture.
func (s *stream) headers(media time.Duration) (all []message) {
	add := func(kind flv.TagType, body []byte) {
		all = append(all, message{kind: kind, media: media, body: body})
	}
	if !s.noMetadata {
		add(flv.TypeScript, flv.SetDataFrame(flv.Metadata{Width: s.w, Height: s.h}.Tag(0).Body))
	}
	if s.noHeaders {
		return all
	}
	if !s.noVideo && s.videoCodec == 0 && s.fourCC == "" {
		add(flv.TypeVideo, videoBody(true, 0, 0, s.avcc()))
	}
	if !s.noAudio && s.audioCodec == 0 && s.audioFourCC == "" {
		asc := s.asc
		if asc == nil {
			var err error
			asc, err = aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: s.rate, ChannelConfig: uint8(s.channels)}.Marshal()
			if err != nil {
				panic(err)
			}
		}
		add(flv.TypeAudio, append([]byte{0xaf, 0}, asc...))
	}
	return all
}

// picture is the body of picture i of the stream.
func (s *stream) picture(i int) []byte {
	perGOP := max(1, int(s.gop.Seconds()*s.fps+0.5))
	n := i % perGOP
	key := n == 0
	size := int(float64(s.bitrate) / 8 / s.fps)
	switch {
	case s.fourCC != "":
		first := byte(0xa1)
		if key {
			first = 0x91
		}
		return append(append([]byte{first}, s.fourCC...), make([]byte, size)...)
	case s.videoCodec != 0:
		first := 0x20 | s.videoCodec
		if key {
			first = 0x10 | s.videoCodec
		}
		return append([]byte{first}, make([]byte, size)...)
	}
	period := int(1000 / s.fps)
	typ, cts := h264.SliceP, 0
	switch {
	case key:
		typ = h264.SliceI
	case s.leading && n <= 2:
		typ = h264.SliceB
	case s.b && n%2 == 0:
		typ = h264.SliceB
	}
	if s.b || s.leading {
		cts = 2 * period
		if typ == h264.SliceB {
			cts = 0
		}
	}
	idr := key && !s.recovery && (!s.leading || i == 0)
	var nalus [][]byte
	if key && s.recovery {
		nalus = append(nalus, []byte{0x06, 6, 1, 0x84, 0x80}) // recovery_frame_cnt 0, exact_match_flag
	}
	nalus = append(nalus, s.slice(idr, typ, n%16, size))
	return videoBody(key && !s.unmarked, 1, cts, sized(nalus...))
}

// frame is the body of a frame of audio.
func (s *stream) frame() []byte {
	size := s.audioBitrate * aac.SamplesPerFrame / s.rate / 8
	payload := append([]byte{0x21}, bytes.Repeat([]byte{0xa5}, size-1)...) // a pair of channels, and some sound
	if s.silent {
		var err error
		if payload, err = aac.SilentFrame(s.rate, s.channels); err != nil {
			panic(err)
		}
	}
	switch {
	case s.audioFourCC != "":
		return append(append([]byte{0x91}, s.audioFourCC...), payload...)
	case s.audioCodec != 0:
		return append([]byte{s.audioCodec<<4 | 3<<2 | 2 | byte(s.channels-1)}, payload...)
	}
	return append([]byte{0xaf, 1}, payload...)
}

// messages are those of the media from one time to another, in order of their
// timestamps, arriving at that time.
func (s *stream) messages(from, to time.Duration) (all []message) {
	all = s.headers(from)
	video, audio := 0, 0
	for {
		v, a := to, to
		if !s.noVideo {
			v = from + time.Duration(float64(video)/s.fps*float64(time.Second))
		}
		if !s.noAudio {
			a = from + time.Duration(float64(audio)*aac.SamplesPerFrame/float64(s.rate)*float64(time.Second))
		}
		switch {
		case v >= to && a >= to:
			for i := range all {
				m := &all[i]
				m.stamp, m.at = uint32(m.media/time.Millisecond), m.media
			}
			return all
		case v <= a:
			all = append(all, message{kind: flv.TypeVideo, media: v, body: s.picture(video)})
			video++
		default:
			all = append(all, message{kind: flv.TypeAudio, media: a, body: s.frame()})
			audio++
		}
	}
}

// delayed moves arrivals, and keeps them in order.
func delayed(all []message, at func(m *message) time.Duration) []message {
	for i := range all {
		all[i].at = at(&all[i])
	}
	slices.SortStableFunc(all, func(a, b message) int { return cmp.Compare(a.at, b.at) })
	return all
}

// names are the types of the issues, sorted.
func names(issues []Issue) (list []Type) {
	for _, is := range issues {
		list = append(list, is.Type)
	}
	slices.Sort(list)
	return list
}
