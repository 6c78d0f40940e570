package rtmp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var lines []string
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "//")
		lines = append(lines, strings.Fields(line)...)
	}
	b, err := hex.DecodeString(strings.Join(lines, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// strictChunks parses chunks by the letter of section 5.3, and refuses what
// our own reader is lenient about. It shares no code with it.
func strictChunks(b []byte) ([]Message, error) {
	type stream struct {
		ts, field, length, id uint32
		typ                   byte
		ext, busy             bool
		body                  []byte
	}
	streams := map[int]*stream{}
	size := uint32(128)
	var out []Message
	need := func(n int) ([]byte, error) {
		if len(b) < n {
			return nil, errors.New("short")
		}
		p := b[:n]
		b = b[n:]
		return p, nil
	}
	be := func(p []byte) (v uint32) {
		for _, c := range p {
			v = v<<8 | uint32(c)
		}
		return v
	}
	for len(b) > 0 {
		p, _ := need(1)
		format, csid := p[0]>>6, int(p[0]&63)
		if csid < 2 {
			p, err := need(csid + 1)
			if err != nil {
				return out, err
			}
			if csid == 0 {
				csid = int(p[0]) + 64
			} else {
				csid = int(p[1])*256 + int(p[0]) + 64
			}
		}
		s := streams[csid]
		if s == nil {
			if format != 0 {
				return out, fmt.Errorf("chunk stream %d does not start with format 0", csid)
			}
			s = &stream{}
			streams[csid] = s
		}
		if s.busy != (format == 3) {
			return out, fmt.Errorf("chunk stream %d: format %d, message under way: %v", csid, format, s.busy)
		}
		hdr, err := need([]int{11, 7, 3, 0}[format])
		if err != nil {
			return out, err
		}
		if format < 3 {
			s.field = be(hdr[:3])
			s.ext = s.field == 0xFFFFFF
		}
		if format < 2 {
			s.length, s.typ = be(hdr[3:6]), hdr[6]
		}
		if format == 0 {
			s.id = binary.LittleEndian.Uint32(hdr[7:])
		}
		if s.ext {
			p, err := need(4)
			if err != nil {
				return out, err
			}
			v := be(p)
			if format == 3 && v != s.field {
				return out, fmt.Errorf("chunk stream %d: extended timestamp %#x on format 3, want %#x", csid, v, s.field)
			}
			if v < 0xFFFFFF {
				return out, fmt.Errorf("chunk stream %d: needless extended timestamp %#x", csid, v)
			}
			s.field = v
		}
		switch format {
		case 0:
			s.ts = s.field
		case 1, 2:
			s.ts += s.field
		}
		n := min(size, s.length-uint32(len(s.body)))
		p, err = need(int(n))
		if err != nil {
			return out, err
		}
		s.body = append(s.body, p...)
		s.busy = uint32(len(s.body)) < s.length
		if s.busy {
			continue
		}
		out = append(out, Message{MessageType(s.typ), s.ts, s.id, s.body})
		if s.typ == 1 {
			size = be(s.body)
		}
		s.body = nil
	}
	return out, nil
}

func seq(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

var goldenChunks = []struct {
	name string
	csid uint32
	size uint32 // of chunks, 0 for the default
	msgs []Message
	hex  string
}{
	{"format 0, then 1", 4, 0, []Message{
		{Audio, 1000, 1, []byte{0xAF, 0x01}},
		{Audio, 1023, 1, []byte{0xAF, 0x01, 0x21}},
	}, `
		04 0003e8 000002 08 01000000 af01 // fmt 0, csid 4, t=1000, 2 bytes, audio, stream 1 (little-endian)
		44 000017 000003 08          af0121 // fmt 1: 23 ms later`},
	{"two-byte basic header", 64, 0, []Message{{Video, 0, 1, nil}}, `00 00 000000 000000 09 01000000`},
	{"two-byte basic header, last", 319, 0, []Message{{Video, 0, 1, nil}}, `00 ff 000000 000000 09 01000000`},
	{"three-byte basic header", 320, 0, []Message{{Video, 0, 1, nil}}, `01 00 01 000000 000000 09 01000000`},
	{"three-byte basic header, last", 65599, 0, []Message{{Video, 0, 1, nil}}, `01 ff ff 000000 000000 09 01000000`},
	{"time goes back", 6, 0, []Message{{Video, 40, 1, []byte{1}}, {Video, 20, 1, []byte{2}}}, `
		06 000028 000001 09 01000000 01
		06 000014 000001 09 01000000 02 // fmt 0 again`},
	{"another message stream", 6, 0, []Message{{Video, 40, 1, []byte{1}}, {Video, 60, 2, []byte{2}}}, `
		06 000028 000001 09 01000000 01
		06 00003c 000001 09 02000000 02`},
	{"last time without extension", 6, 0, []Message{{Video, 0xFFFFFE, 1, []byte{1}}}, `06 fffffe 000001 09 01000000 01`},
	{"first extended time", 6, 0, []Message{{Video, 0xFFFFFF, 1, []byte{1}}}, `06 ffffff 000001 09 01000000 00ffffff 01`},
	{"extended time on format 3", 6, 4, []Message{{Video, 0x01020304, 1, seq(10)}}, `
		06 ffffff 00000a 09 01000000 01020304 00010203
		c6                           01020304 04050607
		c6                           01020304 0809`},
	{"past 4 h 39 m by deltas", 6, 4, []Message{{Video, 0xFFFFF0, 1, []byte{0}}, {Video, 0x1000010, 1, seq(5)}}, `
		06 fffff0 000001 09 01000000 00
		46 000020 000005 09 00010203 // a delta needs no extension
		c6 04`},
	{"leap of 24 bits", 6, 0, []Message{{Video, 0, 1, []byte{0}}, {Video, 0xFFFFFF, 1, []byte{1}}}, `
		06 000000 000001 09 01000000 00
		06 ffffff 000001 09 01000000 00ffffff 01`},
	{"wrap at 2^32", 6, 0, []Message{{Video, 0xFFFFFFF0, 1, []byte{0}}, {Video, 0x10, 1, []byte{1}}}, `
		06 ffffff 000001 09 01000000 fffffff0 00
		46 000020 000001 09 01`},
	{"several chunks of 128", 6, 0, []Message{{Video, 0, 1, seq(130)}}, `
		06 000000 000082 09 01000000 ` + hex.EncodeToString(seq(128)) + ` c6 8081`},
}

func TestChunkGolden(t *testing.T) {
	for _, tt := range goldenChunks {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			w := newChunkWriter(&buf)
			if tt.size > 0 {
				w.chunkSize = int(tt.size)
			}
			for _, m := range tt.msgs {
				if err := w.append(tt.csid, m); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			want := unhex(t, tt.hex)
			if diff := cmp.Diff(hex.Dump(want), hex.Dump(buf.Bytes())); diff != "" {
				t.Errorf("chunks (-want +got):\n%s", diff)
			}
			r := newChunkReader(bufio.NewReader(iotest.OneByteReader(bytes.NewReader(want))), 0)
			if tt.size > 0 {
				r.chunkSize = int(tt.size)
			}
			if diff := cmp.Diff(tt.msgs, readAll(t, r), equateEmpty); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if r.received != int64(len(want)) {
				t.Errorf("received %d bytes, want %d", r.received, len(want))
			}
		})
	}
}

var equateEmpty = cmp.Transformer("payload", func(b []byte) string { return string(b) })

// readAll reads to a clean end.
func readAll(t interface {
	Helper()
	Fatal(...any)
}, r *chunkReader) []Message {
	t.Helper()
	var out []Message
	for {
		m, err := r.ReadMessage()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		m.Payload = bytes.Clone(m.Payload)
		out = append(out, m)
	}
}

// What writers other than ours send.
func TestChunkReader(t *testing.T) {
	tests := []struct {
		name string
		hex  string
		want []Message
	}{
		{"formats 2 and 3 start messages", `
			04 000064 000001 08 01000000 aa
			84 000017                    bb // fmt 2: 23 ms later
			c4                           cc // fmt 3: and again`,
			[]Message{{Audio, 100, 1, []byte{0xAA}}, {Audio, 123, 1, []byte{0xBB}}, {Audio, 146, 1, []byte{0xCC}}}},
		{"format 3 after format 0 takes its time for a delta", `
			04 000064 000001 08 01000000 aa
			c4                           bb`,
			[]Message{{Audio, 100, 1, []byte{0xAA}}, {Audio, 200, 1, []byte{0xBB}}}},
		{"format 1 first", `44 000007 000001 08 aa`, []Message{{Audio, 7, 0, []byte{0xAA}}}},
		{"extended delta", `
			06 000001 000001 09 01000000 aa
			46 ffffff 000001 09 01000000 bb`,
			[]Message{{Video, 1, 1, []byte{0xAA}}, {Video, 0x01000001, 1, []byte{0xBB}}}},
		{"extended delta on format 3, as delta", `
			02 000000 000004 01 00000000 00000002 // chunk size 2
			06 000001 000001 09 01000000 aa
			46 ffffff 000003 09 01000000 b1b2 c6 01000000 b3`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 2}}, {Video, 1, 1, []byte{0xAA}}, {Video, 0x01000001, 1, []byte{0xB1, 0xB2, 0xB3}}}},
		{"extended delta on format 3, as time", `
			02 000000 000004 01 00000000 00000002
			06 000001 000001 09 01000000 aa
			46 ffffff 000003 09 01000000 b1b2 c6 01000001 b3`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 2}}, {Video, 1, 1, []byte{0xAA}}, {Video, 0x01000001, 1, []byte{0xB1, 0xB2, 0xB3}}}},
		{"extended time missing on format 3", `
			02 000000 000004 01 00000000 00000004
			06 ffffff 000009 09 01000000 01020304 b1b2b3b4 c6 b5b6b7b8 c6 b9`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 4}}, {Video, 0x01020304, 1, []byte{0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9}}}},
		{"another extended delta on format 3, as ffmpeg's acknowledgements have", `
			06 000001 000001 09 01000000 aa
			46 ffffff 000001 09 01000000 bb
			c6 02000000                  cc
			c6 02000000                  dd`,
			[]Message{{Video, 1, 1, []byte{0xAA}}, {Video, 0x01000001, 1, []byte{0xBB}}, {Video, 0x03000001, 1, []byte{0xCC}}, {Video, 0x05000001, 1, []byte{0xDD}}}},
		{"no extended delta on format 3 from one who leaves it out", `
			02 000000 000004 01 00000000 00000002
			06 000001 000001 09 01000000 aa
			46 ffffff 000003 09 01000000 b1b2 c6 b3
			c6 c1c2 c6 c3`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 2}}, {Video, 1, 1, []byte{0xAA}},
				{Video, 0x01000001, 1, []byte{0xB1, 0xB2, 0xB3}}, {Video, 0x02000001, 1, []byte{0xC1, 0xC2, 0xC3}}}},
		{"chunk size changes in a message", `
			02 000000 000004 01 00000000 00000004
			06 000000 00000c 09 01000000 b1b2b3b4
			02 000000 000004 01 00000000 00000007
			c6 b5b6b7b8b9babb
			02 000000 000004 01 00000000 00000001
			c6 bc`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 4}}, {SetChunkSize, 0, 0, []byte{0, 0, 0, 7}}, {SetChunkSize, 0, 0, []byte{0, 0, 0, 1}},
				{Video, 0, 1, []byte{0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xBB, 0xBC}}}},
		{"interleaved", `
			02 000000 000004 01 00000000 00000002
			06 000000 000003 09 01000000 b1b2
			04 000000 000003 08 01000000 a1a2
			c6 b3
			c4 a3`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 2}}, {Video, 0, 1, []byte{0xB1, 0xB2, 0xB3}}, {Audio, 0, 1, []byte{0xA1, 0xA2, 0xA3}}}},
		{"abort", `
			02 000000 000004 01 00000000 00000004
			06 000000 000006 09 01000000 b1b2b3b4
			02 000000 000004 02 00000000 00000006 // forget chunk stream 6
			06 000000 000001 09 01000000 c1`,
			[]Message{{SetChunkSize, 0, 0, []byte{0, 0, 0, 4}}, {Abort, 0, 0, []byte{0, 0, 0, 6}}, {Video, 0, 1, []byte{0xC1}}}},
		{"abort of what is not there", `
			02 000000 000004 02 00000000 00000006
			02 000000 000004 02 00000000 00000002`,
			[]Message{{Abort, 0, 0, []byte{0, 0, 0, 6}}, {Abort, 0, 0, []byte{0, 0, 0, 2}}}},
		{"unknown type, empty", `05 000000 000000 63 00000000`, []Message{{99, 0, 0, nil}}},
		{"control too short", `02 000000 000002 01 00000000 0000`, []Message{{SetChunkSize, 0, 0, []byte{0, 0}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			for name, src := range map[string]io.Reader{"whole": bytes.NewReader(b), "by bytes": iotest.OneByteReader(bytes.NewReader(b))} {
				r := newChunkReader(bufio.NewReader(src), 0)
				if diff := cmp.Diff(tt.want, readAll(t, r), equateEmpty); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if r.pending != 0 {
					t.Errorf("%s: %d bytes pending", name, r.pending)
				}
			}
		})
	}
}

func TestChunkReaderErrors(t *testing.T) {
	many := ""
	for i := range maxChunkStreams + 1 {
		many += fmt.Sprintf("00 %02x 000000 000000 08 00000000\n", i)
	}
	tests := []struct {
		name, hex string
		want      error
	}{
		{"format 2 first", `84 000000`, errProtocol},
		{"format 3 first", `c4`, errProtocol},
		{"message in a message", `04 000000 0000ff 08 00000000 ` + hex.EncodeToString(seq(128)) + `04 000000 000001 08 00000000 00`, errProtocol},
		{"chunk size 0", `02 000000 000004 01 00000000 80000000`, errProtocol},
		{"too long", `04 000000 000401 08 00000000`, errProtocol},
		{"too many chunk streams", many, errProtocol},
		{"cut in the header", `04 0000`, io.ErrUnexpectedEOF},
		{"cut in the payload", `04 000000 000002 08 00000000 00`, io.ErrUnexpectedEOF},
		{"cut in the extended time", `04 ffffff 000002 08 00000000 0000`, io.ErrUnexpectedEOF},
		{"cut in the basic header", `01 00`, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newChunkReader(bufio.NewReader(bytes.NewReader(unhex(t, tt.hex))), 1024)
			for {
				if _, err := r.ReadMessage(); err != nil {
					if !errors.Is(err, tt.want) {
						t.Errorf("got %v, want %v", err, tt.want)
					}
					return
				}
			}
		})
	}
}

// A peer cannot make us hold more than it is allowed to send.
func TestChunkReaderBounds(t *testing.T) {
	const limit = 1 << 20
	var buf bytes.Buffer
	w := newChunkWriter(&buf)
	w.WriteMessage(uint32Message(SetChunkSize, maxChunkSize))
	for i := range uint32(10) { // complete ones leave little behind
		if err := w.append(10+i, Message{Type: Video, Payload: make([]byte, limit)}); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	r := newChunkReader(bufio.NewReader(&buf), limit)
	readAll(t, r)
	held := 0
	for _, s := range r.streams {
		held += cap(s.payload)
	}
	if held > 2*limit {
		t.Errorf("%d bytes held after complete messages", held)
	}

	buf.Reset()
	buf.Write(unhex(t, `02 000000 000004 01 00000000 00080000`)) // chunks of 512 KiB
	for i := range 10 {
		fmt.Fprintf(&buf, "%c\x00\x00\x00\x10\x00\x00\x09\x01\x00\x00\x00", 10+i) // 1 MiB announced
		buf.Write(make([]byte, limit/2))                                          // half of it sent
	}
	r = newChunkReader(bufio.NewReader(&buf), limit)
	for {
		if _, err := r.ReadMessage(); err != nil {
			if !errors.Is(err, errProtocol) {
				t.Errorf("unfinished messages: %v, want %v", err, errProtocol)
			}
			break
		}
	}
}

func genMessages(t *rapid.T) []Message {
	types := []MessageType{Audio, Video, DataAMF0, CommandAMF0, UserControl, 77}
	// Around the places where timestamps change form or sign.
	at := rapid.SampledFrom([]uint32{0, 0xFFFFFF - 100, 1<<31 - 100, 1<<32 - 100}).Draw(t, "start")
	var ms []Message
	for range rapid.IntRange(1, 20).Draw(t, "messages") {
		at += uint32(rapid.OneOf(rapid.IntRange(0, 60), rapid.IntRange(-40, 1<<25)).Draw(t, "step"))
		size := rapid.OneOf(rapid.IntRange(0, 300), rapid.SampledFrom([]int{127, 128, 129, 65535, 65536, 65537, 200000})).Draw(t, "size")
		m := Message{rapid.SampledFrom(types).Draw(t, "type"), at, uint32(rapid.IntRange(0, 2).Draw(t, "stream")), seq(size)}
		ms = append(ms, m)
		if rapid.IntRange(0, 5).Draw(t, "resize") == 0 {
			n := rapid.OneOf(rapid.IntRange(1, 300), rapid.SampledFrom([]int{4096, 65536, maxChunkSize})).Draw(t, "chunk size")
			c := uint32Message(SetChunkSize, uint32(n))
			c.Timestamp = at
			ms = append(ms, c)
		}
	}
	return ms
}

func TestChunkRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genMessages(t)
		var buf bytes.Buffer
		w := newChunkWriter(&buf)
		for _, m := range want {
			if err := w.WriteMessage(m); err != nil {
				t.Fatal(err)
			}
		}
		if w.sent.Load() != int64(buf.Len()) {
			t.Fatalf("sent %d, wrote %d", w.sent.Load(), buf.Len())
		}
		strict, err := strictChunks(buf.Bytes())
		if err != nil {
			t.Fatalf("strict parser: %v", err)
		}
		if diff := cmp.Diff(want, strict, equateEmpty); diff != "" {
			t.Fatalf("strict parser (-want +got):\n%s", diff)
		}
		got := readAll(t, newChunkReader(bufio.NewReader(&buf), 0))
		if diff := cmp.Diff(want, got, equateEmpty); diff != "" {
			t.Fatalf("our reader (-want +got):\n%s", diff)
		}
	})
}

// Chunks of different streams may come in any order that keeps each stream's.
func TestChunkInterleaving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lanes [3][][]byte // chunks
		var want [3][]Message
		size := rapid.IntRange(1, 50).Draw(t, "chunk size")
		for i := range lanes {
			at := uint32(rapid.SampledFrom([]uint32{0, 0xFFFFFF - 50, 1<<32 - 50}).Draw(t, "start"))
			for range rapid.IntRange(1, 5).Draw(t, "messages") {
				at += uint32(rapid.IntRange(0, 40).Draw(t, "step"))
				m := Message{Audio + MessageType(i%2), at, 1, seq(rapid.IntRange(0, 200).Draw(t, "size"))}
				want[i] = append(want[i], m)
				// One chunk at a time, always with the time itself.
				rest, first := m.Payload, true
				for first || len(rest) > 0 {
					n := min(len(rest), size)
					var c []byte
					if first {
						c = appendBasicHeader(c, 0, uint32(40+i*30))
						short := min(at, extended)
						c = append(c, byte(short>>16), byte(short>>8), byte(short), 0, byte(len(m.Payload)>>8), byte(len(m.Payload)), byte(m.Type), 1, 0, 0, 0)
					} else {
						c = appendBasicHeader(c, 3, uint32(40+i*30))
					}
					if at >= extended {
						c = binary.BigEndian.AppendUint32(c, at)
					}
					lanes[i] = append(lanes[i], append(c, rest[:n]...))
					rest, first = rest[n:], false
				}
			}
		}
		var in bytes.Buffer
		var order []int
		left := append([][][]byte(nil), lanes[:]...)
		for len(left[0])+len(left[1])+len(left[2]) > 0 {
			i := rapid.IntRange(0, 2).Draw(t, "next")
			if len(left[i]) > 0 {
				in.Write(left[i][0])
				left[i] = left[i][1:]
				order = append(order, i)
			}
		}
		r := newChunkReader(bufio.NewReader(&in), 0)
		r.chunkSize = size
		got := [3]int{}
		for _, lane := range order {
			m, ok, err := r.ReadChunk()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				if diff := cmp.Diff(want[lane][got[lane]], m, equateEmpty); diff != "" {
					t.Fatalf("lane %d (-want +got):\n%s", lane, diff)
				}
				got[lane]++
			}
		}
		for i := range got {
			if got[i] != len(want[i]) {
				t.Fatalf("lane %d: %d messages, want %d", i, got[i], len(want[i]))
			}
		}
	})
}

func TestChunkWriterRefusesTooLong(t *testing.T) {
	w := newChunkWriter(io.Discard)
	if err := w.WriteMessage(Message{Type: Video, Payload: make([]byte, maxPayload+1)}); err == nil {
		t.Error("a payload of 16 MiB was written")
	}
	if err := w.WriteMessage(Message{Type: Video, Payload: make([]byte, maxPayload)}); err != nil {
		t.Error(err)
	}
}

// A countingWriter counts calls.
type countingWriter struct{ calls, bytes int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.calls++
	w.bytes += len(p)
	return len(p), nil
}

func TestChunkWriterCost(t *testing.T) {
	var cw countingWriter
	w := newChunkWriter(&cw)
	w.WriteMessage(uint32Message(SetChunkSize, outChunkSize))
	payload := make([]byte, 180_000) // a keyframe: three chunks
	m := Message{Type: Video, StreamID: 1, Payload: payload}
	w.WriteMessage(m)
	cw.calls = 0
	const runs = 100
	allocs := testing.AllocsPerRun(runs, func() {
		m.Timestamp += 33
		w.WriteMessage(m)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a message, want 0", allocs)
	}
	if cw.calls != runs+1 { // AllocsPerRun warms up once
		t.Errorf("%d writes for %d messages", cw.calls, runs+1)
	}
}

func FuzzChunkReader(f *testing.F) {
	for _, tt := range goldenChunks {
		f.Add(unhex(f, tt.hex), uint32(128))
	}
	s := recordSession(f, sessionMedia())
	f.Add(s.client[handshakeSize:], uint32(128))
	f.Add(s.server[handshakeSize:], uint32(128))
	f.Add(unhex(f, `02 000000 000004 01 00000000 00000002 06 ffffff 000003 09 01000000 01000000 b1b2 c6 01000000 b3`), uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint32) {
		read := func(src io.Reader) (ms []Message, err error) {
			r := newChunkReader(bufio.NewReader(src), 1<<16)
			r.chunkSize = int(size%maxChunkSize) + 1
			for {
				m, err := r.ReadMessage()
				if err != nil {
					return ms, err
				}
				if len(m.Payload) > 1<<16 || r.pending > 2<<16 || r.pending < 0 {
					t.Fatalf("payload %d, pending %d", len(m.Payload), r.pending)
				}
				m.Payload = bytes.Clone(m.Payload)
				ms = append(ms, m)
			}
		}
		whole, err1 := read(bytes.NewReader(b))
		split, err2 := read(iotest.OneByteReader(bytes.NewReader(b)))
		if fmt.Sprint(err1) != fmt.Sprint(err2) {
			t.Fatalf("whole: %v, by bytes: %v", err1, err2)
		}
		if diff := cmp.Diff(whole, split, equateEmpty); diff != "" {
			t.Fatalf("whole and by bytes differ:\n%s", diff)
		}
		// What was understood can be written and is read the same.
		var buf bytes.Buffer
		w := newChunkWriter(&buf)
		for _, m := range whole {
			if m.Type == SetChunkSize { // its own business
				continue
			}
			if err := w.WriteMessage(m); err != nil {
				t.Fatal(err)
			}
		}
		strict, err := strictChunks(buf.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, m := range whole {
			if m.Type == SetChunkSize {
				continue
			}
			if diff := cmp.Diff(m, strict[i], equateEmpty); diff != "" {
				t.Fatal(diff)
			}
			i++
		}
	})
}

func BenchmarkChunkWriter(b *testing.B) {
	w := newChunkWriter(io.Discard)
	w.WriteMessage(uint32Message(SetChunkSize, outChunkSize))
	m := Message{Type: Video, StreamID: 1, Payload: make([]byte, 25_000)}
	b.SetBytes(int64(len(m.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		m.Timestamp += 33
		if err := w.WriteMessage(m); err != nil {
			b.Fatal(err)
		}
	}
}
