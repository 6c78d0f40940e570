package slate

import (
	"image"
	"slices"
	"strings"
	"testing"
)

// cells is where a label stands.
func (l *label) cells() image.Rectangle {
	return image.Rect(0, 0, l.scale*textWidth(string(l.text)), l.scale*glyphHeight).Add(l.at)
}

// TestCardFitsEverySize: nothing is beyond the picture or upon something else.
func TestCardFitsEverySize(t *testing.T) {
	for width := 16; width <= maxSide; width += 118 {
		for height := 16; height <= maxSide; height += 74 {
			c := newCanvas(width, height)
			k := newCard(c, strings.Repeat("venue box ", 6), testRate)
			k.draw(1234, start)
			parts := []image.Rectangle{k.clock.cells(), k.date.cells(), k.number.cells(), k.track}
			for i, a := range parts {
				if !a.In(c.shown()) {
					t.Errorf("%dx%d: part %d at %v is beyond %v", width, height, i, a, c.shown())
				}
				for j, b := range parts[:i] {
					if a.Overlaps(b) {
						t.Errorf("%dx%d: parts %d at %v and %d at %v overlap", width, height, i, a, j, b)
					}
				}
			}
			if !k.mark.In(k.track) {
				t.Errorf("%dx%d: the mark at %v is off its track %v", width, height, k.mark, k.track)
			}
		}
	}
}

func TestCardOfUsualSizesIsComplete(t *testing.T) {
	for _, size := range []image.Point{{640, 360}, {854, 480}, {1280, 720}, {1920, 1080}, {1080, 1920}} {
		k := newCard(newCanvas(size.X, size.Y), "venue-7", testRate)
		k.draw(0, start)
		if k.clock.scale == 0 || k.date.scale == 0 || k.number.scale == 0 || k.track.Empty() {
			t.Errorf("%v: something is left out of %+v", size, k)
		}
	}
}

func TestMarkMovesFromEndToEnd(t *testing.T) {
	k := newCard(newCanvas(1280, 720), "", testRate)
	for n := range int64(2 * 50) {
		before := k.mark
		k.draw(n, start)
		switch n % 50 {
		case 0:
			if k.mark.Min != k.track.Min {
				t.Errorf("picture %d: the mark is at %v, the track begins at %v", n, k.mark, k.track)
			}
			continue
		case 49:
			if k.mark.Max != k.track.Max {
				t.Errorf("picture %d: the mark is at %v, the track ends at %v", n, k.mark, k.track)
			}
		}
		if k.mark.Min.X <= before.Min.X {
			t.Errorf("picture %d: the mark is at %v, before at %v", n, k.mark, before)
		}
	}
}

// TestDrawingOverEqualsDrawingAnew: the digits that are drawn one by one make
// the card that a new one would be.
func TestDrawingOverEqualsDrawingAnew(t *testing.T) {
	old := newCard(newCanvas(640, 360), "venue-7", testRate)
	for n := range int64(110) {
		now := start.Add(testRate.Time(n))
		old.draw(n, now)
		fresh := newCard(newCanvas(640, 360), "venue-7", testRate)
		fresh.draw(n, now)
		if !slices.Equal(old.canvas.luma, fresh.canvas.luma) {
			t.Fatalf("picture %d differs from one drawn anew", n)
		}
	}
}

func TestFont(t *testing.T) {
	for _, r := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:_ " {
		if glyphOf(r) == &box {
			t.Errorf("no glyph for %q", r)
		}
	}
	for i, g := range font {
		for _, row := range g.rows {
			if row>>g.width != 0 {
				t.Errorf("glyph of %q is wider than its %d dots", rune(i), g.width)
			}
		}
	}
	if glyphOf('a') != glyphOf('A') {
		t.Error("a is not drawn as A")
	}
	for _, r := range "ü/€\x00\x7f" {
		if glyphOf(r) != &box {
			t.Errorf("%q is not drawn as a box", r)
		}
	}
	for r := '0'; r <= '9'; r++ {
		if w := glyphOf(r).width; w != box.width {
			t.Errorf("%c is %d dots wide, want all digits alike", r, w)
		}
	}
	if got := cut("venue-7", textWidth("VEN")); got != "ven" {
		t.Errorf("cut to %q", got)
	}
	if got := cut("übung", textWidth("Ü")); got != "ü" {
		t.Errorf("cut to %q", got)
	}
}
