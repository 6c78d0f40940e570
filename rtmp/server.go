package rtmp

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// ErrBadName, from a Server's Handler, tells the client that its stream key is
// unknown or already in use.
var ErrBadName = errors.New("bad stream name")

// A Publish is a client's wish to publish.
type Publish struct {
	App        string // as in the connect command, with its query
	Key        StreamKey
	FlashVer   string // what the client calls itself, made fit to print
	RemoteAddr net.Addr
}

// A Sink takes what one publisher sends. Its methods are called one at a
// time, from the connection's goroutine: as long as HandleMessage blocks,
// nothing is read from the publisher.
type Sink interface {
	// HandleMessage takes an Audio, Video, DataAMF0 or DataAMF3 message. The
	// payload is only valid until it returns. An error ends the connection.
	HandleMessage(m Message) error
	// End is called once, after the last message. err is nil if the publisher
	// said goodbye.
	End(err error)
}

// A Server takes in publishers. Set its fields before Serve.
type Server struct {
	// Handler accepts a publisher by returning a Sink, or refuses it by an
	// error, whose text stays here: the client learns
	// NetStream.Publish.Denied, or BadName if the error is ErrBadName. ctx
	// ends with the connection. Calls for different connections may overlap.
	Handler func(ctx context.Context, p Publish) (Sink, error)

	Log            logrus.FieldLogger // connections, at debug level; nil: none
	MaxConns       int                // more are closed at once; 0: 16
	MaxMessageSize int                // in bytes; 0: 16 MiB
	SetupTimeout   time.Duration      // from accept to publish; 0: 10 s
	IdleTimeout    time.Duration      // without a byte from a publisher; 0: 30 s
}

const (
	defaultMaxConns     = 16
	defaultSetupTimeout = 10 * time.Second
	defaultIdleTimeout  = 30 * time.Second

	// serverWindow is what FMS announces, and what encoders expect.
	serverWindow = 2_500_000
	// serverReadBuffer takes most of a frame in one read(2).
	serverReadBuffer = 32 << 10

	maxAcceptDelay = time.Second
	// lingerTime is how long a client that was refused may take to close.
	lingerTime = 500 * time.Millisecond
)

// Serve accepts connections from l until ctx is done, and then returns nil;
// or until l fails, and returns why. In either case it closes l and every
// connection, and returns when everything it started has stopped. For RTMPS
// hand it a tls.NewListener.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	// In this order: end the connections, then wait for them.
	defer conns.Wait()
	defer closeOnDone(ctx, l)()
	defer cancel()

	maxConns := s.MaxConns
	if maxConns <= 0 {
		maxConns = defaultMaxConns
	}
	slots := make(chan struct{}, maxConns)
	log := orDiscard(s.Log)
	delay := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, net.ErrClosed):
				return fmt.Errorf("rtmp: accept on %v: %w", l.Addr(), err)
			}
			// Such as too many open files: it passes.
			delay = min(max(2*delay, 10*time.Millisecond), maxAcceptDelay)
			log.WithError(err).Debug("rtmp: accept failed, trying again")
			select {
			case <-time.After(delay):
			case <-ctx.Done():
			}
			continue
		}
		delay = 0
		select {
		case slots <- struct{}{}:
		default:
			log.WithField(logAddr, nc.RemoteAddr()).Debug("rtmp: too many connections, closed one")
			nc.Close()
			continue
		}
		conns.Go(func() {
			defer func() { <-slots }()
			s.serveConn(ctx, nc, log.WithField(logAddr, nc.RemoteAddr()))
		})
	}
}

// A publisher is the server's side of one connection. Its goroutine owns it.
type publisher struct {
	server *Server
	ctx    context.Context // ends with the connection
	remote net.Addr
	log    logrus.FieldLogger
	wire   *wire
	setup  *time.Timer // closes the connection unless somebody publishes

	app, flashVer string
	connected     bool
	fcPublish     bool // the client waits for onFCPublish
	leaving       bool // the client has said FCUnpublish
	streams       uint32
	sink          Sink // nil while nobody publishes
}

func (s *Server) serveConn(ctx context.Context, nc net.Conn, log logrus.FieldLogger) {
	ctx, cancel := context.WithCancel(ctx)
	pc := &progressConn{Conn: nc, stall: DefaultTimeout, idle: orDefault(s.IdleTimeout, defaultIdleTimeout)}
	defer pc.Close()
	defer closeOnDone(ctx, pc)()
	defer cancel()

	p := &publisher{server: s, ctx: ctx, remote: nc.RemoteAddr(), log: log}
	p.setup = time.AfterFunc(p.setupTimeout(), func() { pc.Close() })
	defer p.setup.Stop()
	log.Debug("rtmp: connection")
	err := p.serve(pc)
	p.end(err)
	log.WithError(err).Debug("rtmp: connection ended")
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		// Closing with input unread would be a reset, which can overtake our
		// answer: wait for the client to close.
		p.setup.Reset(lingerTime)
		pc.CloseWrite()
		io.Copy(io.Discard, pc)
	}
}

// A refusal is a Handler's error that the client was told of.
type refusal struct{ err error }

func (e *refusal) Error() string { return "refused to publish: " + e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

func (p *publisher) setupTimeout() time.Duration {
	return orDefault(p.server.SetupTimeout, defaultSetupTimeout)
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

func (p *publisher) serve(nc net.Conn) error {
	br := bufio.NewReaderSize(nc, serverReadBuffer)
	if err := serverHandshake(br, nc); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	p.wire = newWire(br, nc, p.server.MaxMessageSize, serverWindow, p.log)
	for {
		m, err := p.wire.Read()
		if err != nil {
			return err
		}
		switch {
		case m.Type == CommandAMF0 || m.Type == CommandAMF3:
			err = p.command(m)
		case m.Type == Aggregate && p.sink != nil:
			err = p.aggregate(m)
		case m.Type.isMedia() && p.sink != nil:
			err = p.sink.HandleMessage(m)
		}
		if err != nil {
			return err
		}
	}
}

// end tells the sink, if there is one, that its publisher is gone.
func (p *publisher) end(err error) {
	if p.sink == nil {
		return
	}
	if p.leaving {
		err = nil
	}
	p.sink.End(err)
	p.sink, p.leaving = nil, false
	p.setup.Reset(p.setupTimeout())
}

// aggregate takes an aggregate message apart (section 7.1.6): FLV tags, each
// followed by its size, with times relative to the first's.
func (p *publisher) aggregate(m Message) error {
	const tagHeader, tagTrailer = 11, 4
	var first uint32
	for b := m.Payload; len(b) >= tagHeader; {
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if len(b) < tagHeader+size {
			return protocolErrorf("aggregate message cut short")
		}
		// FLV puts the time's high byte last.
		t := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
		if len(b) == len(m.Payload) {
			first = t
		}
		part := Message{
			Type:      MessageType(b[0]),
			Timestamp: m.Timestamp + t - first,
			StreamID:  m.StreamID,
			Payload:   b[tagHeader : tagHeader+size],
		}
		if part.Type.isMedia() && part.Type != Aggregate {
			if err := p.sink.HandleMessage(part); err != nil {
				return err
			}
		}
		b = b[min(len(b), tagHeader+size+tagTrailer):]
	}
	return nil
}

// command answers what encoders say. What is not known is not answered: they
// get along.
func (p *publisher) command(m Message) error {
	cmd, err := parseCommand(m)
	if err != nil {
		p.log.WithError(err).Debug("rtmp: skipped a command")
		return nil
	}
	p.log.WithField(logCommand, scrubber{}.clean(cmd.Name, maxCodeText)).Debug("rtmp: command")
	if !p.connected && cmd.Name != "connect" {
		return protocolErrorf("command before connect")
	}
	switch cmd.Name {
	case "connect":
		return p.onConnect(cmd)
	case "createStream":
		p.streams++
		return p.reply(0, "_result", cmd.Transaction, nil, p.streams)
	case "FCPublish":
		p.fcPublish = true
		return p.reply(0, "_result", cmd.Transaction, nil, undefined{})
	case "FCUnpublish":
		p.leaving = true
		return p.reply(0, "_result", cmd.Transaction, nil, undefined{})
	case "releaseStream", "_checkbw":
		return p.reply(0, "_result", cmd.Transaction, nil, undefined{})
	case "publish":
		return p.onPublish(m.StreamID, cmd)
	case "deleteStream", "closeStream":
		if p.sink == nil {
			return nil
		}
		p.end(nil)
		return p.status(m.StreamID, "status", unpublishSuccess, "Stop publishing.")
	}
	return nil
}

func (p *publisher) onConnect(cmd command) error {
	o, _ := cmd.arg(0).(map[string]any)
	p.app, _ = o["app"].(string)
	flashVer, _ := o["flashVer"].(string)
	p.flashVer = scrubber{}.clean(flashVer, maxDescriptionText)
	encoding, _ := o["objectEncoding"].(float64)
	p.connected = true

	result, err := commandMessage(0, "_result", cmd.Transaction,
		struct {
			FMSVer       string `amf0:"fmsVer"`
			Capabilities int    `amf0:"capabilities"`
		}{"FMS/3,0,1,123", 31},
		struct {
			Level          string  `amf0:"level"`
			Code           string  `amf0:"code"`
			Description    string  `amf0:"description"`
			ObjectEncoding float64 `amf0:"objectEncoding"`
		}{"status", "NetConnection.Connect.Success", "Connection succeeded.", encoding})
	if err != nil {
		return err
	}
	bandwidth := uint32Message(SetPeerBandwidth, serverWindow)
	bandwidth.Payload = append(bandwidth.Payload, 2) // dynamic (section 5.4.5)
	return p.wire.WriteAll(
		uint32Message(WindowAckSize, serverWindow),
		bandwidth,
		uint32Message(SetChunkSize, outChunkSize),
		result)
}

func (p *publisher) onPublish(streamID uint32, cmd command) error {
	key := NewStreamKey(cmd.str(1))
	if p.sink != nil || key.IsZero() {
		return p.refuse(streamID, ErrBadName)
	}
	sink, err := p.server.Handler(p.ctx, Publish{App: p.app, Key: key, FlashVer: p.flashVer, RemoteAddr: p.remote})
	if err != nil {
		return p.refuse(streamID, err)
	}
	p.sink = sink
	if !p.setup.Stop() {
		return errors.New("published too late")
	}
	begin := Message{Type: UserControl, Payload: binary.BigEndian.AppendUint32([]byte{0, 0}, streamID)}
	if err := p.wire.Write(begin); err != nil {
		return err
	}
	if p.fcPublish {
		if err := p.reply(streamID, "onFCPublish", 0, nil, statusObject{"status", publishStart, "Started publishing."}); err != nil {
			return err
		}
	}
	return p.status(streamID, "status", publishStart, "Started publishing.")
}

// refuse tells the client no, and ends the connection.
func (p *publisher) refuse(streamID uint32, reason error) error {
	code := "NetStream.Publish.Denied"
	if errors.Is(reason, ErrBadName) {
		code = badName
	}
	if err := p.status(streamID, "error", code, "Publishing is refused."); err != nil {
		return err
	}
	return &refusal{reason}
}

// A statusObject is the information object of onStatus (section 7.2.2).
type statusObject struct {
	Level       string `amf0:"level"`
	Code        string `amf0:"code"`
	Description string `amf0:"description"`
}

func (p *publisher) status(streamID uint32, level, code, description string) error {
	return p.reply(streamID, "onStatus", 0, nil, statusObject{level, code, description})
}

func (p *publisher) reply(streamID uint32, values ...any) error {
	m, err := commandMessage(streamID, values...)
	if err != nil {
		return err
	}
	return p.wire.Write(m)
}
