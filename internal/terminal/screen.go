// Package terminal is a terminal for tests: it shows what a program draws, as
// text and as a picture for the documentation.
package terminal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A cell is one place on the screen. Zero is blank.
type cell struct {
	r     rune
	style style
}

// A style is how a cell is set off.
type style struct {
	bold, dim bool
	color     int // 0: the default, else 31 to 36 as in SGR [ECMA-48 8.3.117]
}

// A Screen takes what is written to a terminal. It knows what venuecast makes
// use of; anything else is kept, for a test to complain of. Its methods must not
// be called concurrently.
type Screen struct {
	cols, rows int
	cells      [][]cell
	x, y       int
	style      style
	hidden     bool // the cursor
	rest       []byte

	// Unknown is what was written and not understood: control characters and
	// sequences, quoted.
	Unknown []string
	// Overrun counts characters that were written beyond the last column.
	Overrun int
}

// NewScreen returns a blank screen.
func NewScreen(cols, rows int) *Screen {
	s := new(Screen)
	s.Resize(cols, rows)
	return s
}

// Resize makes the screen larger or smaller. What stays in view stays.
func (s *Screen) Resize(cols, rows int) {
	cells := make([][]cell, rows)
	for y := range cells {
		cells[y] = make([]cell, cols)
		if y < len(s.cells) {
			copy(cells[y], s.cells[y])
		}
	}
	s.cells, s.cols, s.rows = cells, cols, rows
	s.x, s.y = min(s.x, cols-1), min(s.y, rows-1)
}

// Write draws p. What ends within a sequence waits for the rest.
func (s *Screen) Write(p []byte) (int, error) {
	b := append(s.rest, p...)
	for len(b) > 0 {
		n := s.take(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.rest = slices.Clone(b)
	return len(p), nil
}

// take draws what b begins with, and returns its length; 0 if there is more to
// come.
func (s *Screen) take(b []byte) int {
	const escape = 0x1b
	switch c := b[0]; {
	case c == escape:
		return s.escape(b)
	case c == '\r':
		s.x = 0
	case c == '\n':
		s.lineFeed()
	case c < ' ' || c == 0x7f:
		s.unknown(b[:1])
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		s.put(r)
		return n
	}
	return 1
}

func (s *Screen) put(r rune) {
	if s.x >= s.cols {
		s.Overrun++
		return
	}
	s.cells[s.y][s.x] = cell{r, s.style}
	s.x++
}

func (s *Screen) lineFeed() {
	if s.y < s.rows-1 {
		s.y++
		return
	}
	s.cells = append(s.cells[1:], make([]cell, s.cols))
}

// escape takes a control sequence [ECMA-48 5.4].
func (s *Screen) escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] != '[' {
		s.unknown(b[:2])
		return 2
	}
	end := slices.IndexFunc(b[2:], func(c byte) bool { return c >= 0x40 && c <= 0x7e })
	if end < 0 {
		return 0
	}
	n := 2 + end + 1
	switch sequence := string(b[2:n]); sequence {
	case "H":
		s.x, s.y = 0, 0
	case "K":
		s.clear(s.y, s.x)
	case "J":
		s.clear(s.y, s.x)
		for y := s.y + 1; y < s.rows; y++ {
			s.clear(y, 0)
		}
	case "?25l", "?25h":
		s.hidden = sequence == "?25l"
	default:
		if sequence[end] != 'm' || !s.setStyle(sequence[:end]) {
			s.unknown(b[:n])
		}
	}
	return n
}

func (s *Screen) clear(y, from int) {
	if from < s.cols {
		clear(s.cells[y][from:])
	}
}

func (s *Screen) setStyle(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		switch n, err := strconv.Atoi(p); {
		case err != nil:
			return false
		case n == 0:
			s.style = style{}
		case n == 1:
			s.style.bold = true
		case n == 2:
			s.style.dim = true
		case n >= 31 && n <= 36:
			s.style.color = n
		default:
			return false
		}
	}
	return true
}

func (s *Screen) unknown(b []byte) { s.Unknown = append(s.Unknown, strconv.Quote(string(b))) }

// Cursor is where the cursor stands, from 0, and whether it shows.
func (s *Screen) Cursor() (x, y int, shows bool) { return s.x, s.y, !s.hidden }

// Lines are the screen's, without the spaces that they end in.
func (s *Screen) Lines() []string {
	lines := make([]string, s.rows)
	for y, row := range s.cells {
		var b strings.Builder
		for _, c := range row {
			b.WriteRune(c.char())
		}
		lines[y] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

func (s *Screen) String() string { return strings.TrimRight(strings.Join(s.Lines(), "\n"), "\n") }

func (c cell) char() rune {
	if c.r == 0 {
		return ' '
	}
	return c.r
}

// The picture's measures, in pixels, and its colours.
const (
	cellWidth  = 8
	cellHeight = 18
	margin     = 14
	fontSize   = 13

	background = "#16181d"
	foreground = "#d7dae0"
	faint      = "#8a919e"
)

var colors = map[int]string{
	31: "#ff6b6b", 32: "#69d58c", 33: "#f2c14e", 34: "#6cb0f2", 35: "#d695e8", 36: "#62d0d6",
}

// SVG is a picture of the screen, down to its last line that is not blank.
func (s *Screen) SVG(title string) []byte {
	lines := s.Lines()
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	width, height := s.cols*cellWidth+2*margin, len(lines)*cellHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%d" xml:space="preserve">`+"\n",
		width, height, fontSize)
	fmt.Fprintf(&b, "<title>%s</title>\n", escapeXML(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="%s"/>`+"\n", width, height, background)
	for y := range lines {
		s.svgLine(&b, y)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// svgLine draws the words of a line, each at its own place: a font of another
// width than expected moves nothing.
func (s *Screen) svgLine(b *strings.Builder, y int) {
	row := s.cells[y]
	for x := 0; x < len(row); {
		if row[x].char() == ' ' {
			x++
			continue
		}
		begin, text := x, ""
		for ; x < len(row) && row[x].char() != ' ' && row[x].style == row[begin].style; x++ {
			text += string(row[x].r)
		}
		st, fill, weight := row[begin].style, foreground, ""
		if c, ok := colors[st.color]; ok {
			fill = c
		} else if st.dim {
			fill = faint
		}
		if st.bold {
			weight = ` font-weight="bold"`
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
			margin+begin*cellWidth, margin+y*cellHeight+fontSize, (x-begin)*cellWidth, fill, weight, escapeXML(text))
	}
}

func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
