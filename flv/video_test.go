package flv

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	gotag "github.com/yutopp/go-flv/tag"
	"pgregory.net/rapid"

	"venuecast/h264"
)

// kinds says what tags are: H a sequence header, K a keyframe, P another picture.
func kinds(tags []Tag) (s string) {
	for _, t := range tags {
		switch {
		case t.Header:
			s += "H"
		case t.Keyframe:
			s += "K"
		default:
			s += "P"
		}
	}
	return s
}

func TestVideoMuxerHeaders(t *testing.T) {
	au := func(key bool, nalus ...h264.NALU) *h264.AccessUnit {
		return &h264.AccessUnit{NALUs: nalus, Keyframe: key, DTS: time.Second, PTS: time.Second}
	}
	var m VideoMuxer
	for _, step := range []struct {
		name string
		au   *h264.AccessUnit
		want string
		err  error
	}{
		{"before any parameter set", au(false, slice), "", ErrNoParameterSets},
		{"only an SPS", au(true, sps64x48, idr), "", ErrNoParameterSets},
		{"the PPS, without a picture", au(false, pps), "", ErrNoPicture},
		{"the first picture", au(true, idr), "HK", nil},
		{"an inter picture", au(false, aud, slice), "P", nil},
		{"repeated parameter sets", au(true, aud, sps64x48, pps, idr), "K", nil},
		{"another SPS under the same id", au(true, sps128x96, pps, idr), "HK", nil},
		{"the first one again, with a picture out of bounds",
			&h264.AccessUnit{NALUs: []h264.NALU{sps64x48, pps, idr}, PTS: 3 * time.Hour, Keyframe: true}, "", ErrCompositionTime},
		{"its header is not lost", au(false, slice), "HP", nil},
		{"a picture that needs an unknown PPS", au(false, slice1), "", ErrNoParameterSets},
		{"no slice", au(false, aud, sei, filler), "", ErrNoPicture},
		{"nothing", au(false), "", ErrNoPicture},
		{"empty NAL units", au(false, h264.NALU{}, nil), "", ErrNoPicture},
		{"back to normal", au(false, slice), "P", nil},
		{"parameter sets that it does not use", au(false, sps1, pps1, slice), "P", nil},
		{"a picture that uses them", au(false, slice1), "HP", nil},
		{"and back", au(false, slice), "HP", nil},
	} {
		got, err := m.Mux(nil, step.au)
		if !errors.Is(err, step.err) || kinds(got) != step.want {
			t.Fatalf("%s: %q, %v; want %q, %v", step.name, kinds(got), err, step.want, step.err)
		}
		for _, tag := range got {
			if tag.Type != TypeVideo || tag.DTS != time.Second || tag.PTS != time.Second {
				t.Errorf("%s: %+v", step.name, tag)
			}
		}
		if len(got) > 1 && (!got[0].Header || !got[0].Keyframe) {
			t.Errorf("%s: %+v, want a sequence header before the picture", step.name, got[0])
		}
	}
}

func TestVideoMuxerCarries(t *testing.T) {
	all := []h264.NALU{sps64x48, pps}
	var want []h264.NALU
	for typ := range byte(32) {
		if typ == 7 || typ == 8 {
			continue
		}
		n := append(h264.NALU{0x60 | typ}, slice[1:]...)
		all = append(all, n)
		if typ >= 1 && typ <= 6 {
			want = append(want, n)
		}
	}
	tags := mustMux(&h264.AccessUnit{NALUs: all})
	_, payload, err := ParseVideo(tags[1].Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h264.SplitAVCC(nil, payload, 4)
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("% x, %v; want % x", got, err, want)
	}
}

func TestVideoMuxerCopies(t *testing.T) {
	au := keyframe()
	for i, n := range au.NALUs {
		au.NALUs[i] = bytes.Clone(n)
	}
	tags := mustMux(au)
	want := []string{string(tags[0].Body), string(tags[1].Body)}
	for _, n := range au.NALUs {
		clear(n)
	}
	for i := range tags {
		if string(tags[i].Body) != want[i] {
			t.Errorf("tag %d changed with the access unit", i)
		}
	}
}

func TestVideoMuxerBounds(t *testing.T) {
	var m VideoMuxer
	if _, err := m.Mux(nil, keyframe()); err != nil {
		t.Fatal(err)
	}
	big := make(h264.NALU, maxBodySize-videoHeaderSize-4)
	copy(big, slice)
	before := []Tag{{Type: TypeScript}}
	for _, tt := range []struct {
		name  string
		nalus []h264.NALU
		cts   time.Duration
		err   error
	}{
		{"the largest body", []h264.NALU{big}, 0, nil},
		{"a byte more", []h264.NALU{append(big, 0)}, 0, ErrBodyTooLarge},
		{"one NAL unit more", []h264.NALU{big, slice}, 0, ErrBodyTooLarge},
		{"more than 32 bits count", slices.Repeat([]h264.NALU{big}, 300), 0, ErrBodyTooLarge},
		{"the latest picture", []h264.NALU{slice}, (1<<23 - 1) * ms, nil},
		{"a millisecond later", []h264.NALU{slice}, 1 << 23 * ms, ErrCompositionTime},
		{"the earliest picture", []h264.NALU{slice}, -1 << 23 * ms, nil},
		{"a millisecond earlier", []h264.NALU{slice}, (-1<<23 - 1) * ms, ErrCompositionTime},
	} {
		dts := 5 * time.Hour
		got, err := m.Mux(before, &h264.AccessUnit{NALUs: tt.nalus, DTS: dts, PTS: dts + tt.cts})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err != nil {
			if len(got) != 1 {
				t.Errorf("%s: %d tags with the error, want dst as it was", tt.name, len(got))
			}
			continue
		}
		if h, _, err := ParseVideo(got[1].Body); err != nil || h.CompositionTime != tt.cts {
			t.Errorf("%s: composition time %v, %v; want %v", tt.name, h.CompositionTime, err, tt.cts)
		}
	}
}

func TestVideoMuxerDamagedParameterSets(t *testing.T) {
	for name, n := range map[string]h264.NALU{"SPS": {0x67}, "SPS cut": sps64x48[:6], "PPS": {0x68}} {
		var m VideoMuxer
		if got, err := m.Mux(nil, &h264.AccessUnit{NALUs: []h264.NALU{n, idr}}); err == nil {
			t.Errorf("%s: %d tags, want an error", name, len(got))
		}
		if got, err := m.Mux(nil, keyframe()); err != nil || kinds(got) != "HK" {
			t.Errorf("%s: afterwards %q, %v; want HK", name, kinds(got), err)
		}
	}
}

// TestVideoMuxerRoundTrip: what goes in comes out of ParseVideo, and the header
// describes it.
func TestVideoMuxerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nalu := rapid.Custom(func(t *rapid.T) h264.NALU {
			start := rapid.SampledFrom([]h264.NALU{idr[:4], slice[:4], sei[:2]}).Draw(t, "start")
			return append(bytes.Clone(start), rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "rest")...)
		})
		want := rapid.SliceOfN(nalu, 0, 5).Draw(t, "NAL units")
		want = append(want, slice)
		dts := time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "DTS"))
		au := &h264.AccessUnit{
			NALUs:    slices.Concat([]h264.NALU{aud, sps64x48, pps}, want, []h264.NALU{filler}),
			DTS:      dts,
			PTS:      dts + time.Duration(rapid.Int64Range(-8e12, 8e12).Draw(t, "composition time")),
			Keyframe: rapid.Bool().Draw(t, "keyframe"),
		}
		var m VideoMuxer
		tags, err := m.Mux(nil, au)
		if err != nil || len(tags) != 2 {
			t.Fatalf("%d tags, %v", len(tags), err)
		}
		h, payload, err := ParseVideo(tags[1].Body)
		if err != nil || h.PacketType != AVCNALUs || (h.FrameType == FrameKey) != au.Keyframe {
			t.Fatalf("%+v, %v", h, err)
		}
		if off := h.CompositionTime - (au.PTS - au.DTS); off.Abs() > ms {
			t.Fatalf("composition time %v is %v off", h.CompositionTime, off)
		}
		_, record, err := ParseVideo(tags[0].Body)
		if err != nil {
			t.Fatal(err)
		}
		s, p, size, err := h264.ParseAVCC(record)
		if err != nil || size != 4 || len(s) != 1 || len(p) != 1 || !bytes.Equal(s[0], sps64x48) || !bytes.Equal(p[0], pps) {
			t.Fatalf("avcC % x: %v", record, err)
		}
		got, err := h264.SplitAVCC(nil, payload, size)
		if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("% x, %v; want % x", got, err, want)
		}
	})
}

// picture25KB is an inter picture of 25 KB, what 6 Mbit/s at 30 pictures a
// second come to.
func picture25KB() *h264.AccessUnit {
	big := make(h264.NALU, 25_000)
	copy(big, slice)
	return &h264.AccessUnit{NALUs: []h264.NALU{aud, sei, big}, DTS: time.Second, PTS: time.Second}
}

func TestVideoMuxerAllocs(t *testing.T) {
	var m VideoMuxer
	if _, err := m.Mux(nil, keyframe()); err != nil {
		t.Fatal(err)
	}
	repeated := keyframe()
	for name, au := range map[string]*h264.AccessUnit{"picture": picture25KB(), "keyframe with repeated parameter sets": repeated} {
		tags := make([]Tag, 0, 1)
		if got := testing.AllocsPerRun(100, func() {
			var err error
			if tags, err = m.Mux(tags[:0], au); err != nil {
				t.Fatal(err)
			}
		}); got != 1 {
			t.Errorf("%s: %v allocations, want 1: the body", name, got)
		}
		if b := tags[0].Body; cap(b) > len(b)+len(b)/4 {
			t.Errorf("%s: body of %d bytes in %d", name, len(b), cap(b))
		}
	}
}

func BenchmarkVideoMuxer(b *testing.B) {
	var m VideoMuxer
	if _, err := m.Mux(nil, keyframe()); err != nil {
		b.Fatal(err)
	}
	au := picture25KB()
	tags := make([]Tag, 0, 1)
	b.ReportAllocs()
	b.SetBytes(25_000)
	for b.Loop() {
		tags, _ = m.Mux(tags[:0], au)
	}
}

// BenchmarkGoFLV encodes the same picture with go-flv: given its payload ready
// made and a buffer to reuse, and with what a tag of its own takes.
func BenchmarkGoFLV(b *testing.B) {
	payload := mustMux(keyframe(), picture25KB())[2].Body[videoHeaderSize:]
	encode := func(w io.Writer) {
		_ = gotag.EncodeVideoData(w, &gotag.VideoData{
			FrameType: gotag.FrameTypeInterFrame, CodecID: gotag.CodecIDAVC,
			AVCPacketType: gotag.AVCPacketTypeNALU, Data: bytes.NewReader(payload),
		})
	}
	b.Run("reused buffer", func(b *testing.B) {
		var buf bytes.Buffer
		b.ReportAllocs()
		b.SetBytes(25_000)
		for b.Loop() {
			buf.Reset()
			encode(&buf)
		}
	})
	b.Run("own body", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(25_000)
		for b.Loop() {
			var buf bytes.Buffer
			encode(&buf)
		}
	})
}
