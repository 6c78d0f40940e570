package rtmp

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// ClientConfig says where and how to publish. URL and Key are required.
type ClientConfig struct {
	URL      URL
	Key      StreamKey
	RootCAs  *x509.CertPool // to verify the ingest by; nil: the system's
	Timeouts Timeouts
	Log      logrus.FieldLogger // the session's steps, at debug level; nil: none
	FlashVer string             // "": FMLE/3.0 (compatible; venuecast)

	// DialContext opens the connection below TLS; nil: a net.Dialer. Use it
	// to bind an interface, or to put a pipe in a network's place.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// LookupHost resolves a host name; nil: net.DefaultResolver.
	LookupHost func(ctx context.Context, host string) ([]string, error)
}

const (
	defaultFlashVer = "FMLE/3.0 (compatible; venuecast)"

	// clientWindow asks the peer for an acknowledgement about each second at
	// 1 Mbit/s. Left alone, ingests send one every 2.5 MB: 13 s at 1.5 Mbit/s.
	clientWindow = 128 << 10

	// lastWords is how long a peer's reason for closing is waited for, when
	// our write found the connection closed first. It is mostly here already.
	lastWords = 250 * time.Millisecond
)

// Transactions of our commands, by which answers are told apart.
const (
	txnConnect = iota + 1
	txnReleaseStream
	txnFCPublish
	txnCreateStream
	txnPublish
	txnFCUnpublish
	txnDeleteStream
)

// A Client is a live publishing session. Its methods may be called
// concurrently.
type Client struct {
	cfg   ClientConfig
	log   logrus.FieldLogger
	scrub scrubber

	raw  *progressConn
	nc   net.Conn // raw, or TLS upon it
	wire *wire

	// Of Dial, and then of the reader goroutine.
	phase     Phase
	connected bool
	created   bool
	published bool

	streamID   uint32        // fixed once Dial returns
	readerDone chan struct{} // closed by the reader goroutine as it ends
	goodbye    chan struct{} // closed by it when the peer confirms our leave

	closeOnce sync.Once
	closeErr  error

	mu      sync.Mutex
	closing bool
	err     *Error
	done    chan struct{} // closed when err is set
}

// Stats are figures of a session, for judging whether what was written
// arrives. Three kinds of evidence, from early to certain: BytesWritten has
// only left this process; what is not in Unacked has reached the peer's
// kernel, though a peer that hangs has a kernel that goes on acknowledging
// until its buffer, up to 6 MB, is full; BytesAcked was read by the peer
// itself, but not every ingest says so.
type Stats struct {
	BytesWritten int64     // taken by our kernel, with handshakes and TLS
	ChunkBytes   int64     // RTMP chunks alone: what BytesAcked is to be compared with
	BytesAcked   int64     // of ChunkBytes, as the peer's RTMP acknowledgements say
	AckSeen      bool      // whether the peer sends them at all
	LastAck      time.Time // when the last one came
	Unacked      int64     // in our kernel: not sent, or not acknowledged by the peer's TCP
	UnackedKnown bool      // false without a Linux TCP socket, and after the end
}

// Dial connects and publishes. It returns after NetStream.Publish.Start, or
// with an *Error. ctx covers Dial alone; it cancels every phase at once. The
// caller must Close the Client.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if cfg.FlashVer == "" {
		cfg.FlashVer = defaultFlashVer
	}
	if cfg.DialContext == nil {
		cfg.DialContext = new(net.Dialer).DialContext
	}
	if cfg.LookupHost == nil {
		cfg.LookupHost = net.DefaultResolver.LookupHost
	}
	c := &Client{
		cfg:        cfg,
		log:        orDiscard(cfg.Log).WithField(logURL, cfg.URL.String()),
		scrub:      newScrubber(cfg.Key, cfg.URL),
		readerDone: make(chan struct{}),
		goodbye:    make(chan struct{}),
		done:       make(chan struct{}),
	}
	if err := c.dial(ctx); err != nil {
		if c.raw != nil {
			c.raw.Close()
		}
		c.log.WithError(err).WithField(logCause, errors.Unwrap(err)).Debug("rtmp: not publishing")
		return nil, err
	}
	c.setPhase(PhaseLive)
	go c.readLoop()
	return c, nil
}

func (c *Client) setPhase(p Phase) {
	c.phase = p
	c.log.WithField(logPhase, p.String()).Debug("rtmp: phase")
}

// dial goes through the phases up to PhasePublish.
func (c *Client) dial(ctx context.Context) error {
	t := c.cfg.Timeouts
	if c.cfg.Key.IsZero() {
		c.phase = PhasePublish
		return c.fail(c.phase, &Error{Kind: KindBadName, Description: "no stream key"})
	}
	if err := c.dialTCP(ctx); err != nil {
		return err
	}
	c.nc = c.raw
	if c.cfg.URL.TLS {
		tc := tls.Client(c.raw, &tls.Config{
			ServerName: c.cfg.URL.Host,
			RootCAs:    c.cfg.RootCAs,
			MinVersion: tls.VersionTLS12,
		})
		c.nc = tc
		if err := c.run(ctx, PhaseTLS, t.TLS, tc.HandshakeContext); err != nil {
			return err
		}
	}
	br := bufio.NewReader(c.nc)
	if err := c.run(ctx, PhaseHandshake, t.Handshake, func(context.Context) error {
		return clientHandshake(br, c.nc)
	}); err != nil {
		return err
	}
	c.wire = newWire(br, c.nc, 0, clientWindow, c.log)
	for _, step := range []struct {
		phase Phase
		send  func() error
		done  *bool
	}{
		{PhaseConnect, c.sendConnect, &c.connected},
		{PhaseCreateStream, c.sendCreateStream, &c.created},
		{PhasePublish, c.sendPublish, &c.published},
	} {
		if err := c.run(ctx, step.phase, t.Command, func(context.Context) error {
			if err := step.send(); err != nil {
				return err
			}
			for !*step.done {
				m, err := c.wire.Read()
				if err != nil {
					return err
				}
				if err := c.take(m); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// dialTCP opens c.raw to the first address that answers.
func (c *Client) dialTCP(ctx context.Context) error {
	host, port := c.cfg.URL.Host, strconv.Itoa(int(c.cfg.URL.Port))
	addrs := []string{host}
	if _, err := netip.ParseAddr(host); err != nil {
		if err := c.run(ctx, PhaseDNS, c.cfg.Timeouts.DNS, func(ctx context.Context) (err error) {
			if addrs, err = c.cfg.LookupHost(ctx, host); err == nil && len(addrs) == 0 {
				err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
			}
			return err
		}); err != nil {
			return err
		}
	}
	var best error
	for _, a := range addrs {
		err := c.run(ctx, PhaseDial, c.cfg.Timeouts.Dial, func(ctx context.Context) error {
			nc, err := c.cfg.DialContext(ctx, "tcp", net.JoinHostPort(a, port))
			if err != nil {
				return err
			}
			tuneSocket(nc)
			c.raw = &progressConn{Conn: nc, stall: c.cfg.Timeouts.Write}
			return nil
		})
		if err == nil {
			return nil
		}
		if c.raw != nil { // connected, but too late
			c.raw.Close()
			c.raw = nil
		}
		if ctx.Err() != nil {
			return err
		}
		c.log.WithError(err).WithField(logAddr, a).Debug("rtmp: address does not answer")
		// An answer of no says more than silence, and that more than having
		// no route, which is what an IPv6 address is without IPv6.
		if best == nil || dialRank(err) > dialRank(best) {
			best = err
		}
	}
	return best
}

func dialRank(err error) int {
	var e *Error
	errors.As(err, &e)
	switch e.Kind {
	case KindRefused:
		return 2
	case KindTimeout:
		return 1
	}
	return 0
}

// run does f within limit and ctx, as phase p. f gets a context for what
// takes one; everything else is cut off by closing the connection.
func (c *Client) run(ctx context.Context, p Phase, limit time.Duration, f func(context.Context) error) error {
	c.setPhase(p)
	pctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	unwatch := func() {}
	if c.raw != nil {
		unwatch = closeOnDone(pctx, c.raw)
	}
	err := f(pctx)
	unwatch()
	switch {
	case err == nil && pctx.Err() == nil:
		return nil
	case ctx.Err() != nil:
		return c.fail(p, &Error{Kind: KindCanceled, Err: context.Cause(ctx)})
	case pctx.Err() != nil:
		return c.fail(p, &Error{Kind: KindTimeout, Description: "no answer within " + limit.String(), Err: context.DeadlineExceeded})
	}
	return c.fail(p, err)
}

// closeOnDone closes nc when ctx is done. The function it returns ends the
// watch; a close under way has happened when it returns.
func closeOnDone(ctx context.Context, nc io.Closer) (unwatch func()) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		nc.Close()
		close(closed)
	})
	return func() {
		if !stop() {
			<-closed
		}
	}
}

// fail makes an *Error of what went wrong in phase p.
func (c *Client) fail(p Phase, err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Err: err}
		var op *net.OpError
		switch {
		case p == PhaseDNS:
			e.Kind = KindDNS
		case errors.Is(err, os.ErrDeadlineExceeded) && p >= PhaseLive:
			e.Kind, e.Description = KindStalled, "the network took nothing for "+c.cfg.Timeouts.Write.String()
		case errors.Is(err, os.ErrDeadlineExceeded):
			e.Kind = KindTimeout
		case errors.Is(err, syscall.ECONNREFUSED):
			e.Kind = KindRefused
		case p == PhaseDial && errors.As(err, &op) && op.Timeout(): // of the kernel's
			e.Kind = KindTimeout
		case p == PhaseDial:
			e.Kind = KindUnreachable
		case p == PhaseTLS, p == PhaseHandshake && isRemoteAlert(err): // TLS 1.3 refuses late
			e.Kind, e.Description = KindTLS, describeTLS(err, time.Now())
		case errors.Is(err, errProtocol):
			e.Kind = KindProtocol
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			e.Kind, e.Description = KindClosed, "the peer closed the connection"
		case errors.Is(err, syscall.ECONNRESET):
			e.Kind, e.Description = KindClosed, "the peer reset the connection"
		default: // reset, broken pipe, network down
			e.Kind = KindClosed
		}
	}
	e.Phase, e.Addr = p, c.cfg.URL.Addr()
	return e
}

// A connectObject is the command object of connect (section 7.2.1.1), as
// publishers fill it in.
type connectObject struct {
	App      string `amf0:"app"`
	Type     string `amf0:"type"`
	FlashVer string `amf0:"flashVer"`
	TCURL    string `amf0:"tcUrl"`
}

func (c *Client) sendConnect() error {
	m, err := commandMessage(0, "connect", txnConnect,
		connectObject{c.cfg.URL.App, "nonprivate", c.cfg.FlashVer, c.cfg.URL.TCURL()})
	if err != nil {
		return err
	}
	return c.wire.Write(m)
}

// sendCreateStream announces our chunk size and what FMLE says before it
// publishes. Ingests may ignore releaseStream and FCPublish, but some will not
// publish without.
func (c *Client) sendCreateStream() error {
	key := c.cfg.Key.Reveal()
	release, err1 := commandMessage(0, "releaseStream", txnReleaseStream, nil, key)
	fcPublish, err2 := commandMessage(0, "FCPublish", txnFCPublish, nil, key)
	create, err3 := commandMessage(0, "createStream", txnCreateStream, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	return c.wire.WriteAll(
		uint32Message(WindowAckSize, clientWindow),
		uint32Message(SetChunkSize, outChunkSize),
		release, fcPublish, create)
}

func (c *Client) sendPublish() error {
	// YouTube wants "live", where others also take "record" and "append".
	m, err := commandMessage(c.streamID, "publish", txnPublish, nil, c.cfg.Key.Reveal(), "live")
	if err != nil {
		return err
	}
	return c.wire.Write(m)
}

// take looks at a message from the peer. Only commands matter, and of those
// only some; all else is skipped. The error is an *Error.
func (c *Client) take(m Message) error {
	if m.Type != CommandAMF0 && m.Type != CommandAMF3 {
		c.log.WithFields(logrus.Fields{logType: m.Type, logBytes: len(m.Payload)}).Debug("rtmp: skipped a message")
		return nil
	}
	cmd, err := parseCommand(m)
	if err != nil {
		c.log.WithError(err).Debug("rtmp: skipped a command")
		return nil
	}
	level, code, description := cmd.info()
	st := &Error{
		Kind:        KindRejected,
		Code:        c.scrub.clean(code, maxCodeText),
		Description: c.scrub.clean(description, maxDescriptionText),
	}
	c.log.WithFields(logrus.Fields{
		logCommand: c.scrub.clean(cmd.Name, maxCodeText),
		logCode:    st.Code,
	}).Debug("rtmp: command from the peer")

	switch cmd.Name {
	case "_result":
		switch {
		case cmd.Transaction == txnConnect && !c.connected:
			if level == "error" {
				return st
			}
			c.connected = true
		case cmd.Transaction == txnCreateStream && !c.created:
			id, ok := streamIDOf(cmd)
			if !ok {
				return &Error{Kind: KindProtocol, Description: "createStream answered without a stream", Err: errProtocol}
			}
			c.streamID, c.created = id, true
		}
	case "_error":
		switch cmd.Transaction {
		case txnConnect, txnCreateStream, txnPublish:
			if code == badName {
				st.Kind = KindBadName
			}
			return st
		}
		// Others know neither releaseStream nor FCPublish, and say so.
	case "onStatus", "onFCPublish":
		return c.onStatus(cmd.Name, level, code, st)
	case "close":
		st.Kind = KindClosed
		if st.Description == "" {
			st.Description = "the peer said close"
		}
		return st
	}
	return nil
}

const (
	badName          = "NetStream.Publish.BadName"
	publishStart     = "NetStream.Publish.Start"
	unpublishSuccess = "NetStream.Unpublish.Success"
)

// onStatus judges a status (section 7.2.2); st is what to return if it is bad.
func (c *Client) onStatus(name, level, code string, st *Error) error {
	switch code {
	case publishStart:
		if name == "onStatus" { // not onFCPublish, which only promises
			c.published = true
		}
		return nil
	case badName:
		st.Kind = KindBadName
		return st
	case unpublishSuccess:
		if c.leave() {
			return nil
		}
		st.Kind = KindClosed
		return st
	case "NetConnection.Connect.Closed", "NetConnection.Connect.AppShutdown", "NetConnection.Connect.IdleTimeOut":
		st.Kind = KindClosed
		return st
	case "NetStream.Publish.Denied", "NetStream.Publish.Failed", "NetStream.Publish.Rejected",
		"NetConnection.Connect.Rejected", "NetConnection.Connect.Failed":
		return st // whatever the level
	}
	if level == "error" {
		return st
	}
	return nil
}

// leave notes that the peer confirmed our goodbye, and reports whether we
// said it.
func (c *Client) leave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		return false
	}
	select {
	case <-c.goodbye:
	default:
		close(c.goodbye)
	}
	return true
}

// streamIDOf returns the message stream that createStream made: the number
// behind the command object.
func streamIDOf(cmd command) (uint32, bool) {
	for i := len(cmd.Args) - 1; i >= 0; i-- {
		if f, ok := cmd.Args[i].(float64); ok {
			return uint32(f), f >= 0 && f <= math.MaxUint32 && f == math.Trunc(f)
		}
	}
	return 0, false
}

// readLoop hears the peer out until the connection ends.
func (c *Client) readLoop() {
	defer close(c.readerDone)
	var cause error // of a failed answer, unless the peer says a better one
	for {
		m, err := c.wire.Read()
		var werr *writeError
		switch {
		case err == nil:
			if err = c.take(m); err == nil {
				continue
			}
		case errors.As(err, &werr) && !errors.Is(err, os.ErrDeadlineExceeded):
			if cause == nil {
				cause = err
				c.nc.SetReadDeadline(time.Now().Add(lastWords))
			}
			continue
		case cause != nil && errors.Is(err, os.ErrDeadlineExceeded):
			err = cause
		}
		c.end(c.fail(PhaseLive, err))
		return
	}
}

// end ends the session because of e, unless it has ended before. While Close
// is at work, whatever happens is part of it.
func (c *Client) end(e *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if c.closing {
		c.log.WithError(e).Debug("rtmp: session ended after our goodbye")
		e = c.closedError()
	} else {
		c.log.WithError(e).Debug("rtmp: session ended")
	}
	c.err = e
	// Below TLS: its close would wait to send an alert.
	c.raw.Close()
	close(c.done)
}

func (c *Client) closedError() *Error {
	return &Error{Kind: KindCanceled, Phase: PhaseGoodbye, Addr: c.cfg.URL.Addr(), Description: "closed by us", Err: net.ErrClosed}
}

// WriteMessage sends one audio, video or data message, and returns when our
// kernel has it. It fills in the StreamID and does not keep m.Payload.
// Timestamps should start at 0 and not go back. After the session's end, and
// for what ends it, it returns Err. Another type, or a payload of 16 MiB or
// more, is refused with an error that ends nothing.
func (c *Client) WriteMessage(m Message) error {
	if !m.Type.isMedia() {
		return errors.New("rtmp: write " + m.Type.String() + " message: not media")
	}
	if len(m.Payload) > maxPayload {
		return errTooLong
	}
	c.mu.Lock()
	closing, ended := c.closing, c.err
	c.mu.Unlock()
	if ended != nil {
		return ended
	}
	if closing {
		return c.closedError()
	}
	m.StreamID = c.streamID
	err := c.wire.Write(m)
	if err == nil {
		return nil
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		// Who closes says why before: let the reader find it.
		select {
		case <-c.readerDone:
		case <-time.After(lastWords):
		}
	}
	c.end(c.fail(PhaseLive, err))
	return c.Err()
}

var errTooLong = errors.New("rtmp: write message: payload of 16 MiB or more")

// Done is closed when the session has ended, for whatever reason.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the session ended, as an *Error, and nil while it is alive.
// After Close it is of KindCanceled.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// Stats returns the session's figures. It does not wait for a WriteMessage
// that is under way.
func (c *Client) Stats() Stats {
	s := Stats{BytesWritten: c.raw.written.Load(), ChunkBytes: c.wire.w.sent.Load()}
	s.BytesAcked, s.LastAck = c.wire.acks()
	s.AckSeen = !s.LastAck.IsZero()
	s.Unacked, s.UnackedKnown = kernelQueued(c.raw.Conn)
	return s
}

// Close says goodbye (FCUnpublish, deleteStream), waits for the peer to take
// it, but not longer than ctx or Timeouts.Command, and closes the connection. No
// goroutine of the Client is left when it returns. The error says that the
// goodbye could not be sent, or that the peer showed no sign of it; there is none if the session had already
// ended by itself. Further calls wait for the first and return the same.
func (c *Client) Close(ctx context.Context) error {
	c.closeOnce.Do(func() { c.closeErr = c.close(ctx) })
	return c.closeErr
}

func (c *Client) close(ctx context.Context) error {
	c.mu.Lock()
	alive := c.err == nil
	c.closing = true
	c.mu.Unlock()
	if !alive {
		<-c.readerDone
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Command)
	defer cancel()
	unwatch := closeOnDone(ctx, c.raw) // also frees a WriteMessage that is stuck
	err := c.sayGoodbye()
	if err == nil {
		select {
		case <-c.goodbye:
		case <-c.readerDone:
		case <-ctx.Done():
		}
	}
	unwatch()
	if ctx.Err() != nil {
		err = context.Cause(ctx) // of which closing the connection was the effect
	}
	c.end(c.closedError())
	<-c.readerDone
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		err = &Error{Kind: KindTimeout, Description: "the peer neither confirmed nor closed", Err: err}
	case ctx.Err() != nil:
		err = &Error{Kind: KindCanceled, Err: err}
	}
	return c.fail(PhaseGoodbye, err)
}

// sayGoodbye ends the stream and our direction of the connection, so that the
// peer, having read all, closes.
func (c *Client) sayGoodbye() error {
	unpublish, err1 := commandMessage(0, "FCUnpublish", txnFCUnpublish, nil, c.cfg.Key.Reveal())
	del, err2 := commandMessage(0, "deleteStream", txnDeleteStream, nil, c.streamID)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if err := c.wire.WriteAll(unpublish, del); err != nil {
		return err
	}
	if tc, ok := c.nc.(*tls.Conn); ok {
		return tc.CloseWrite()
	}
	return c.raw.CloseWrite()
}
