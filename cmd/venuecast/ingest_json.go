package main

import (
	"encoding/json"
	"io"
	"time"

	"venuecast/health"
	"venuecast/ingest"
)

// jsonShow prints a JSON object a line for each event. docs/rehearsal.md says
// what is in it.
type jsonShow struct {
	w     io.Writer
	hello *ingestHello
}

// A jsonEvent is one line. What does not belong to its event is left out.
type jsonEvent struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"`

	*jsonListening
	*jsonSession

	Issue *health.Issue `json:"issue,omitempty"`
	Was   health.Status `json:"was,omitempty"`
	Text  string        `json:"text,omitempty"`

	Report *jsonReport `json:"report,omitempty"`
}

// jsonListening is what an encoder has to be given.
type jsonListening struct {
	Servers []string `json:"servers"`
	Keys    string   `json:"keys"`
	CAFile  string   `json:"caFile,omitempty"`
	Faults  []string `json:"faults,omitempty"`
}

type jsonSession struct {
	Session int           `json:"session,omitempty"`
	Role    ingest.Role   `json:"role,omitempty"`
	App     string        `json:"app,omitempty"`
	Remote  string        `json:"remote"`
	Encoder string        `json:"encoder,omitempty"`
	Status  health.Status `json:"status,omitempty"`
}

// A jsonReport is all that is known of a session. Issues are those of the pair
// of primary and backup, too.
type jsonReport struct {
	health.Report
	Totals jsonTotals `json:"totals"`
}

type jsonTotals struct {
	Seconds     float64 `json:"seconds"` // from connecting
	Bytes       int64   `json:"bytes"`
	Pictures    int     `json:"pictures"`
	Keyframes   int     `json:"keyframes"`
	AudioFrames int     `json:"audioFrames"`
}

func (s *jsonShow) begin() error {
	h := s.hello
	return s.print(jsonEvent{Time: time.Now(), Event: "listening", jsonListening: &jsonListening{
		Servers: h.servers(), Keys: h.keys(), CAFile: h.caFile, Faults: h.faults,
	}})
}

func (s *jsonShow) event(e ingest.Event) error {
	session := e.Session
	line := jsonEvent{Time: e.Time, Event: string(e.Kind), Was: e.Was, Text: e.Text, jsonSession: &jsonSession{
		Session: session.ID, Role: session.Role, App: session.App, Remote: session.Remote,
		Encoder: session.Encoder, Status: session.Status,
	}}
	switch e.Kind {
	case ingest.IssueBegan, ingest.IssueCleared:
		line.Issue = &e.Issue
	case ingest.Reported, ingest.Disconnected:
		report := session.Report
		report.Status, report.Issues = session.Status, session.Issues
		line.Report = &jsonReport{report, jsonTotals{
			Seconds: sessionAge(session, e.Time).Seconds(), Bytes: session.Totals.Bytes, Pictures: session.Totals.Pictures,
			Keyframes: session.Totals.Keyframes, AudioFrames: session.Totals.AudioFrames,
		}}
	}
	return s.print(line)
}

func (s *jsonShow) print(line jsonEvent) error {
	line.Time = line.Time.Round(time.Millisecond)
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = s.w.Write(append(b, '\n'))
	return err
}

func (*jsonShow) frame(time.Time, []ingest.Session) error { return nil }
func (*jsonShow) end([]ingest.Session) error              { return nil }
