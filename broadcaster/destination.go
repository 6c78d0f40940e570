package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sirupsen/logrus"

	"venuecast/flv"
	"venuecast/health"
	"venuecast/rtmp"
)

// State is what a destination is doing.
type State int

// The states, from the start to the air.
const (
	StateOff        State = iota // not run, or stopped
	StateConnecting              // on the way to the ingest
	StateWaiting                 // connected, and no picture from the camera
	StateOnAir                   // the ingest takes the camera's pictures
	StateRetrying                // waiting for the next attempt
	StateRejected                // waiting for longer: the ingest, or we, have no good key
)

func (s State) String() string {
	switch s {
	case StateConnecting:
		return "connecting"
	case StateWaiting:
		return "waiting for camera"
	case StateOnAir:
		return "on air"
	case StateRetrying:
		return "retrying"
	case StateRejected:
		return "rejected"
	}
	return "off"
}

const (
	// healthyAfter is how long a session has to live for the next failure to
	// be the first in a row.
	healthyAfter = 10 * time.Second

	// suspectWithin: an ingest that closes twice running within this time of
	// publish takes no exception to the network but to the key. YouTube was
	// seen to take 30 s over it.
	suspectWithin = 60 * time.Second

	// probableCalm is how many closes in a row it takes for the waits to grow to
	// those of a refusal: an ingest that is restarted a few times closes as well.
	probableCalm = 10

	// ghostWithin is for how long an ingest may hold on to a session that was
	// lost without a goodbye, and refuse the next one with the same key.
	ghostWithin = 2 * time.Minute

	// pictureWithin is how old the last picture sent may be on the air. A
	// slower camera is told apart by the time between its pictures.
	pictureWithin = 2 * time.Second

	// keyEvery is how often a key that is missing or refused is looked at.
	keyEvery = time.Second

	// mendedAfter is how old a session has to be for what is not found wrong
	// with it to be right: its judge looks back on no more.
	mendedAfter = 15 * time.Second

	// goodbyeWithin bounds the end of a session.
	goodbyeWithin = 2 * time.Second

	// drainWithin bounds how long a destination goes on, beyond what its queue
	// may hold, when nothing more will be published.
	drainWithin = 10 * time.Second
)

// A Destination keeps one ingest supplied from a Hub.
type Destination struct {
	cfg     DestinationConfig
	hub     *Hub
	latency time.Duration
	backoff BackoffConfig
	dial    Dialer
	key     func() (rtmp.StreamKey, error)
	log     logrus.FieldLogger

	connected     chan struct{} // closed when the first session takes tags
	markConnected sync.Once

	// Of the goroutine that runs it.
	tried       rtmp.StreamKey // last, zero if there was none
	fault       string         // logged last
	up          time.Duration  // for which the last attempt's session lived, or 0
	closedEarly int            // sessions in a row that the ingest closed soon after publish
	proven      rtmp.StreamKey // of the last session that took pictures,
	lost        time.Time      // and when that one ended
	network     *backoff.ExponentialBackOff
	rejected    *backoff.ExponentialBackOff

	// Of the goroutine that watches the session, one after the other.
	named map[health.Type]bool // what is wrong with what is sent, and was logged

	mu     sync.Mutex
	status DestinationStatus
	sub    *Subscription // of the session, or nil
	pub    Publisher
	past   sessionTotals
}

// sessionTotals are figures of the sessions that are over.
type sessionTotals struct {
	bytes          int64
	dropped, skips int
}

// DestinationStatus is what a destination is doing and has done.
type DestinationStatus struct {
	Name  string
	URL   string // without any key
	State State
	Since time.Time // of State
	Cause string    // why it is not on the air, or ""
	Hint  string    // what an operator can do about it, or ""

	Sessions int   // begun, since the start
	Pictures int64 // written, since the start
	Bytes    int64 // written to the network, since the start

	Queue   QueueStats // of this session; Dropped and Skips of all
	Session rtmp.Stats // of this session

	// Health is what an ingest would say of what this session has sent;
	// StatusNoData without one.
	Health health.Report
}

// Reconnects is how many sessions came after the first.
func (s DestinationStatus) Reconnects() int { return max(0, s.Sessions-1) }

// NewDestination returns a destination that takes its tags from hub and its
// sessions from dial.
func NewDestination(cfg DestinationConfig, common Config, hub *Hub, dial Dialer, log logrus.FieldLogger) *Destination {
	shown := cfg.URL
	if u, err := rtmp.ParseURL(cfg.URL); err == nil {
		shown = u.String()
	}
	return &Destination{
		cfg: cfg, hub: hub, latency: common.MaxLatency, backoff: common.Backoff, dial: dial,
		key:       keyReader(cfg),
		network:   newBackoff(common.Backoff.Initial, common.Backoff.Max),
		rejected:  newBackoff(min(4*common.Backoff.Initial, common.Backoff.RejectedMax), common.Backoff.RejectedMax),
		log:       log.WithField(KeyDestination, cfg.Name),
		connected: make(chan struct{}),
		status:    DestinationStatus{Name: cfg.Name, URL: shown, Since: time.Now()},
	}
}

// keyReader returns what gives the key of now. A variable is read here and now:
// it cannot change, and the caller may want to hide it from what it starts.
func keyReader(cfg DestinationConfig) func() (rtmp.StreamKey, error) {
	if cfg.KeyEnv == "" {
		return func() (rtmp.StreamKey, error) { return cfg.Key(os.LookupEnv) }
	}
	key, err := cfg.Key(os.LookupEnv)
	return func() (rtmp.StreamKey, error) { return key, err }
}

// newBackoff doubles from initial to longest; fullJitter draws from it.
func newBackoff(initial, longest time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier, b.RandomizationFactor = initial, longest, 2, 0
	b.Reset()
	return b
}

// fullJitter draws the wait: boxes that lost the same ingest in the same
// moment shall not come back in the same moment.
func fullJitter(bound time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(max(bound, 1)))) + 1
}

// Status gives the state and the figures of now.
func (d *Destination) Status() DestinationStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.status
	st.Bytes = d.past.bytes
	st.Health = health.Report{Status: health.StatusNoData, Issues: []health.Issue{}}
	if d.pub != nil {
		st.Health = d.pub.Health(time.Now())
		st.Session = d.pub.Stats()
		st.Bytes += st.Session.BytesWritten
	}
	if d.sub != nil {
		st.Queue = d.sub.Stats()
	}
	st.Queue.Dropped += d.past.dropped
	st.Queue.Skips += d.past.skips
	return st
}

// Run keeps the ingest supplied until ctx is done, or until the hub is closed
// and everything in the queue has been sent. No failure is final; the error
// says that the end could not be sent in time.
func (d *Destination) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		select {
		case <-ctx.Done():
			return
		case <-d.hub.Done():
		}
		timer := time.NewTimer(drainWithin + d.latency)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			cancel(errNotDrained)
		}
	}()
	defer func() { cancel(nil); <-drained }()
	defer d.enter(StateOff, "", "")

	for {
		err := d.session(ctx)
		switch {
		case errors.Is(err, errSent):
			d.log.Info("everything has been sent")
			return nil
		case errors.Is(context.Cause(ctx), errNotDrained):
			if errors.Is(err, errNotDrained) { // which ended the attempt
				return fmt.Errorf("destination %s: %w", d.cfg.Name, errNotDrained)
			}
			return fmt.Errorf("destination %s: %w: %w", d.cfg.Name, errNotDrained, err)
		case ctx.Err() != nil:
			return nil
		}
		d.pause(ctx, err)
	}
}

// errSent ends a destination: nothing more comes, and everything has been sent.
// It is not io.EOF, which an ingest that closes the connection leaves as well.
var errSent = errors.New("everything has been sent")

var errNotDrained = errors.New("the end of the broadcast could not be sent in time")

// enter changes the state, and logs a change of it.
func (d *Destination) enter(state State, cause, hint string) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed = d.status.State != state || d.status.Cause != cause
	if d.status.State != state {
		d.status.Since = time.Now()
	}
	d.status.State, d.status.Cause, d.status.Hint = state, cause, hint
	return changed
}

// session connects once and feeds the ingest until one of them ends: with
// errSent where everything has been, else with the reason.
func (d *Destination) session(ctx context.Context) error {
	key, err := d.key()
	d.tried, d.up = key, 0
	if err != nil {
		return err
	}
	d.mu.Lock()
	// A state that repeats itself, such as retrying, stays on the screen.
	fresh := d.status.State != StateRetrying && d.status.State != StateRejected
	d.mu.Unlock()
	if fresh {
		d.enter(StateConnecting, "", "")
	}
	pub, err := d.dial(ctx, key)
	if err != nil {
		d.judge(err, 0)
		return err
	}
	began := time.Now()
	sub := d.hub.Subscribe(d.latency)
	d.markConnected.Do(func() { close(d.connected) })
	d.mu.Lock()
	d.status.Sessions++
	reconnects, before := d.status.Reconnects(), d.status.Pictures
	d.sub, d.pub = sub, pub
	d.mu.Unlock()
	d.enter(StateWaiting, "", "")
	d.log.WithField(KeyURL, d.status.URL).WithField(KeyReconnects, reconnects).Info("connected to the ingest")

	err = d.feed(ctx, sub, pub)

	goodbye, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeWithin)
	defer cancel()
	if closeErr := pub.Close(goodbye); closeErr != nil {
		d.log.WithError(closeErr).Debug("the goodbye did not arrive")
	}
	sub.Close()
	queue, sent := sub.Stats(), pub.Stats().BytesWritten
	d.mu.Lock()
	if d.status.Pictures > before {
		d.proven, d.lost = key, time.Now()
	}
	d.past.bytes += sent
	d.past.dropped += queue.Dropped
	d.past.skips += queue.Skips
	d.sub, d.pub = nil, nil
	d.mu.Unlock()
	d.up = time.Since(began)
	d.judge(err, d.up)
	return err
}

// judge learns from how an attempt ended: with a session that lived for up, or
// without one.
func (d *Destination) judge(err error, up time.Duration) {
	if up >= healthyAfter {
		d.network.Reset()
	}
	if up >= suspectWithin {
		d.rejected.Reset()
	}
	// A plain close, at publish or soon behind it, is how YouTube answers a
	// wrong key; anything else says that it is not the key that is in the way.
	var re *rtmp.Error
	if errors.As(err, &re) && plainClose(re) && re.Phase >= rtmp.PhaseCreateStream && up < suspectWithin {
		d.closedEarly++
	} else {
		d.closedEarly = 0
	}
}

// plainClose reports whether the peer ended the session in good order, rather
// than the network by a reset.
func plainClose(e *rtmp.Error) bool {
	return e.Kind == rtmp.KindClosed && (e.Err == nil || errors.Is(e.Err, io.EOF) || errors.Is(e.Err, io.ErrUnexpectedEOF))
}

// ghost reports whether e, a refusal, is about a session of our own: one that
// was lost a moment ago with the same key, and that the ingest still holds.
func (d *Destination) ghost(e *rtmp.Error) bool {
	return e.Kind == rtmp.KindBadName && !d.lost.IsZero() && d.tried == d.proven && time.Since(d.lost) < ghostWithin
}

// feed writes tags to the ingest until the session is over, ctx is done, or,
// errSent, nothing more comes.
func (d *Destination) feed(ctx context.Context, sub *Subscription, pub Publisher) error {
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	var pictures pictureWatch
	pictures.saw(0)
	finished, watching := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watching)
		d.watch(ctx, finished, cancel, pub, &pictures)
	}()
	defer func() { close(finished); <-watching }()

	var last time.Duration // DTS of the last picture
	begun := false
	var tag flv.Tag // one for all: a Publisher gets its address
	var err error
	for {
		if tag, err = sub.Next(over); err == nil {
			pictures.writing.Store(true)
			err = pub.WriteTag(&tag)
			pictures.writing.Store(false)
		} else if errors.Is(err, io.EOF) { // of the hub
			err = errSent
		}
		switch {
		case err == nil:
		case errors.Is(err, errSent) || ctx.Err() != nil:
			if begun { // so that players show what they hold back
				end := flv.EndOfSequence(last)
				if writeErr := pub.WriteTag(&end); writeErr != nil && ctx.Err() == nil {
					return writeErr
				}
			}
			return err
		default:
			if sessionErr := pub.Err(); sessionErr != nil {
				return sessionErr
			}
			return err
		}
		if tag.Type != flv.TypeVideo || tag.Header {
			continue
		}
		if begun {
			pictures.saw(tag.DTS - last)
		} else {
			pictures.saw(0)
		}
		begun, last = true, tag.DTS
		if d.wrotePicture() {
			d.log.Info("on air")
		}
	}
}

// pictureWatch tells when the last picture was written, and how far apart the
// last two were.
type pictureWatch struct {
	at, interval atomic.Int64
	writing      atomic.Bool // the network is waited for, not the camera
}

func (p *pictureWatch) saw(interval time.Duration) {
	p.at.Store(time.Now().UnixNano())
	p.interval.Store(int64(interval))
}

// late reports whether the next picture is overdue.
func (p *pictureWatch) late() bool {
	if p.writing.Load() {
		return false
	}
	interval := time.Duration(p.interval.Load())
	limit := min(max(pictureWithin, 3*interval), 5*pictureWithin)
	return time.Since(time.Unix(0, p.at.Load())) > limit
}

// watch looks after a session from outside: it ends the wait for a tag when the
// peer ends the session, ends a write that hangs when ctx is done, and takes
// the green light away when no picture is sent.
func (d *Destination) watch(ctx context.Context, finished <-chan struct{}, cancel func(), pub Publisher, pictures *pictureWatch) {
	ticker := time.NewTicker(pictureWithin / 4)
	defer ticker.Stop()
	began := time.Now()
	stopping := ctx.Done()
	var hung <-chan time.Time
	for {
		select {
		case <-finished:
			return
		case <-pub.Done():
			cancel()
			return
		case <-stopping:
			stopping = nil
			timer := time.NewTimer(goodbyeWithin / 4)
			defer timer.Stop()
			hung = timer.C
		case <-hung:
			_ = pub.Close(ctx) // which has ended, so without a goodbye
			return
		case <-ticker.C:
			if d.hub.held.Load() {
				pictures.saw(0)
				continue
			}
			if pictures.late() && d.enter(StateWaiting, "the camera gives no picture", "look at the camera and its cable") {
				d.log.Warn("waiting for camera: no picture comes")
			}
			now := time.Now()
			d.name(pub.Health(now).Issues, now.Sub(began) > mendedAfter)
		}
	}
}

// name logs what an ingest would object to in what is sent, once each, and,
// where the session is old enough to tell, what it no longer would.
func (d *Destination) name(issues []health.Issue, mended bool) {
	stands := map[health.Type]bool{}
	for _, i := range issues {
		if i.Severity == health.SeverityInfo {
			continue
		}
		stands[i.Type] = true
		if !d.named[i.Type] {
			d.log.WithFields(logrus.Fields{KeyIssue: i.Type, KeyMeasured: i.Measured, KeyLimit: i.Limit, KeyHint: i.Advice}).
				Warn("the ingest will not like this stream")
		}
	}
	for was := range d.named {
		switch {
		case stands[was]:
		case mended:
			d.log.WithField(KeyIssue, was).Info("this is mended")
		default:
			stands[was] = true
		}
	}
	d.named = stands
}

// wrotePicture counts a picture, and reports whether it is the one that begins
// or ends the wait for the camera.
func (d *Destination) wrotePicture() (onAir bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.Pictures++
	if d.status.State == StateOnAir {
		return false
	}
	d.status.State, d.status.Since = StateOnAir, time.Now()
	d.status.Cause, d.status.Hint = "", ""
	return true
}

// pause waits for the next attempt, for as long as the failure calls for.
func (d *Destination) pause(ctx context.Context, err error) {
	state, wait := StateRetrying, time.Duration(0)
	cause, hint := err.Error(), ""
	probable := false
	fault := cause // without what differs from one attempt to the next
	var re *rtmp.Error
	var ke *KeyError
	switch {
	case errors.As(err, &ke):
		state, wait, hint = StateRejected, d.backoff.RejectedMax, ke.Hint
		err = fmt.Errorf("no key: %w", err)
		cause = err.Error()
		if hint != "" && d.cfg.KeyFile != "" {
			hint += "; it is looked at every second"
		}
	case !errors.As(err, &re):
		var h interface{ Hint() string }
		if errors.As(err, &h) {
			hint = h.Hint()
		}
	default:
		hint = re.Hint()
		fault = fmt.Sprint(re.Phase, re.Kind, re.Code, re.Description)
		switch {
		case d.ghost(re):
			hint = "the ingest still holds the session that was lost, or somebody else sends with this key"
		case re.Kind == rtmp.KindRejected, re.Kind == rtmp.KindBadName:
			state = StateRejected
		case d.closedEarly >= 2:
			state = StateRejected
			probable = true
			cause = "probably the key: " + cause
			hint = "wrong key, or the event has ended"
		}
	}
	if wait == 0 {
		if state == StateRejected && !(probable && d.closedEarly < probableCalm) {
			bound := d.rejected.NextBackOff()
			wait = bound/2 + fullJitter(bound/2)
		} else {
			if !probable {
				d.rejected.Reset()
			}
			wait = fullJitter(d.network.NextBackOff())
		}
	}
	d.mu.Lock()
	fresh := d.status.State != state || d.fault != fault
	d.mu.Unlock()
	d.fault = fault
	d.enter(state, cause, hint)
	if fresh || d.up > 0 {
		fields := logrus.Fields{}
		if hint != "" {
			fields[KeyHint] = hint
		}
		if ke == nil {
			fields[KeyIn] = wait.Round(time.Millisecond)
		}
		if d.up > 0 {
			fields[KeyUptime] = d.up.Round(time.Second)
		}
		named := state.String()
		if probable {
			named += " (probable)"
		}
		d.log.WithFields(fields).Warnf("%s: %s", named, err)
	}
	d.wait(ctx, wait, state == StateRejected)
}

// wait waits, and no longer than until another key is there where a key can
// help.
func (d *Destination) wait(ctx context.Context, wait time.Duration, forKey bool) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var look <-chan time.Time
	if forKey {
		ticker := time.NewTicker(keyEvery)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			if forKey {
				d.newKey() // it may be as new as this
			}
			return
		case <-look:
			if d.newKey() {
				return
			}
		}
	}
}

// newKey reports whether there is another key than the one that was tried.
func (d *Destination) newKey() bool {
	key, err := d.key()
	if err != nil || key == d.tried {
		return false
	}
	d.log.Info("there is a new stream key")
	if w := d.cfg.KeyWarning(); w != nil {
		d.log.WithField(KeyHint, w.Hint).Warn(w.Problem)
	}
	d.rejected.Reset()
	d.closedEarly = 0
	return true
}
