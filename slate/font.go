package slate

import (
	"image"
	"unicode"
)

// The font's glyphs are up to 5 dots wide and 7 high, with a dot between them.
const (
	glyphHeight = 7
	glyphGap    = 1
)

// A glyph's rows hold its dots in their lowest width bits, the left one
// highest.
type glyph struct {
	width int
	rows  [glyphHeight]uint8
}

// glyphOf is the glyph of a character, which need not be capital; one that the
// font lacks is a box.
func glyphOf(r rune) *glyph {
	if i := unicode.ToUpper(r); i >= 0 && int(i) < len(font) && font[i].width > 0 {
		return &font[i]
	}
	return &box
}

var box = glyph{5, [...]uint8{0b11111, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11111}}

// font is by character. Digits are equally wide, so that a clock stands still.
var font = [...]glyph{
	' ': {3, [...]uint8{0, 0, 0, 0, 0, 0, 0}},
	'-': {4, [...]uint8{0, 0, 0, 0b1111, 0, 0, 0}},
	'.': {1, [...]uint8{0, 0, 0, 0, 0, 0, 1}},
	':': {1, [...]uint8{0, 0, 1, 0, 1, 0, 0}},
	'0': {5, [...]uint8{0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110}},
	'1': {5, [...]uint8{0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
	'2': {5, [...]uint8{0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111}},
	'3': {5, [...]uint8{0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110}},
	'4': {5, [...]uint8{0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010}},
	'5': {5, [...]uint8{0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110}},
	'6': {5, [...]uint8{0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110}},
	'7': {5, [...]uint8{0b11111, 0b00001, 0b00010, 0b00100, 0b00100, 0b00100, 0b00100}},
	'8': {5, [...]uint8{0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110}},
	'9': {5, [...]uint8{0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100}},
	'A': {5, [...]uint8{0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
	'B': {5, [...]uint8{0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110}},
	'C': {5, [...]uint8{0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110}},
	'D': {5, [...]uint8{0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110}},
	'E': {5, [...]uint8{0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111}},
	'F': {5, [...]uint8{0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000}},
	'G': {5, [...]uint8{0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01111}},
	'H': {5, [...]uint8{0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
	'I': {3, [...]uint8{0b111, 0b010, 0b010, 0b010, 0b010, 0b010, 0b111}},
	'J': {5, [...]uint8{0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100}},
	'K': {5, [...]uint8{0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001}},
	'L': {5, [...]uint8{0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111}},
	'M': {5, [...]uint8{0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001}},
	'N': {5, [...]uint8{0b10001, 0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001}},
	'O': {5, [...]uint8{0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
	'P': {5, [...]uint8{0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000}},
	'Q': {5, [...]uint8{0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101}},
	'R': {5, [...]uint8{0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001}},
	'S': {5, [...]uint8{0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110}},
	'T': {5, [...]uint8{0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100}},
	'U': {5, [...]uint8{0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
	'V': {5, [...]uint8{0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100}},
	'W': {5, [...]uint8{0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001}},
	'X': {5, [...]uint8{0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001}},
	'Y': {5, [...]uint8{0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100}},
	'Z': {5, [...]uint8{0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111}},
	'_': {5, [...]uint8{0, 0, 0, 0, 0, 0, 0b11111}},
}

// textWidth is the width of text in dots.
func textWidth(text string) int {
	width := 0
	for _, r := range text {
		width += glyphOf(r).width + glyphGap
	}
	return max(0, width-glyphGap)
}

// A label is a line of text on a canvas that may be written over. The zero
// label is left out.
type label struct {
	at     image.Point // top left, in cells
	scale  int         // cells a dot, across and down
	fg, bg colour
	text   []byte // what stands there
}

// set draws text, or what of it differs from what stands there. Glyphs of the
// new text have to be as wide as those that they replace, as digits are.
func (l *label) set(c *canvas, text []byte) {
	if l.scale == 0 {
		return
	}
	at := l.at
	for i, b := range text {
		g := glyphOf(rune(b))
		if i >= len(l.text) || l.text[i] != b {
			drawGlyph(c, at, l.scale, g, l.fg, l.bg)
		}
		at.X += (g.width + glyphGap) * l.scale
	}
	l.text = append(l.text[:0], text...)
}

// drawText draws text with its top left corner at a cell.
func drawText(c *canvas, at image.Point, scale int, text string, fg, bg colour) {
	for _, r := range text {
		g := glyphOf(r)
		drawGlyph(c, at, scale, g, fg, bg)
		at.X += (g.width + glyphGap) * scale
	}
}

func drawGlyph(c *canvas, at image.Point, scale int, g *glyph, fg, bg colour) {
	for y, row := range g.rows {
		for x := range g.width {
			col := bg
			if row>>(g.width-1-x)&1 != 0 {
				col = fg
			}
			dot := image.Rect(0, 0, scale, scale).Add(at).Add(image.Pt(x*scale, y*scale))
			c.fill(dot, col)
		}
	}
}
