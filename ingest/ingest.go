package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/health"
	"venuecast/rtmp"
)

// Config says how an ingest is to behave. The zero value takes any stream key,
// over plain RTMP, and behaves well.
type Config struct {
	Keys   *Keys         // the stream keys that are accepted; nil: any
	TLS    *tls.Config   // for RTMPS; nil: plain RTMP
	Window time.Duration // that is judged; 0: that of the package health
	Record string        // a folder for recordings, one FLV file a session; "": none
	Faults Faults

	// Event is told what happens, one thing at a time, from Run's goroutine. As
	// long as it blocks nothing further is told; sessions go on.
	Event func(Event)
	Log   logrus.FieldLogger // of connections, at debug level; nil: none
}

const (
	lookEvery   = 250 * time.Millisecond
	reportEvery = 5 * time.Second

	maxEnded   = 8  // sessions that are still shown after their end
	maxRefused = 64 // refusals that wait to be told, or are kept from being told again

	// tellAgain is how long a refusal is not told again: an encoder may try
	// each second, for hours.
	tellAgain = time.Minute
	maxSilent = 64 // connections that the fault silent holds
)

// An Ingest takes in publishers. Its methods may be called concurrently.
type Ingest struct {
	cfg     Config
	changed chan struct{} // there is something to look at

	mu       sync.Mutex
	ctx      context.Context         // of Run
	last     int                     // session's ID
	conns    map[string]*watchedConn // by remote address
	sessions []*session              // all that are live, and the last that ended
	stands   []Session               // of the same, as last looked at
	waiting  []Event                 // to be told
	refusals map[refusal]time.Time   // that were told lately
}

// New returns an ingest that waits for Run.
func New(cfg Config) *Ingest {
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	return &Ingest{cfg: cfg, changed: make(chan struct{}, 1), ctx: context.Background(), conns: map[string]*watchedConn{}, refusals: map[refusal]time.Time{}}
}

// Run takes publishers from l until ctx is done, and then returns nil; or until
// l fails, and returns why. Either way it closes l, and has told the end of
// every session when it returns. It may be called once.
func (in *Ingest) Run(ctx context.Context, l net.Listener) error {
	in.mu.Lock()
	in.ctx = ctx
	in.mu.Unlock()
	served := make(chan error, 1)
	go func() { served <- in.serve(ctx, l) }()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-served:
			in.look(time.Now())
			return err
		case <-ticker.C:
		case <-in.changed:
		}
		in.look(time.Now())
	}
}

// Sessions are all that last, and the last few that have ended, in the order
// of their beginnings.
func (in *Ingest) Sessions() []Session {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.stands)
}

func (in *Ingest) stopping() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ctx.Err() != nil
}

// wake has Run look at once.
func (in *Ingest) wake() {
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

func (in *Ingest) serve(ctx context.Context, l net.Listener) error {
	if in.cfg.Faults.Silent {
		return in.serveSilence(ctx, l)
	}
	// An encoder that lost its network comes back while its old connection
	// still stands, and is not to be kept out by it.
	s := &rtmp.Server{Handler: in.publish, Refused: in.shutOut, Log: in.cfg.Log, SecondPublisher: rtmp.ReplaceDead, NoAcks: in.cfg.Faults.NoAcks}
	if in.cfg.Faults.TinyWindow {
		s.Window = tinyWindow
	}
	return s.Serve(ctx, &watchedListener{Listener: l, ingest: in})
}

// shutOut has it told why one who wants to publish is not even asked for more.
func (in *Ingest) shutOut(p rtmp.Publish, why error) {
	in.named(p.RemoteAddr)
	text := "there are too many connections; it is the next one's turn when one ends"
	s := Session{Remote: p.RemoteAddr.String()}
	if !errors.Is(why, rtmp.ErrTooManyConns) {
		s.Role, s.App = roleOf(p), shownApp(p)
		s.Encoder = printable(p.FlashVer, p.Key, maxNameShown)
		text = "it sends no stream key: set one in the encoder, any will do"
		if in.cfg.Keys != nil {
			text = "it sends no stream key: set one of those that are accepted in the encoder"
		}
	}
	if errors.Is(why, rtmp.ErrInUse) {
		text = "a session with the same stream key and app goes on: end that one, or use another key"
	}
	in.refused(s, text)
}

// publish answers one who wants to publish.
func (in *Ingest) publish(ctx context.Context, p rtmp.Publish) (rtmp.Sink, error) {
	now := time.Now()
	s := &session{
		ingest: in, stop: ctx.Done(), key: p.Key, name: p.Name(),
		judge: health.NewJudge(health.Config{Window: in.cfg.Window}),
		session: Session{
			Role: roleOf(p), App: shownApp(p), Remote: p.RemoteAddr.String(),
			Encoder: printable(p.FlashVer, p.Key, maxNameShown), Began: now,
		},
	}
	in.named(p.RemoteAddr)
	switch {
	case in.cfg.Faults.BadName:
		in.refused(s.session, "the fault badname")
		return nil, rtmp.ErrBadName
	case in.cfg.Keys != nil && !in.cfg.Keys.Accepts(p.Key) && !in.cfg.Keys.Accepts(p.Name()):
		in.refused(s.session, "its stream key is not among those that are accepted")
		return nil, rtmp.ErrBadName
	}
	var failed error
	if in.cfg.Record != "" {
		var err error
		if s.record, err = record(in.cfg.Record, s.session.Role, now); err != nil {
			failed = err
		} else {
			s.session.Recording = s.record.name
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last++
	s.session.ID = in.last
	in.sessions = append(in.sessions, s)
	if failed != nil {
		in.waiting = append(in.waiting, Event{Time: now, Kind: NotRecording, Session: s.session, Text: printable(failed.Error(), p.Key, maxWhyShown)})
	}
	in.wake()
	return s, nil
}

// A refusal is what makes one refusal the same as another.
type refusal struct {
	host, app, why string
}

// refused has it told that a connection became no session.
func (in *Ingest) refused(s Session, why string) {
	now := time.Now()
	host, _, _ := net.SplitHostPort(s.Remote)
	r := refusal{host, s.App, why}
	in.mu.Lock()
	defer in.mu.Unlock()
	maps.DeleteFunc(in.refusals, func(_ refusal, at time.Time) bool { return now.Sub(at) >= tellAgain })
	if _, told := in.refusals[r]; told || len(in.refusals) >= maxRefused {
		return
	}
	in.refusals[r] = now
	in.waiting = append(in.waiting, Event{Time: now, Kind: Refused, Session: s, Text: why})
	in.wake()
}

// serveSilence takes connections, and says nothing.
func (in *Ingest) serveSilence(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer cancel()
	slots := make(chan struct{}, maxSilent)
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept on %v: %w", l.Addr(), err)
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = nc.Close()
			continue
		}
		in.refused(Session{Remote: nc.RemoteAddr().String()}, "the fault silent: it is not answered")
		conns.Go(func() {
			defer func() { <-slots }()
			stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
			defer stop()
			defer nc.Close()
			_, _ = io.Copy(io.Discard, nc)
		})
	}
}

// look brings what stands up to date, and tells what is new.
func (in *Ingest) look(now time.Time) {
	in.mu.Lock()
	sessions, waiting := slices.Clone(in.sessions), in.waiting
	in.waiting = nil
	in.mu.Unlock()

	stands := make([]Session, len(sessions))
	for i, s := range sessions {
		stands[i] = s.snapshot(now)
	}
	comparePairs(sessions, stands)

	in.mu.Lock()
	in.stands = stands
	in.mu.Unlock()

	for _, e := range waiting {
		if e.Kind == Refused {
			in.cfg.Event(e)
		}
	}
	for i, s := range sessions {
		in.tell(s, stands[i], now)
	}
	for _, e := range waiting {
		if e.Kind != Refused {
			in.cfg.Event(e)
		}
	}
	in.forget()
}

// forget lets go of sessions that ended, but for the last few that have been
// told.
func (in *Ingest) forget() {
	in.mu.Lock()
	defer in.mu.Unlock()
	ended := 0
	for _, s := range in.sessions {
		if s.told.ended {
			ended++
		}
	}
	old := map[int]bool{}
	in.sessions = slices.DeleteFunc(in.sessions, func(s *session) bool {
		if !s.told.ended || ended <= maxEnded {
			return false
		}
		ended--
		old[s.session.ID] = true
		return true
	})
	in.stands = slices.DeleteFunc(slices.Clone(in.stands), func(s Session) bool { return old[s.ID] })
}

// comparePairs finds backups and their primaries, and adds what is wrong
// between them to what is wrong with the backup.
func comparePairs(sessions []*session, stands []Session) {
	for b := range stands {
		if stands[b].Role != Backup || !stands[b].Live() {
			continue
		}
		for p := range stands {
			if stands[p].Role != Primary || !stands[p].Live() || sessions[p].name != sessions[b].name {
				continue
			}
			issues := sessions[b].pair.Compare(stands[p].Report, stands[b].Report)
			stands[b].Issues = append(slices.Clone(stands[b].Issues), issues...)
			for _, i := range issues {
				stands[b].Status = worse(stands[b].Status, i.Severity)
			}
			break
		}
	}
}

// worse is a status with an issue of a severity added.
func worse(s health.Status, i health.Severity) health.Status {
	switch {
	case i == health.SeverityError && s != health.StatusNoData:
		return health.StatusBad
	case i == health.SeverityWarning && s == health.StatusGood:
		return health.StatusOK
	}
	return s
}

// tell tells what is new of a session.
func (in *Ingest) tell(s *session, now Session, at time.Time) {
	event := func(k EventKind, text string) Event { return Event{Time: at, Kind: k, Session: now, Text: text} }
	told := &s.told
	if told.ended {
		return
	}
	if !told.begun {
		told.begun, told.reported, told.status = true, at, health.StatusNoData
		e := event(Connected, "")
		e.Time = now.Began
		in.cfg.Event(e)
		if now.Recording != "" {
			in.cfg.Event(event(Recording, now.Recording))
		}
	}
	if s.record != nil && !told.failed {
		if err := s.record.failed(); err != nil {
			told.failed = true
			in.cfg.Event(event(NotRecording, printable(err.Error(), s.key, maxWhyShown)))
		}
	}
	if now.Acting != told.acting {
		if told.acting = now.Acting; now.Acting != "" {
			in.cfg.Event(event(FaultActs, now.Acting))
		}
	}
	if now.Live() {
		in.tellHealth(s, now, event)
		if at.Sub(told.reported) >= reportEvery {
			told.reported = at
			in.cfg.Event(event(Reported, ""))
		}
		return
	}
	told.ended = true
	e := event(Disconnected, now.Why)
	e.Time = now.Ended
	in.cfg.Event(e)
}

// tellHealth tells how the judgement has changed.
func (in *Ingest) tellHealth(s *session, now Session, event func(EventKind, string) Event) {
	told := &s.told
	has := func(list []health.Issue, i health.Issue) bool {
		return slices.ContainsFunc(list, func(o health.Issue) bool { return o.Type == i.Type && o.Severity == i.Severity })
	}
	for _, i := range told.issues {
		if !has(now.Issues, i) {
			e := event(IssueCleared, "")
			e.Issue = i
			in.cfg.Event(e)
		}
	}
	for _, i := range now.Issues {
		if !has(told.issues, i) {
			e := event(IssueBegan, "")
			e.Issue = i
			in.cfg.Event(e)
		}
	}
	told.issues = now.Issues
	if now.Status != told.status {
		e := event(StatusChange, "")
		e.Was = told.status
		told.status = now.Status
		in.cfg.Event(e)
	}
}
