package rtmp

import (
	"bufio"
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// logKey names are the fields of this package's log lines.
const (
	logAddr    = "addr"
	logBytes   = "bytes"
	logCode    = "code"
	logCommand = "command"
	logPhase   = "phase"
	logType    = "type"
	logURL     = "url"
	logCause   = "cause" // in the words of whoever failed
)

func orDiscard(log logrus.FieldLogger) logrus.FieldLogger {
	if log != nil {
		return log
	}
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetLevel(logrus.PanicLevel)
	return l
}

const (
	userPingRequest  = 6 // events of a user control message (section 7.1.7)
	userPingResponse = 7

	// ackSlack is by how much an acknowledgement may exceed what we sent:
	// some peers count the handshake's 3073 bytes.
	ackSlack = 4096
)

// A wire is one end of a connection after the handshake: messages, with the
// protocol's own (acknowledgements, windows, pings) looked after. Writes may
// come from anywhere, reads from one goroutine.
type wire struct {
	log    logrus.FieldLogger
	ask    uint32 // the window we want acknowledgements for, in bytes
	noAcks bool   // never acknowledge, whatever the peer asks

	r       *chunkReader
	window  int64 // the peer's, that we acknowledge by; 0: not asked to
	ackSent int64 // of r.received

	// One message at a time: media, acks and pongs share w. A channel, since
	// it is held as long as the network blocks, and testing/synctest does not
	// let time pass for who waits for a mutex.
	wlock chan struct{}
	w     *chunkWriter

	amu     sync.Mutex
	acked   int64 // of w.sent, as the peer says
	lastAck time.Time
}

func newWire(br *bufio.Reader, w io.Writer, maxMessage int, ask uint32, log logrus.FieldLogger) *wire {
	return &wire{log: log, ask: ask, r: newChunkReader(br, maxMessage), wlock: make(chan struct{}, 1), w: newChunkWriter(w)}
}

// A writeError is a failure to write where one to read would be expected.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// Write sends m, in one Write of the connection.
func (c *wire) Write(m Message) error {
	c.wlock <- struct{}{}
	defer func() { <-c.wlock }()
	return c.w.WriteMessage(m)
}

// WriteAll sends messages, in one Write of the connection.
func (c *wire) WriteAll(ms ...Message) error {
	c.wlock <- struct{}{}
	defer func() { <-c.wlock }()
	for _, m := range ms {
		if err := c.w.Append(m); err != nil {
			return err
		}
	}
	return c.w.Flush()
}

// Read returns the next message that is not the protocol's own. Its Payload
// is only valid until the next call. A *writeError says that an answer could
// not be sent; reading may go on.
func (c *wire) Read() (Message, error) {
	for {
		m, ok, err := c.r.ReadChunk()
		if err != nil {
			return Message{}, err
		}
		// An acknowledgement asks for none: two ends with windows of a few
		// bytes would go on acknowledging each other for ever.
		if m.Type != Ack {
			if err := c.acknowledge(); err != nil {
				return Message{}, &writeError{err}
			}
		}
		if !ok {
			continue
		}
		own, err := c.control(m)
		if err != nil {
			return Message{}, &writeError{err}
		}
		if !own {
			return m, nil
		}
	}
}

// acknowledge tells the peer what has come, each half of its window: some
// stop sending when a whole one is outstanding (section 5.4.3).
func (c *wire) acknowledge() error {
	if c.noAcks || c.window == 0 || c.r.received-c.ackSent < max(c.window/2, 1) {
		return nil
	}
	c.ackSent = c.r.received
	return c.Write(uint32Message(Ack, uint32(c.r.received))) // modulo 2^32, as all do
}

// control takes care of m if it is the protocol's own.
func (c *wire) control(m Message) (own bool, err error) {
	var v uint32
	if len(m.Payload) >= 4 {
		v = binary.BigEndian.Uint32(m.Payload)
	}
	switch m.Type {
	case SetChunkSize, Abort: // the reader has seen to them
	case Ack:
		if len(m.Payload) >= 4 {
			c.onAck(v)
		}
		return true, nil
	case WindowAckSize:
		c.window = int64(v)
	case SetPeerBandwidth: // section 5.4.5
		if v > 0 {
			err = c.Write(uint32Message(WindowAckSize, min(v, c.ask)))
		}
	case UserControl:
		if len(m.Payload) >= 6 && binary.BigEndian.Uint16(m.Payload) == userPingRequest {
			pong := append([]byte{0, userPingResponse}, m.Payload[2:6]...)
			return true, c.Write(Message{Type: UserControl, Payload: pong})
		}
	default:
		return false, nil
	}
	c.log.WithFields(logrus.Fields{logType: m.Type, logBytes: v}).Debug("rtmp: control message")
	return true, err
}

// onAck notes that the peer has read up to seq, which wraps at 2^32.
func (c *wire) onAck(seq uint32) {
	sent := c.w.sent.Load()
	c.amu.Lock()
	defer c.amu.Unlock()
	n := c.acked + int64(seq-uint32(c.acked))
	if n > sent+ackSlack {
		return // behind the last one, or made up
	}
	c.acked = min(n, sent)
	c.lastAck = time.Now()
}

// acks returns what the peer has acknowledged, and when: zero for never.
func (c *wire) acks() (int64, time.Time) {
	c.amu.Lock()
	defer c.amu.Unlock()
	return c.acked, c.lastAck
}

func uint32Message(t MessageType, v uint32) Message {
	return Message{Type: t, Payload: binary.BigEndian.AppendUint32(nil, v)}
}

// commandMessage makes a command message of AMF0 values: the name, the
// transaction, the command object and so on.
func commandMessage(streamID uint32, values ...any) (Message, error) {
	p, err := encodeAMF(values...)
	return Message{Type: CommandAMF0, StreamID: streamID, Payload: p}, err
}
