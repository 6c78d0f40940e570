package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"venuecast/health"
	"venuecast/ingest"
)

// update has the tables in the documentation written anew.
var update = flag.Bool("update", false, "rewrite the tables in docs/rehearsal.md")

// The tables of names and of faults in the documentation are those of the
// program.
func TestRehearsalDocs(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "rehearsal.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, table := range map[string]string{"names": namesTable(), "faults": faultsTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		head, rest, ok1 := strings.Cut(text, begin)
		old, foot, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("%s has no place for the table of %s", file, name)
		}
		if old != table && !*update {
			t.Errorf("the table of %s is another than the program's: go test ./cmd/venuecast -run TestRehearsalDocs -update", name)
		}
		text = head + begin + table + end + foot
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []ingest.EventKind{
		ingest.Connected, ingest.Disconnected, ingest.Refused, ingest.StatusChange, ingest.IssueBegan, ingest.IssueCleared,
		ingest.Reported, ingest.FaultActs, ingest.Recording, ingest.NotRecording, "listening",
	} {
		if !strings.Contains(text, "`"+string(e)+"`") {
			t.Errorf("%s does not speak of the event %s", file, e)
		}
	}
}

func namesTable() string {
	var b strings.Builder
	b.WriteString("| name | severity | a good stream has | where that is from |\n| --- | --- | --- | --- |\n")
	for _, r := range health.Rules() {
		name := "`" + string(r.Type) + "`"
		if !r.YouTube {
			name += " (ours)"
		}
		source := r.Source
		if r.Severity != "" && r.YouTube && !r.Verified {
			source += " **(u)**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, r.Severity, r.Limit, source)
	}
	return b.String()
}

func faultsTable() string {
	var b strings.Builder
	b.WriteString("| `--fault` | what the ingest does |\n| --- | --- |\n")
	for _, f := range ingest.FaultsHelp() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Syntax, f.What)
	}
	return b.String()
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"one", 5, "one"},
		{"one two three", 7, "one two|three"},
		{"one two three", 6, "one|two|three"},
		{"one  two", 5, "one|two"},
		{"abcdefgh ij", 3, "abc|def|gh|ij"},
		{"\u00e9\u00e9\u00e9", 2, "\u00e9\u00e9|\u00e9"},
		{"ab", 1, "a|b"},
	} {
		if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("%q in %d: got %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// The table keeps to any width and height, and the newest of what happened is
// in it where there is room for it.
func TestTableFits(t *testing.T) {
	now := time.Now()
	issue := health.Issue{Type: health.GOPSizeLong, Severity: health.SeverityWarning, Measured: "8.0 s", Limit: "at most 4 s", Since: now, Advice: "Set the keyframe interval to 2 s."}
	show := &tableShow{hello: &ingestHello{host: "127.0.0.1", port: "1935", faults: []string{"no-acks"}}}
	session := ingest.Session{
		ID: 1, Role: ingest.Backup, App: "live2?backup=1", Remote: "192.168.100.200:65535", Encoder: strings.Repeat("encoder ", 8), Began: now.Add(-time.Hour),
		Status: health.StatusOK, Issues: []health.Issue{issue}, Recording: strings.Repeat("folder/", 20), Acting: "stall=10s@1m",
		Report: health.Report{
			Video: health.Video{Codec: "H.264", Profile: "High", Level: "4.1", Width: 1920, Height: 1080, FPS: 29.97, Bitrate: 6e6, GOP: 2, Interlaced: true, OpenGOP: true},
			Audio: health.Audio{Codec: "AAC-LC", SampleRate: 48000, Channels: 6, Bitrate: 128e3},
		},
	}
	gone := session
	gone.Ended, gone.Why = now, "the encoder said goodbye"
	for i := range 10 {
		if err := show.event(ingest.Event{Kind: ingest.StatusChange, Time: now, Session: ingest.Session{ID: i, Status: health.StatusGood}}); err != nil {
			t.Fatal(err)
		}
	}
	for width := range 200 {
		for _, rows := range []int{1, 2, 10, 24, 50, 500} {
			lines := show.layout(now, []ingest.Session{gone, session}, width, rows)
			for _, l := range lines {
				if utf8.RuneCountInString(l) > max(width, 1) {
					t.Fatalf("in %d columns: %q", width, l)
				}
			}
			if drawn := strings.Count(screenful(lines, rows), "\n") + 1; drawn > rows {
				t.Fatalf("in %d rows: %d lines", rows, drawn)
			}
		}
	}
	text := strings.Join(show.layout(now, []ingest.Session{gone, session}, 79, 50), "\n")
	for _, want := range []string{
		"ok         1 backup  1:00:00  live2?backup=1  from 192.168.100.200:65535",
		" fault     stall=10s@1m acts",
		" video     H.264 High 4.1  1920x1080 interlaced  29.97 fps  6.00 Mbit/s",
		" audio     AAC-LC  48000 Hz  6 channels  128 kbit/s",
		" warning   gopSizeLong: 8.0 s, want at most 4 s, since " + now.Format(time.TimeOnly) + "\n           Set the keyframe interval to 2 s.",
		"ended      1 backup", "the encoder said goodbye", "9  status good", "faults     no-acks",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "OBS") {
		t.Errorf("colors that nobody asked for, or what a connected encoder need not know:\n%q", text)
	}
}
