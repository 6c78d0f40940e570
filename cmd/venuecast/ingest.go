package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"venuecast/ingest"
)

type ingestCmd struct {
	Listen     string        `default:"127.0.0.1:1935" placeholder:"HOST:PORT" help:"Where encoders connect; 0.0.0.0:1935 for every address of this machine."`
	KeyFile    []string      `placeholder:"FILE" sep:"none" help:"Take only the stream keys in this file, one a line; may be repeated. Without it, any."`
	JSON       bool          `name:"json" help:"Print a JSON object a line for each event."`
	Record     string        `placeholder:"DIR" help:"Record each session to an FLV file in this folder."`
	For        time.Duration `placeholder:"DURATION" help:"Stop after this long; without it, when told to."`
	TLSCert    string        `name:"tls-cert" placeholder:"FILE" help:"Take rtmps with this certificate (PEM, with its chain)."`
	TLSKey     string        `name:"tls-key" placeholder:"FILE" help:"The certificate's key (PEM)."`
	SelfSigned string        `placeholder:"DIR" help:"Take rtmps with a certificate of our own; its authority is kept in this folder, and is to be trusted once."`
	Fault      []string      `placeholder:"FAULT" help:"Behave as badly as real ingests: refuse, badname, silent, close-after=30s, stall=10s@60s, slow=2M, reset-without-metadata, no-acks, tiny-window. Several with commas, or repeated."`
	Window     time.Duration `default:"10s" help:"How much of the stream, up to now, is judged."`
}

func (c ingestCmd) Run(e *env) error {
	cfg, hello, err := c.configure(e)
	if err != nil {
		return err
	}
	l, err := ingest.Listen(e.ctx, c.Listen, cfg.Faults)
	if err != nil {
		return err
	}
	hello.listens(l.Addr())
	ctx, cancel := withDuration(e.ctx, c.For)
	defer cancel()
	show := c.show(e, hello)
	if err := show.begin(); err != nil {
		return errors.Join(err, l.Close())
	}
	var failed error // of show; of the ingest's goroutine until it has ended
	cfg.Event = func(ev ingest.Event) {
		if failed == nil {
			if failed = show.event(ev); failed != nil {
				cancel() // nobody reads what we say
			}
		}
	}
	in := ingest.New(cfg)

	frames, stopFrames := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFrames()
	var g errgroup.Group
	g.Go(func() error { return showFrames(frames, cancel, show, in) })
	err = in.Run(ctx, l)
	stopFrames()
	return errors.Join(err, failed, g.Wait(), show.end(in.Sessions()))
}

// frameTime is how often what stands is shown anew.
const frameTime = 500 * time.Millisecond

func showFrames(ctx context.Context, giveUp func(), show ingestShow, in *ingest.Ingest) error {
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	for {
		if err := show.frame(time.Now(), in.Sessions()); err != nil {
			giveUp()
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// An ingestShow tells the operator of an ingest. Its event and frame may be
// called at the same time.
type ingestShow interface {
	begin() error                                         // says where encoders connect
	event(e ingest.Event) error                           // something has happened
	frame(now time.Time, sessions []ingest.Session) error // shows what stands
	end(sessions []ingest.Session) error                  // nothing comes any more
}

func (c ingestCmd) show(e *env, h *ingestHello) ingestShow {
	if c.JSON {
		return &jsonShow{w: e.stdout, hello: h}
	}
	if t, ok := openTerminal(e.stdout, e.environ); ok {
		return &tableShow{terminal: t, hello: h, colors: lookup(e.environ, "NO_COLOR") == ""}
	}
	return &lineShow{w: e.stdout, hello: h}
}

// lookup returns an environment variable, or "".
func lookup(environ []string, name string) string {
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// configure makes an ingest of the flags. What is wrong with them is an error
// of usage.
func (c ingestCmd) configure(e *env) (cfg ingest.Config, h *ingestHello, err error) {
	usage := func(err error) (ingest.Config, *ingestHello, error) { return cfg, nil, usageError{err} }
	host, port, err := net.SplitHostPort(c.Listen)
	if _, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil {
		return usage(fmt.Errorf("--listen %s: want HOST:PORT, such as 127.0.0.1:1935, or 0.0.0.0:1935 for every address of this machine", c.Listen))
	}
	if c.Window < 0 || c.For < 0 {
		return usage(errors.New("--window and --for want a time such as 10s"))
	}
	cfg.Window = c.Window
	if cfg.Faults, err = ingest.ParseFaults(c.Fault); err != nil {
		return usage(err)
	}
	h = &ingestHello{host: host, faults: cfg.Faults.List(), record: c.Record}
	if len(c.KeyFile) > 0 {
		var warnings []string
		if cfg.Keys, warnings, err = ingest.LoadKeys(c.KeyFile); err != nil {
			return usage(fmt.Errorf("--key-file %w", err))
		}
		for _, w := range warnings {
			fmt.Fprintln(e.stderr, "warning:", w)
		}
		h.keyFiles = c.KeyFile
	}
	if c.Record != "" {
		if err := os.MkdirAll(c.Record, 0o755); err != nil { // #nosec G301 -- recordings are for whoever may read the folder above
			return usage(fmt.Errorf("--record: %w", err))
		}
		cfg.Record = c.Record
	}
	switch {
	case c.SelfSigned != "" && (c.TLSCert != "" || c.TLSKey != ""):
		return usage(errors.New("--self-signed makes a certificate, and --tls-cert has one: choose one of them"))
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return usage(errors.New("--tls-cert and --tls-key are used together"))
	}
	cert, err := c.certificate(h)
	if err != nil {
		return usage(err)
	}
	if cert != nil {
		h.tls = true
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}
	}
	return cfg, h, nil
}

// certificate returns what rtmps is served with; nil for plain rtmp.
func (c ingestCmd) certificate(h *ingestHello) (*tls.Certificate, error) {
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w; both are to be PEM files, and the key the certificate's own", c.TLSCert, c.TLSKey, err)
		}
		return &cert, nil
	}
	if c.SelfSigned == "" {
		return nil, nil
	}
	hosts := append([]string{"localhost"}, localAddresses()...)
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name, name+".local")
	}
	if !isWildcard(h.host) {
		hosts = append(hosts, h.host)
	}
	cert, caFile, err := ingest.SelfSigned(c.SelfSigned, hosts, time.Now())
	if err != nil {
		return nil, fmt.Errorf("--self-signed: %w", err)
	}
	if !isWildcard(h.host) && cert.Leaf.VerifyHostname(h.host) != nil {
		return nil, fmt.Errorf("--self-signed: our authority may not vouch for %s, only for addresses of private networks; get a certificate for it, and use --tls-cert and --tls-key", h.host)
	}
	h.caFile = caFile
	return &cert, nil
}
