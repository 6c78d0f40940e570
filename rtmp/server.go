package rtmp

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

var (
	// ErrBadName, from a Server's Handler, tells the client that its stream
	// key is unknown or already in use.
	ErrBadName = errors.New("bad stream name")

	// ErrReset, from a Sink, ends the connection by a TCP reset, in which the
	// client loses what was on the way to it.
	ErrReset = errors.New("connection reset by us")

	// ErrReplaced is what a Sink ends with whose publisher had died, when
	// another took its place.
	ErrReplaced = errors.New("replaced by another publisher")

	// ErrNoKey, ErrInUse and ErrTooManyConns are why a client does not get to
	// a Server's Handler; the first two are ErrBadName as well.
	ErrNoKey        = fmt.Errorf("%w: no stream key", ErrBadName)
	ErrInUse        = fmt.Errorf("%w: another session publishes with it", ErrBadName)
	ErrTooManyConns = errors.New("too many connections")
)

// A Sink takes what one publisher sends. Its methods are called one at a
// time, from the connection's goroutine: as long as HandleMessage blocks,
// nothing is read from the publisher.
type Sink interface {
	// HandleMessage takes an Audio, Video, DataAMF0 or DataAMF3 message. The
	// payload is only valid until it returns. An error ends the connection,
	// by a reset if it is ErrReset.
	HandleMessage(m Message) error
	// End is called once, after the last message. err is nil if the publisher
	// said goodbye.
	End(err error)
}

// A Server takes in publishers, one for each app and key. Set its fields
// before Serve; they may not change after.
type Server struct {
	// Handler accepts a publisher by returning a Sink, or refuses it by an
	// error, whose text stays here: the client learns
	// NetStream.Publish.Denied, or BadName if the error is ErrBadName. ctx
	// ends with the connection. Calls for different connections may overlap.
	Handler func(ctx context.Context, p Publish) (Sink, error)

	// Refused is told why a client does not get to Handler: ErrNoKey, ErrInUse,
	// or, when nothing but its address is known, ErrTooManyConns. Nil: nobody
	// is. Calls may overlap.
	Refused func(p Publish, why error)

	Log            logrus.FieldLogger // connections, at debug level; nil: none
	MaxConns       int                // more are closed at once; 0: 16
	MaxMessageSize int                // in bytes, from who was accepted; 0: 16 MiB
	SetupTimeout   time.Duration      // from accept to publish; 0: 10 s
	IdleTimeout    time.Duration      // without a whole message from a publisher, but for the protocol's own; 0: 30 s

	SecondPublisher SecondPolicy
	DeadAfter       time.Duration // without a byte from a publisher, for ReplaceDead; 0: 5 s

	// For rehearsing odd ingests.
	Window uint32 // in bytes, announced by WindowAckSize and SetPeerBandwidth; 0: 2 500 000
	NoAcks bool   // acknowledge nothing

	mu    sync.Mutex
	lives map[publishID]*live
}

// A SecondPolicy is what becomes of one who publishes to an app and key that
// have a publisher. Apps that differ in their query are different apps: so
// YouTube's live2 and live2?backup=1 take the same key at the same time.
type SecondPolicy int

const (
	// RefuseSecond refuses it as ErrBadName does, as long as the first's
	// connection lasts.
	RefuseSecond SecondPolicy = iota
	// ReplaceDead puts it in the place of a first that is dead, by
	// Server.DeadAfter, and refuses it otherwise. The first's Sink has ended
	// before Handler is called.
	ReplaceDead
	// AllowSecond leaves it to the Handler.
	AllowSecond
)

const (
	defaultMaxConns     = 16
	defaultSetupTimeout = 10 * time.Second
	defaultIdleTimeout  = 30 * time.Second
	defaultDeadAfter    = 5 * time.Second

	// serverWindow is what FMS announces, and what encoders expect.
	serverWindow = 2_500_000
	// serverReadBuffer takes most of a frame in one read(2).
	serverReadBuffer = 32 << 10
	// setupMessageSize bounds messages until somebody publishes: until then
	// there are only commands, and whoever sends them is a stranger.
	setupMessageSize = 64 << 10

	// maxKeyLen is far beyond any key, and keeps them small in memory.
	maxKeyLen = 4096

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
			s.tellRefused(Publish{RemoteAddr: nc.RemoteAddr()}, ErrTooManyConns)
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
	cancel context.CancelCauseFunc
	conn   *heardConn
	remote net.Addr
	log    logrus.FieldLogger
	wire   *wire
	setup  *time.Timer // ends the connection unless somebody publishes

	app, flashVer string
	connected     bool
	fcPublish     bool // the client waits for onFCPublish
	leaving       bool // the client has said FCUnpublish
	streams       uint32
	sink          Sink  // nil while nobody publishes
	live          *live // nil while nobody publishes
}

var errSetupTimeout = errors.New("nothing was published in time")

func (s *Server) serveConn(ctx context.Context, nc net.Conn, log logrus.FieldLogger) {
	ctx, cancel := context.WithCancelCause(ctx)
	hc := newHeardConn(nc)
	defer hc.Close()
	defer closeOnDone(ctx, hc)()
	defer cancel(nil)

	p := &publisher{server: s, ctx: ctx, cancel: cancel, conn: hc, remote: nc.RemoteAddr(), log: log}
	p.setup = time.AfterFunc(p.setupTimeout(), func() { cancel(errSetupTimeout) })
	defer p.setup.Stop()
	log.Debug("rtmp: connection")
	err := p.serve()
	if ctx.Err() != nil {
		err = context.Cause(ctx) // of which the closed connection is the effect
	}
	p.end(err)
	log.WithError(err).Debug("rtmp: connection ended")
	var refused *refusal
	switch {
	case errors.Is(err, ErrReset):
		resetOnClose(nc)
	case errors.As(err, &refused):
		// Closing with input unread would be a reset, which can overtake our
		// answer: wait for the client to close.
		p.setup.Reset(lingerTime)
		hc.CloseWrite()
		io.Copy(io.Discard, hc)
	}
}

// resetOnClose has nc's Close drop what is unsent and send a reset.
func resetOnClose(nc net.Conn) {
	if tc, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS, whose Close would say goodbye first
		nc = tc.NetConn()
		defer nc.Close()
	}
	if tc, ok := nc.(*net.TCPConn); ok {
		tc.SetLinger(0)
	}
}

// A refusal is why the client was told no.
type refusal struct{ err error }

func (e *refusal) Error() string { return "refused: " + e.err.Error() }
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

func (p *publisher) serve() error {
	br := bufio.NewReaderSize(p.conn, serverReadBuffer)
	if err := serverHandshake(br, p.conn); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	p.wire = newWire(br, p.conn, min(setupMessageSize, p.server.maxMessageSize()), p.server.window(), p.log)
	p.wire.noAcks = p.server.NoAcks
	idle := orDefault(p.server.IdleTimeout, defaultIdleTimeout)
	for {
		// For all of a message: one that trickles is none.
		if err := p.conn.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
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

func (s *Server) maxMessageSize() int {
	if s.MaxMessageSize <= 0 {
		return defaultMaxMessageSize
	}
	return s.MaxMessageSize
}

func (s *Server) window() uint32 {
	if s.Window == 0 {
		return serverWindow
	}
	return s.Window
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
	p.server.release(p.live)
	p.live = nil
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
	app, _ := o["app"].(string)
	tcURL, _ := o["tcUrl"].(string)
	if p.app = appOf(app, tcURL); len(p.app) > maxAppLen || strings.ContainsFunc(p.app, isUnprintable) {
		if err := p.reply(0, "_error", cmd.Transaction, nil, statusObject{"error", "NetConnection.Connect.InvalidApp", "The app is refused."}); err != nil {
			return err
		}
		return &refusal{errors.New("an app that cannot be")}
	}
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
	window := p.server.window()
	bandwidth := uint32Message(SetPeerBandwidth, window)
	bandwidth.Payload = append(bandwidth.Payload, 2) // dynamic (section 5.4.5)
	return p.wire.WriteAll(
		uint32Message(WindowAckSize, window),
		bandwidth,
		uint32Message(SetChunkSize, outChunkSize),
		result)
}

func (p *publisher) onPublish(streamID uint32, cmd command) error {
	key := NewStreamKey(cmd.str(1))
	who := Publish{App: p.app, Key: key, FlashVer: p.flashVer, RemoteAddr: p.remote}
	switch {
	case p.sink != nil || len(key.Reveal()) > maxKeyLen:
		return p.refuse(streamID, ErrBadName)
	case key.IsZero():
		p.server.tellRefused(who, ErrNoKey)
		return p.refuse(streamID, ErrNoKey)
	}
	l, err := p.server.claim(p, publishID{p.app, key})
	if err != nil {
		if errors.Is(err, ErrInUse) {
			p.server.tellRefused(who, err)
		}
		return p.refuse(streamID, err)
	}
	sink, err := p.server.Handler(p.ctx, who)
	if err != nil {
		p.server.release(l)
		return p.refuse(streamID, err)
	}
	p.sink, p.live = sink, l
	if !p.setup.Stop() {
		return errSetupTimeout
	}
	p.wire.r.maxMessage = p.server.maxMessageSize()
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

func (s *Server) tellRefused(p Publish, why error) {
	if s.Refused != nil {
		s.Refused(p, why)
	}
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
