package ingest

import (
	"time"

	"venuecast/health"
)

// An EventKind says what happened.
type EventKind string

const (
	Connected    EventKind = "connected"    // a session began
	Disconnected EventKind = "disconnected" // a session ended, and why
	Refused      EventKind = "refused"      // a connection became no session, and why
	StatusChange EventKind = "status"       // good, ok, bad or no data
	IssueBegan   EventKind = "issue"        // a session has an issue that it had not
	IssueCleared EventKind = "cleared"      // and no longer has
	Reported     EventKind = "report"       // nothing happened; a session's figures
	FaultActs    EventKind = "fault"        // a fault that was asked for does its work
	Recording    EventKind = "recording"    // a session is recorded, and where
	NotRecording EventKind = "recordingFailed"
)

// An Event is something that happened.
type Event struct {
	Time time.Time
	Kind EventKind

	// Session is as it stands since. In a Refused it has no ID, and only what
	// was known of the peer.
	Session Session

	Issue health.Issue  // IssueBegan, IssueCleared
	Was   health.Status // StatusChange: before

	Text string // why, where or which; fit to print
}

// A Session is one publisher's, as it stands.
type Session struct {
	ID      int // from 1, in the order of their beginnings
	Role    Role
	App     string // fit to print, without what could be a secret
	Remote  string // host:port
	Encoder string // what it calls itself, fit to print; "" if it has not said
	// Announced is the bitrate that it promises in onMetaData, in bit/s; 0 if
	// it has not said.
	Announced int64

	Began   time.Time
	Ended   time.Time // zero while it lasts
	Why     string    // it ended
	Goodbye bool      // it ended by one

	Status health.Status
	Issues []health.Issue // those of the pair of primary and backup included
	Report health.Report  // what Status and Issues, but for the pair's, are from
	Totals Totals

	Recording string // the file; "" if there is none
	Acting    string // the fault that is at work in it just now, or ""
}

// Live reports whether the session lasts.
func (s Session) Live() bool { return s.Ended.IsZero() }
