package controls

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// update has the tables in the documentation written anew.
var update = flag.Bool("update", false, "rewrite the tables in docs/controls.md")

// The tables in the documentation are those of the program.
func TestDocs(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "controls.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, table := range map[string]string{"controls": controlsTable(), "sources": sourcesTable(), "words": wordsTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		head, rest, ok1 := strings.Cut(text, begin)
		old, foot, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("%s has no place for the table of %s", file, name)
		}
		if old != table && !*update {
			t.Errorf("the table of %s is another than the program's: go test ./camera/controls -run TestDocs -update", name)
		}
		text = head + begin + table + end + foot
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func controlsTable() string {
	var b strings.Builder
	b.WriteString("| control | what it does | value | picamera's value |\n| --- | --- | --- | --- |\n")
	for _, c := range Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, c.What, c.Value, c.Picamera)
	}
	return b.String()
}

func sourcesTable() string {
	var b strings.Builder
	b.WriteString("| control | rpicam-vid | raspivid | bcm2835-v4l2 | UVC |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, c.Rpicam, c.Raspivid, c.BCM2835, c.UVC)
	}
	return b.String()
}

// wordsTable has what each word of each choice is said as.
func wordsTable() string {
	var b strings.Builder
	b.WriteString("| control | word | rpicam-vid | raspivid | bcm2835-v4l2 | UVC |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, sp := range specs {
		for _, w := range sp.words {
			s := Settings{map[string]any{sp.Name: w}}
			fmt.Fprintf(&b, "| `%s` | `%s` |", sp.Name, w)
			for _, k := range kinds {
				fmt.Fprintf(&b, " %s |", said(s, sp, k))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// said is what a kind is told, or why not.
func said(s Settings, sp spec, k Kind) string {
	tg := s.idealTarget(k)
	v := s.values[sp.Name]
	switch say := sp.on(k); {
	case say != nil:
		say(tg, v)
	case v != sp.neutral:
		return "-"
	}
	switch {
	case len(tg.problems) > 0 && tg.problems[0].Hint != "":
		return strings.TrimPrefix(tg.problems[0].Message, "off ")
	case len(tg.problems) > 0:
		return "-"
	case len(tg.args) > 0:
		return "`" + strings.Join(tg.args, " ") + "`"
	}
	var values []string
	for _, v := range tg.values {
		if v.ID == idBacklight {
			values = append(values, fmt.Sprintf("%#x at its most", v.ID))
		} else {
			values = append(values, fmt.Sprintf("%#x=%d", v.ID, v.Value))
		}
	}
	if len(values) == 0 {
		return "left alone"
	}
	return strings.Join(values, ", ")
}
