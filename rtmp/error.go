package rtmp

import (
	"fmt"
	"strings"
)

// A Kind is a class of failure that calls for its own reaction.
type Kind int

const (
	KindProtocol    Kind = iota + 1 // the peer said what RTMP does not know
	KindDNS                         // the host name has no address, or nobody to ask
	KindRefused                     // nothing listens there
	KindUnreachable                 // no way there, or no socket to go with
	KindTimeout                     // no answer in Phase
	KindTLS                         // no trustworthy TLS session
	KindRejected                    // the peer refused to connect or publish
	KindBadName                     // the peer does not take this stream key
	KindClosed                      // the peer or the network ended the connection
	KindStalled                     // no byte moved for Timeouts.Write
	KindCanceled                    // our side ended it: the context, or Close
)

var kindNames = [...]string{
	KindProtocol: "protocol error", KindDNS: "DNS", KindRefused: "refused", KindUnreachable: "unreachable",
	KindTimeout: "timeout", KindTLS: "TLS", KindRejected: "rejected", KindBadName: "bad name",
	KindClosed: "closed", KindStalled: "stalled", KindCanceled: "canceled",
}

func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// A Phase is a stretch of a session, in the order they come in.
type Phase int

const (
	PhaseDNS Phase = iota + 1
	PhaseDial
	PhaseTLS
	PhaseHandshake
	PhaseConnect
	PhaseCreateStream // with releaseStream and FCPublish
	PhasePublish      // until NetStream.Publish.Start
	PhaseLive         // from then on
	PhaseGoodbye      // Client.Close
)

var phaseNames = [...]string{
	PhaseDNS: "look up", PhaseDial: "dial", PhaseTLS: "TLS handshake with", PhaseHandshake: "RTMP handshake with",
	PhaseConnect: "connect to", PhaseCreateStream: "create stream on", PhasePublish: "publish to",
	PhaseLive: "stream to", PhaseGoodbye: "say goodbye to",
}

// String returns a verb that a host can follow: "publish to".
func (p Phase) String() string {
	if p > 0 && int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("Phase(%d)", int(p))
}

// An Error is why a session was not established, or why it ended. None of its
// fields holds the stream key.
type Error struct {
	Kind        Kind
	Phase       Phase
	Addr        string // host:port of the ingest, as configured
	Code        string // of the peer's status, such as NetStream.Publish.BadName, or ""
	Description string // what the peer said of it, or what we understood, or ""
	Err         error  // the cause below, or nil; Error leaves it out where Description has it in our words
}

// Error says operation, object and cause in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s: %v", e.Phase, e.Addr, e.Kind)
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Description != "" {
		b.WriteString(": " + e.Description)
	}
	// What we understood replaces what a library said of it.
	if e.Err != nil && (e.Description == "" || e.Code != "") {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }
