package rtmp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

const (
	defaultChunkSize = 128      // until SetChunkSize (section 5.4.1)
	maxChunkSize     = 0xFFFFFF // no message is longer
	// outChunkSize makes a 25 KB frame one chunk; at 128 its headers would be
	// 200, and 5 % of the bytes.
	outChunkSize = 65536
	// extended stands in the 24-bit timestamp field for "see the 32 bits
	// after the header" (section 5.3.1.3).
	extended = 0xFFFFFF
)

// Chunk streams we write to. Each kind has its own, so that its deltas stay
// small and its headers short.
const (
	csControl = 2 // required by section 5.4
	csCommand = 3
	csAudio   = 4
	csData    = 5
	csVideo   = 6
)

func chunkStreamFor(t MessageType) uint32 {
	switch t {
	case Audio:
		return csAudio
	case Video, Aggregate:
		return csVideo
	case DataAMF0, DataAMF3:
		return csData
	case CommandAMF0, CommandAMF3:
		return csCommand
	}
	return csControl
}

// A chunkWriter cuts messages into chunks (section 5.3). It gathers them in
// one buffer and hands that over in one Write. It is not for concurrent use.
type chunkWriter struct {
	w         io.Writer
	buf       []byte
	chunkSize int
	streams   map[uint32]outStream
	sent      atomic.Int64 // bytes of chunks given to w; anyone may read it
}

// An outStream is what the peer remembers of a chunk stream.
type outStream struct {
	timestamp uint32
	streamID  uint32
}

func newChunkWriter(w io.Writer) *chunkWriter {
	return &chunkWriter{w: w, chunkSize: defaultChunkSize, streams: make(map[uint32]outStream)}
}

// WriteMessage writes m in one Write, after what was appended before.
func (w *chunkWriter) WriteMessage(m Message) error {
	if err := w.append(chunkStreamFor(m.Type), m); err != nil {
		return err
	}
	return w.Flush()
}

// Append adds m to what the next Flush or WriteMessage writes.
func (w *chunkWriter) Append(m Message) error { return w.append(chunkStreamFor(m.Type), m) }

// Flush writes what was appended, in one Write.
func (w *chunkWriter) Flush() error {
	// Counted first: the peer can acknowledge the front of a large message
	// before Write has returned.
	w.sent.Add(int64(len(w.buf)))
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *chunkWriter) append(csid uint32, m Message) error {
	if len(m.Payload) > maxPayload {
		return fmt.Errorf("write %v message: %d bytes, at most %d", m.Type, len(m.Payload), maxPayload)
	}
	prev, known := w.streams[csid]
	w.streams[csid] = outStream{m.Timestamp, m.StreamID}

	// Format 0 has the time itself: at the start, when the message stream
	// changes, and when time goes back, which a delta cannot say (section
	// 5.3.1.2.1). Leaps of more than 24 bits take it too, though format 1 can
	// say them: peers differ in how they read an extended delta.
	format, field := byte(0), m.Timestamp
	if delta := m.Timestamp - prev.timestamp; known && prev.streamID == m.StreamID && delta < extended {
		format, field = 1, delta
	}
	short := min(field, extended)

	w.buf = appendBasicHeader(w.buf, format, csid)
	w.buf = append(w.buf,
		byte(short>>16), byte(short>>8), byte(short),
		byte(len(m.Payload)>>16), byte(len(m.Payload)>>8), byte(len(m.Payload)),
		byte(m.Type))
	if format == 0 {
		w.buf = binary.LittleEndian.AppendUint32(w.buf, m.StreamID)
	}
	rest := m.Payload
	for {
		if short == extended {
			// On format 3 as well (section 5.3.1.3), or messages of several
			// chunks are garbled from 4 h 39 m on.
			w.buf = binary.BigEndian.AppendUint32(w.buf, field)
		}
		n := min(len(rest), w.chunkSize)
		w.buf = append(w.buf, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
		w.buf = appendBasicHeader(w.buf, 3, csid)
	}
	if m.Type == SetChunkSize && len(m.Payload) >= 4 {
		w.chunkSize = int(binary.BigEndian.Uint32(m.Payload))
	}
	return nil
}

func appendBasicHeader(b []byte, format byte, csid uint32) []byte {
	switch {
	case csid < 64:
		return append(b, format<<6|byte(csid))
	case csid < 64+256:
		return append(b, format<<6, byte(csid-64))
	default:
		return append(b, format<<6|1, byte(csid-64), byte((csid-64)>>8))
	}
}

const (
	defaultMaxMessageSize = 16 << 20
	// maxChunkStreams leaves room: encoders use some five.
	maxChunkStreams = 64
	// keepBuffer is how much buffer a chunk stream keeps between messages, so
	// that a peer cannot have us hold its largest message on every one.
	keepBuffer = 256 << 10
)

// errProtocol marks what a peer cannot have meant.
var errProtocol = errors.New("not RTMP")

func protocolErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errProtocol, fmt.Errorf(format, args...))
}

// A chunkReader puts chunks together to messages. It takes any chunk size,
// interleaving and header format, and obeys SetChunkSize and Abort by itself.
// It is not for concurrent use.
type chunkReader struct {
	r          *bufio.Reader
	maxMessage int
	chunkSize  int
	streams    map[uint32]*inStream
	last       *inStream // whose message was last returned
	unextended bool      // the peer was seen to leave the extended timestamp out of format 3
	pending    int       // bytes held of unfinished messages
	received   int64     // bytes of chunks read from r
}

// An inStream is a chunk stream's last header, and its message so far.
type inStream struct {
	msg       Message // but for its Payload
	length    int
	field     uint32 // as last sent: a time after format 0, else a delta
	extended  bool
	payload   []byte
	inMessage bool
}

// reset drops the message so far, and a buffer that is not worth keeping.
func (s *inStream) reset() {
	s.inMessage = false
	if s.payload = s.payload[:0]; cap(s.payload) > keepBuffer {
		s.payload = nil
	}
}

// newChunkReader returns a reader of messages of up to maxMessage bytes; 0
// stands for 16 MiB. What unfinished messages hold is bounded by twice that.
func newChunkReader(r *bufio.Reader, maxMessage int) *chunkReader {
	if maxMessage <= 0 {
		maxMessage = defaultMaxMessageSize
	}
	return &chunkReader{r: r, maxMessage: maxMessage, chunkSize: defaultChunkSize, streams: make(map[uint32]*inStream)}
}

// ReadMessage returns the next message, of whatever type. Its Payload is only
// valid until the next call.
func (r *chunkReader) ReadMessage() (Message, error) {
	for {
		if m, ok, err := r.ReadChunk(); err != nil || ok {
			return m, err
		}
	}
}

// ReadChunk reads one chunk, and reports whether it completed a message. The
// Payload is only valid until the next call. The error is io.EOF only between
// chunks.
func (r *chunkReader) ReadChunk() (Message, bool, error) {
	if r.last != nil {
		r.last.reset()
		r.last = nil
	}
	s, csid, err := r.header()
	if err != nil {
		return Message{}, false, err
	}
	n := min(s.length-len(s.payload), r.chunkSize)
	// Grow by what has come, never by what was announced. bufio's buffer is
	// the most that one turn appends.
	for n > 0 {
		step := min(n, r.r.Size())
		b, err := r.r.Peek(step)
		if err != nil {
			return Message{}, false, cutShort(err)
		}
		s.payload = append(s.payload, b...)
		r.discard(step)
		r.pending += step
		n -= step
	}
	if r.pending > 2*r.maxMessage {
		return Message{}, false, protocolErrorf("unfinished messages of %d bytes, at most %d", r.pending, 2*r.maxMessage)
	}
	if len(s.payload) < s.length {
		return Message{}, false, nil
	}
	r.pending -= len(s.payload)
	r.last = s
	m := s.msg
	m.Payload = s.payload
	return m, true, r.obey(m, csid)
}

// header reads a chunk's headers and returns its stream, ready for payload.
func (r *chunkReader) header() (*inStream, uint32, error) {
	b, err := r.r.ReadByte()
	if err != nil {
		return nil, 0, err
	}
	r.received++
	format, csid := b>>6, uint32(b&0x3F)
	switch csid {
	case 0:
		p, err := r.take(1)
		if err != nil {
			return nil, 0, err
		}
		csid = 64 + uint32(p[0])
	case 1:
		p, err := r.take(2)
		if err != nil {
			return nil, 0, err
		}
		csid = 64 + uint32(p[0]) + uint32(p[1])<<8
	}

	s := r.streams[csid]
	if s == nil {
		// Format 1 was seen as a stream's first from real encoders; formats 2
		// and 3 would leave the length unknown.
		if format >= 2 {
			return nil, 0, protocolErrorf("chunk stream %d starts with format %d", csid, format)
		}
		if len(r.streams) >= maxChunkStreams {
			return nil, 0, protocolErrorf("more than %d chunk streams", maxChunkStreams)
		}
		s = new(inStream)
		r.streams[csid] = s
	}
	if format < 3 && s.inMessage {
		return nil, 0, protocolErrorf("chunk stream %d starts a message within another", csid)
	}
	if format < 3 {
		p, err := r.take([...]int{11, 7, 3}[format])
		if err != nil {
			return nil, 0, err
		}
		s.field = uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])
		s.extended = s.field == extended
		if format < 2 {
			s.length = int(p[3])<<16 | int(p[4])<<8 | int(p[5])
			s.msg.Type = MessageType(p[6])
			if s.length > r.maxMessage {
				return nil, 0, protocolErrorf("%v message of %d bytes, at most %d", s.msg.Type, s.length, r.maxMessage)
			}
		}
		if format == 0 {
			s.msg.StreamID = binary.LittleEndian.Uint32(p[7:])
		}
		if s.extended {
			p, err := r.take(4)
			if err != nil {
				return nil, 0, err
			}
			s.field = binary.BigEndian.Uint32(p)
		}
	} else if s.extended {
		if err := r.extendedOnFormat3(s); err != nil {
			return nil, 0, err
		}
	}
	if !s.inMessage {
		s.inMessage = true
		if format == 0 {
			s.msg.Timestamp = s.field
		} else {
			// Also for format 3 after format 0, whose time then serves as the
			// delta (section 5.3.1.2.4).
			s.msg.Timestamp += s.field
		}
	}
	return s, csid, nil
}

// extendedOnFormat3 reads the extended timestamp of a format 3 chunk. Some
// encoders leave it out, against section 5.3.1.3; so within a message, what is
// not the value of the header before is payload. (Some repeat the time, not
// the delta.) It looks no further than it has to: the payload of one who
// leaves it out may end here, and nothing come after it for long.
//
// Where format 3 begins a message, it can be another delta than the last, so
// says ffmpeg, as long as that is extended too.
func (r *chunkReader) extendedOnFormat3(s *inStream) error {
	delta := binary.BigEndian.AppendUint32(make([]byte, 0, 4), s.field)
	at := binary.BigEndian.AppendUint32(make([]byte, 0, 4), s.msg.Timestamp)
	for n := 1; n <= 4; n++ {
		p, err := r.r.Peek(n)
		if err != nil {
			if n > 1 && errors.Is(err, io.EOF) {
				return nil
			}
			return cutShort(err)
		}
		if bytes.HasPrefix(delta, p) || bytes.HasPrefix(at, p) {
			continue
		}
		if s.inMessage {
			r.unextended = true
			return nil
		}
		if r.unextended {
			return nil
		}
		if p, err = r.take(4); err != nil {
			return err
		}
		s.field = binary.BigEndian.Uint32(p)
		return nil
	}
	r.discard(4)
	return nil
}

// obey carries out what is meant for the chunk stream itself.
func (r *chunkReader) obey(m Message, csid uint32) error {
	if len(m.Payload) < 4 {
		return nil
	}
	v := binary.BigEndian.Uint32(m.Payload)
	switch m.Type {
	case SetChunkSize: // section 5.4.1
		size := v & 0x7FFFFFFF
		if size == 0 {
			return protocolErrorf("chunk size 0")
		}
		r.chunkSize = int(min(size, maxChunkSize))
	case Abort: // section 5.4.2
		if s := r.streams[v]; s != nil && s.inMessage && v != csid {
			r.pending -= len(s.payload)
			s.reset()
		}
	}
	return nil
}

// take returns the next n bytes, valid until the next read.
func (r *chunkReader) take(n int) ([]byte, error) {
	p, err := r.r.Peek(n)
	if err != nil {
		return nil, cutShort(err)
	}
	r.discard(n)
	return p, nil
}

// discard drops n bytes that were peeked at.
func (r *chunkReader) discard(n int) {
	r.r.Discard(n)
	r.received += int64(n)
}

// cutShort turns the end of input into one within a chunk.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
