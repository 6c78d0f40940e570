package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"venuecast/ingest"
)

// lineShow prints a line for each transition.
type lineShow struct {
	w     io.Writer
	hello *ingestHello
}

func (s *lineShow) begin() error {
	p := print{w: s.w}
	p.f("rehearsal ingest; Ctrl-C ends it\n")
	for _, l := range s.hello.lines() {
		p.f("  %-10s %s\n", l.label, l.text)
	}
	return p.err
}

func (s *lineShow) event(e ingest.Event) error {
	text := eventText(e)
	if text == "" {
		return nil
	}
	if e.Kind == ingest.IssueBegan {
		text += "; " + e.Issue.Advice
	}
	_, err := fmt.Fprintf(s.w, "%s %s\n", e.Time.Format(time.TimeOnly), text)
	return err
}

func (*lineShow) frame(time.Time, []ingest.Session) error { return nil }
func (*lineShow) end([]ingest.Session) error              { return nil }

// eventText is an event in one line, or "" if it is no transition.
func eventText(e ingest.Event) string {
	s := e.Session
	who := fmt.Sprintf("%d %s", s.ID, s.Role)
	switch e.Kind {
	case ingest.Connected:
		text := fmt.Sprintf("%s connected: %s from %s", who, s.App, s.Remote)
		if s.Encoder != "" {
			text += ", " + s.Encoder
		}
		return text
	case ingest.Disconnected:
		return fmt.Sprintf("%s disconnected after %s: %s", who, clockText(sessionAge(s, e.Time)), e.Text)
	case ingest.Refused:
		return fmt.Sprintf("%s refused: %s", s.Remote, e.Text)
	case ingest.StatusChange:
		return fmt.Sprintf("%s status %s", who, statusText(s.Status))
	case ingest.IssueBegan:
		return fmt.Sprintf("%s %s %s", who, e.Issue.Severity, issueText(e.Issue))
	case ingest.IssueCleared:
		return fmt.Sprintf("%s cleared %s", who, e.Issue.Type)
	case ingest.FaultActs:
		return fmt.Sprintf("%s fault %s acts", who, e.Text)
	case ingest.Recording:
		return fmt.Sprintf("%s is recorded to %s", who, e.Text)
	case ingest.NotRecording:
		return strings.TrimSpace(fmt.Sprintf("%s is no longer recorded: %s", who, e.Text))
	}
	return ""
}
