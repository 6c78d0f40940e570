package terminal

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	s := NewScreen(10, 3)
	for _, p := range []string{"one\r\ntwo\r\nthree\r\n", "fo", "ur\x1b", "[Htw\x1b[K", "\r\n\x1b[1;32mgood\x1b[0m <\xc3", "\xa9>\x1b[J\x1b[?25l"} {
		if n, err := s.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := []string{"tw", "good <é>", ""}; !slices.Equal(s.Lines(), want) {
		t.Errorf("got %q, want %q", s.Lines(), want)
	}
	if x, y, shows := s.Cursor(); x != 8 || y != 1 || shows {
		t.Errorf("cursor at %d, %d, shows %v", x, y, shows)
	}
	if len(s.Unknown) > 0 || s.Overrun > 0 {
		t.Errorf("unknown %q, overrun %d", s.Unknown, s.Overrun)
	}
	picture := string(s.SVG("a & b"))
	for _, want := range []string{"<title>a &amp; b</title>", `fill="#69d58c" font-weight="bold">good</text>`, ">&lt;é&gt;</text>"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture has no %q:\n%s", want, picture)
		}
	}
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}

	s.Resize(4, 2)
	if want := []string{"tw", "good"}; !slices.Equal(s.Lines(), want) {
		t.Errorf("got %q, want %q", s.Lines(), want)
	}
	_, _ = s.Write([]byte("\x1b[H12345\x1b[2J\x07"))
	if want := []string{`"\x1b[2J"`, `"\a"`}; !slices.Equal(s.Unknown, want) || s.Overrun != 1 {
		t.Errorf("unknown %q, overrun %d", s.Unknown, s.Overrun)
	}
}
