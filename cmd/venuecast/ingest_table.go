package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"venuecast/health"
	"venuecast/ingest"
)

// tableShow keeps a table of all sessions on a terminal.
//
// It draws over what stands there, line by line: a screen that is cleared first
// flickers. Its place is a screenful that it scrolls into view at the start, so
// nothing above is lost, and the last table is left standing.
type tableShow struct {
	terminal *terminal
	hello    *ingestHello
	colors   bool

	mu     sync.Mutex
	events []string // the last few, oldest first
}

const (
	maxShownEvents = 6

	ctrlHome       = "\x1b[H"
	ctrlClearLine  = "\x1b[K" // from the cursor on
	ctrlClearBelow = "\x1b[J"
	ctrlHideCursor = "\x1b[?25l"
	ctrlShowCursor = "\x1b[?25h"
	ctrlPlain      = "\x1b[0m"
)

// A style is how text is set off, as a terminal wants it.
type style string

const (
	styleNone   style = ""
	styleBold   style = "\x1b[1m"
	styleDim    style = "\x1b[2m"
	styleRed    style = "\x1b[1;31m"
	styleGreen  style = "\x1b[1;32m"
	styleYellow style = "\x1b[1;33m"
)

func (s *tableShow) begin() error {
	_, rows := s.terminal.size()
	_, err := fmt.Fprint(s.terminal, ctrlHideCursor, strings.Repeat("\n", rows))
	return err
}

func (s *tableShow) event(e ingest.Event) error {
	text := eventText(e)
	if text == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e.Time.Format(time.TimeOnly)+" "+text)
	if extra := len(s.events) - maxShownEvents; extra > 0 {
		s.events = s.events[extra:]
	}
	return nil
}

func (s *tableShow) frame(now time.Time, sessions []ingest.Session) error {
	cols, rows := s.terminal.size()
	_, err := fmt.Fprint(s.terminal, screenful(s.layout(now, sessions, cols-1, rows-1), rows-1))
	return err
}

func (s *tableShow) end(sessions []ingest.Session) error {
	err := s.frame(time.Now(), sessions)
	if _, e := fmt.Fprint(s.terminal, "\r\n", ctrlShowCursor); err == nil {
		err = e
	}
	return err
}

// screenful draws lines from the top of the screen, at most as many as there is
// room for, and leaves the cursor behind the last.
func screenful(lines []string, room int) string {
	if room = max(room, 1); len(lines) > room {
		left := len(lines) - room + 1
		lines = append(lines[:room-1:room-1], fmt.Sprintf("... %d more lines", left))
	}
	var b strings.Builder
	b.WriteString(ctrlHome)
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(l + ctrlClearLine)
	}
	b.WriteString(ctrlClearBelow)
	return b.String()
}

// layout is the table in lines of at most width columns. Where there is no room
// for everything that happened, it has what happened last.
func (s *tableShow) layout(now time.Time, sessions []ingest.Session, width, room int) []string {
	live := slices.ContainsFunc(sessions, ingest.Session.Live)
	p := s.page(now, sessions, width, !live)
	if len(p.lines) > room { // what was found comes before what to type
		p = s.page(now, sessions, width, len(sessions) == 0)
	}
	return append(p.lines, s.lastEvents(p, room-len(p.lines))...)
}

// page sets all but the events, with everything there is to say to those who
// want to connect, or only what they need all the time.
func (s *tableShow) page(now time.Time, sessions []ingest.Session, width int, greet bool) page {
	p := page{width: max(width, 1), colors: s.colors}
	p.add(0, styleBold, "venuecast", "rehearsal ingest, "+now.Format(time.TimeOnly)+"; Ctrl-C ends it")
	live := slices.ContainsFunc(sessions, ingest.Session.Live)
	for _, l := range s.hello.lines() {
		if greet || l.lasting {
			p.add(0, styleDim, l.label, l.text)
		}
	}
	for _, session := range sessions {
		if session.Live() {
			p.session(session, now)
		}
	}
	if !live {
		p.blank()
		p.add(0, styleNone, "", "no encoder is connected")
	}
	for _, session := range slices.Backward(sessions) { // what ended last is of most interest
		if !session.Live() {
			p.session(session, now)
		}
	}
	return p
}

// lastEvents sets as many of the last events as there is room for, behind a
// blank line.
func (s *tableShow) lastEvents(p page, room int) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.events) {
		p.lines = nil
		at, text, _ := strings.Cut(e, " ")
		p.add(0, styleDim, at, text)
		if len(lines)+len(p.lines) >= room {
			break
		}
		lines = append(p.lines, lines...)
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{""}, lines...)
}

// A page is lines of at most width columns that are added to.
type page struct {
	width  int
	colors bool
	lines  []string
}

func (p *page) blank() { p.lines = append(p.lines, "") }

func (p *page) session(s ingest.Session, now time.Time) {
	p.blank()
	status, st := statusText(s.Status), statusStyle(s.Status)
	if !s.Live() {
		status, st = "ended", styleDim
	}
	head := []string{fmt.Sprintf("%d %s", s.ID, s.Role), clockText(sessionAge(s, now)), s.App, "from " + s.Remote}
	if s.Encoder != "" {
		head = append(head, s.Encoder)
	}
	p.add(0, st, status, strings.Join(head, "  "))
	if !s.Live() {
		p.add(1, styleDim, "", s.Why)
	}
	if s.Acting != "" {
		p.add(1, styleYellow, "fault", s.Acting+" acts")
	}
	if t := videoText(s.Report.Video); t != "" {
		p.add(1, styleDim, "video", t)
	}
	if t := audioText(s.Report.Audio); t != "" {
		p.add(1, styleDim, "audio", t)
	}
	if s.Recording != "" {
		p.add(1, styleDim, "file", s.Recording)
	}
	for _, i := range s.Issues {
		text := issueText(i)
		if !i.Since.IsZero() {
			text += ", since " + i.Since.Format(time.TimeOnly)
		}
		p.add(1, severityStyle(i.Severity), string(i.Severity), text)
		if i.Advice != "" {
			p.add(1, styleNone, "", i.Advice)
		}
	}
}

// labelWidth is that of the column of labels.
const labelWidth = 11

// add sets a label in its column and text beside it, in as many lines as it
// takes.
func (p *page) add(indent int, st style, label, text string) {
	column := labelWidth
	if p.width < 3*labelWidth { // too narrow for a column of its own
		column = 0
	}
	label = strings.Repeat(" ", indent) + label
	if column == 0 {
		if strings.TrimSpace(label) != "" {
			for _, l := range wrap(label, p.width) {
				p.lines = append(p.lines, p.styled(st, l))
			}
		}
		p.lines = append(p.lines, wrap(text, p.width)...)
		return
	}
	for i, l := range wrap(text, p.width-column) {
		if i > 0 {
			label = ""
		}
		pad := strings.Repeat(" ", max(1, column-utf8.RuneCountInString(label)))
		p.lines = append(p.lines, strings.TrimRight(p.styled(st, label)+pad+l, " "))
	}
}

func (p *page) styled(st style, text string) string {
	if !p.colors || st == styleNone || text == "" {
		return text
	}
	return string(st) + text + ctrlPlain
}

// wrap breaks text, at spaces where it can, into lines of at most width runes:
// all that is shown here is one column to a rune.
func wrap(text string, width int) (lines []string) {
	rest := []rune(text)
	for len(rest) > width {
		cut := width
		for cut > 0 && rest[cut] != ' ' {
			cut--
		}
		if cut == 0 {
			cut = width
		}
		lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
		for rest = rest[cut:]; len(rest) > 0 && rest[0] == ' '; {
			rest = rest[1:]
		}
	}
	return append(lines, string(rest))
}

func statusStyle(s health.Status) style {
	switch s {
	case health.StatusGood:
		return styleGreen
	case health.StatusOK:
		return styleYellow
	case health.StatusBad:
		return styleRed
	}
	return styleDim
}

func severityStyle(s health.Severity) style {
	switch s {
	case health.SeverityError:
		return styleRed
	case health.SeverityWarning:
		return styleYellow
	}
	return styleNone
}
