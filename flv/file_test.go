package flv

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// readTags drains r.
func readTags(r io.Reader) (tags []Tag, err error) {
	fr := NewReader(r)
	for {
		t, err := fr.ReadTag()
		if err == io.EOF {
			return tags, nil
		}
		if err != nil {
			return tags, err
		}
		tags = append(tags, t)
	}
}

func writeTags(t interface{ Fatal(...any) }, tags []Tag) []byte {
	var file bytes.Buffer
	w := NewWriter(&file, true, true)
	for _, tag := range tags {
		if err := w.WriteTag(tag); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

// goldenTags is a whole stream.
func goldenTags() (tags []Tag) {
	for _, i := range []int{6, 0, 4, 1, 5, 2, 3} {
		tags = append(tags, golden[i].make())
	}
	return tags
}

func TestFileRoundTrip(t *testing.T) {
	const base = 500 * ms // the keyframe's
	want := goldenTags()
	for i := range want {
		offset := base
		if want[i].DTS < base || i < 3 {
			offset = want[i].DTS // a header before the media
		}
		want[i].DTS -= offset
		want[i].PTS -= offset
	}
	for name, r := range map[string]io.Reader{
		"whole":     bytes.NewReader(writeTags(t, goldenTags())),
		"by a byte": iotest.OneByteReader(bytes.NewReader(writeTags(t, goldenTags()))),
		"with EOF":  iotest.DataErrReader(bytes.NewReader(writeTags(t, goldenTags()))),
	} {
		got, err := readTags(r)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want\n%+v", name, got, err, want)
		}
	}
}

func TestFileRoundTripAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			want   []Tag
			video  time.Duration
			audio  time.Duration
			script time.Duration
		)
		// Far enough over 20 tags to turn 2^32 ms over, never more at once than
		// a receiver can follow; the types interleave at most so far apart too.
		step := rapid.Int64Range(0, 1<<30)
		for i := range rapid.IntRange(0, 20).Draw(t, "tags") {
			tag := Tag{Body: rapid.SliceOfN(rapid.Byte(), 5, 50).Draw(t, "body")}
			now := &video
			tag.Type = TypeVideo
			switch rapid.IntRange(0, 2).Draw(t, "type") {
			case 0:
				putVideoHeader(tag.Body, FrameKey, AVCNALUs, 0)
				tag.Keyframe = true
			case 1:
				now, tag.Type = &audio, TypeAudio
				tag.Body[0], tag.Body[1] = soundByte, byte(AACRaw)
			case 2:
				now, tag.Type, tag.Header = &script, TypeScript, true
			}
			if i == 0 { // the base
				tag.Type, tag.Keyframe, tag.Header, now = TypeVideo, false, false, &video
				putVideoHeader(tag.Body, FrameInter, AVCNALUs, 0)
			} else {
				*now = max(*now, max(video, audio, script)-1000*ms) + time.Duration(step.Draw(t, "step"))*ms
			}
			tag.DTS, tag.PTS = *now, *now
			if tag.Type == TypeVideo {
				cts := rapid.Int64Range(minCompositionTime, maxCompositionTime).Draw(t, "composition time")
				putVideoHeader(tag.Body, FrameType(tag.Body[0]>>4), AVCNALUs, cts)
				tag.PTS += time.Duration(cts) * ms
			}
			want = append(want, tag)
		}
		shifted := make([]Tag, len(want))
		base := time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "base")) * 1000
		for i, tag := range want {
			tag.DTS, tag.PTS = tag.DTS+base, tag.PTS+base
			shifted[i] = tag
		}
		got, err := readTags(bytes.NewReader(writeTags(t, shifted)))
		if len(want) == 0 {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("no file at all: %v", err)
			}
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, %v; want\n%+v", got, err, want)
		}
	})
}

func TestReaderCutShort(t *testing.T) {
	file := writeTags(t, goldenTags())
	whole, err := readTags(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int]int{} // where the input may end, and how many tags it has by then
	at := fileHeaderSize
	for i := range len(whole) + 1 {
		ends[at], ends[at+tagTrailerSize] = i, i
		if i < len(whole) {
			at += tagTrailerSize + tagHeaderSize + len(whole[i].Body)
		}
	}
	for n := range len(file) {
		got, err := readTags(bytes.NewReader(file[:n]))
		if want, ok := ends[n]; ok {
			if err != nil || len(got) != want {
				t.Errorf("cut after %d of %d: %d tags, %v; want %d", n, len(file), len(got), err, want)
			}
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d of %d: %v, want io.ErrUnexpectedEOF", n, len(file), err)
		}
	}
}

func TestReaderTolerates(t *testing.T) {
	const head = `464c56 01 05 00000009 00000000`
	const video = `09 000005 000028 00 000000 2701000000`
	for name, file := range map[string]string{
		"a wrong size of the tag before": head + video + `deadbeef` + video,
		"a longer header":                `464c56 01 05 0000000b cafe 00000000` + video + `00000010` + video,
		"tags without a body":            head + `08 000000 000000 00 000000 0000000b` + video + `00000010` + video,
		"a tag of unknown type":          head + video + `00000010 0f 000002 000000 00 000000 abcd 0000000d` + video,
		"a command frame":                head + video + `00000010 09 000002 000000 00 000000 5700 0000000d` + video,
		"a stream id":                    head + `09 000005 000028 00 000001 2701000000 00000010` + video,
		"no flags":                       `464c56 01 00 00000009 00000000` + video + `00000010` + video,
	} {
		tags, err := readTags(bytes.NewReader(unhex(file)))
		if err != nil || len(tags) != 2 || tags[0].DTS != 40*ms || tags[1].DTS != 40*ms {
			t.Errorf("%s: %+v, %v; want two tags", name, tags, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	const head = `464c56 01 05 00000009 00000000`
	for _, tt := range []struct {
		name, file string
		is         error
		says       string
	}{
		{"empty", ``, io.ErrUnexpectedEOF, "read FLV header"},
		{"MP4", `00000020 66747970 69736f6d 00000200`, ErrMalformed, `signature "\x00\x00\x00", want "FLV"`},
		{"version 2", `464c56 02 05 00000009`, ErrMalformed, "version 2"},
		{"a short header", `464c56 01 05 00000008`, ErrMalformed, "header of 8 bytes"},
		{"an encrypted tag", head + `29 000002 000000 00 000000 1701`, ErrEncrypted, "read FLV tag 1: encrypted tag"},
		{"a short AVC tag", head + `09 000002 000000 00 000000 1701`, ErrMalformed, "read FLV tag 1: parse video tag"},
		{"HEVC", head + `09 000005 000000 00 000000 90 68766331`, nil, `FourCC "hvc1"`},
	} {
		r := NewReader(bytes.NewReader(unhex(tt.file)))
		tag, err := r.ReadTag()
		if err == nil || (tt.is != nil && !errors.Is(err, tt.is)) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %+v, %v; want %v, %q", tt.name, tag, err, tt.is, tt.says)
		}
	}

	t.Run("and goes on", func(t *testing.T) {
		r := NewReader(bytes.NewReader(unhex(head + `
			29 000002 000000 00 000000 1701       0000000d
			09 000005 000000 00 000000 9068766331 00000010
			09 000005 000028 00 000000 2701000000 00000010`)))
		for range 2 {
			if _, err := r.ReadTag(); err == nil {
				t.Fatal("want an error first")
			}
		}
		if tag, err := r.ReadTag(); err != nil || tag.DTS != 40*ms {
			t.Errorf("%+v, %v; want the tag behind", tag, err)
		}
	})
}

// TestReaderDoesNotWait: a tag is out before the size behind it is in.
func TestReaderDoesNotWait(t *testing.T) {
	pr, pw := io.Pipe()
	go func() {
		_, _ = pw.Write(unhex(`464c56 01 05 00000009 00000000 09 000005 000028 00 000000 2701000000`)) // and never closes
	}()
	if tag, err := NewReader(pr).ReadTag(); err != nil || tag.DTS != 40*ms {
		t.Errorf("%+v, %v", tag, err)
	}
}

// A countingWriter counts calls and fails once left have been made.
type countingWriter struct {
	calls, left int
	bytes.Buffer
}

var errFull = errors.New("disk full")

func (w *countingWriter) Write(b []byte) (int, error) {
	if w.calls++; w.calls > w.left {
		return 0, errFull
	}
	return w.Buffer.Write(b)
}

func TestWriterOneWriteATag(t *testing.T) {
	out := &countingWriter{left: 3}
	w := NewWriter(out, true, true)
	tag := mustMuxAudio()[1]
	for i := range 3 {
		if err := w.WriteTag(tag); err != nil || out.calls != i+1 {
			t.Fatalf("tag %d: %d writes, %v", i, out.calls, err)
		}
	}
	size := out.Len()
	for _, bad := range []Tag{{Type: 7, Body: []byte{1}}, {Type: TypeVideo}, {Type: TypeVideo, Body: make([]byte, maxBodySize+1)}} {
		if err := w.WriteTag(bad); err == nil || out.Len() != size || out.calls != 3 {
			t.Errorf("type %d, %d bytes: %v, want an error and nothing written", bad.Type, len(bad.Body), err)
		}
	}
	for range 2 {
		if err := w.WriteTag(tag); !errors.Is(err, errFull) || out.calls != 4 {
			t.Errorf("after %d writes: %v, want %v for ever", out.calls, err, errFull)
		}
	}

	out = &countingWriter{left: 1}
	w = NewWriter(out, false, true)
	if err := w.WriteTag(Tag{Type: TypeVideo, Body: make([]byte, maxBodySize)}); err != nil {
		t.Errorf("the largest tag: %v", err)
	}
	if got := out.Bytes()[4]; got != 1 {
		t.Errorf("flags %#x, want 1: video only", got)
	}
}

func TestWriterAllocs(t *testing.T) {
	w := NewWriter(io.Discard, true, true)
	tag := mustMux(keyframe(), picture25KB())[2]
	if got := testing.AllocsPerRun(100, func() {
		tag.DTS += 40 * ms
		if err := w.WriteTag(tag); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations a tag, want none", got)
	}
}

func BenchmarkWriter(b *testing.B) {
	w := NewWriter(io.Discard, true, true)
	tag := mustMux(keyframe(), picture25KB())[2]
	b.ReportAllocs()
	b.SetBytes(int64(len(tag.Body)))
	for b.Loop() {
		_ = w.WriteTag(tag)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(writeTags(f, goldenTags()))
	f.Add(unhex(`464c56 01 05 0000000b cafe 00000000 29 000002 000000 00 000000 1701 0000000d 09 000005 ffffff ff 000000 9068766331`))
	f.Add(unhex(`464c56 01 05 00000009 00000000 0f 000002 000000 00 000000 abcd 0000000d 09 000002 000000 00 000000 5700 0000000d`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		var tags []Tag
		var bad int
		for {
			tag, err := r.ReadTag()
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			if err != nil {
				var e *EnhancedError
				if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrEncrypted) && !errors.As(err, &e) {
					t.Fatal(err)
				}
				if bad++; bad > len(b) { // no FLV: the same error again and again
					break
				}
				continue
			}
			if len(tag.Body) == 0 {
				t.Fatalf("%+v has no body", tag)
			}
			tags = append(tags, tag)
		}
		if len(tags) == 0 {
			return
		}
		// Timestamps aside, which the writer keeps from going back, what was
		// read can be written and read again.
		again, err := readTags(bytes.NewReader(writeTags(t, tags)))
		if err != nil || len(again) != len(tags) {
			t.Fatalf("%d of %d tags came back: %v", len(again), len(tags), err)
		}
		for i, tag := range again {
			want := tags[i]
			if tag.PTS-tag.DTS != want.PTS-want.DTS {
				t.Fatalf("tag %d: composition time %v, want %v", i, tag.PTS-tag.DTS, want.PTS-want.DTS)
			}
			tag.DTS, tag.PTS = want.DTS, want.PTS
			if !reflect.DeepEqual(tag, want) {
				t.Fatalf("tag %d: %+v, want %+v", i, tag, want)
			}
		}
	})
}
