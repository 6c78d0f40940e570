package slate

import (
	"image"
	"time"
)

// A card is the layout of the test card on one canvas. From top to bottom:
// colour bars across the picture, a staircase of greys, the box's name, the
// wall clock, the track of the moving mark, and a line with the date and the
// picture's number; around it all a white frame, which shows whether anything
// is cut off. What a small picture has no room for is left out.
type card struct {
	canvas *canvas
	lap    int64 // pictures in which the mark crosses the track

	// What changes, and is left out where it is empty.
	clock, date, number label
	track, mark         image.Rectangle

	scratch [32]byte
}

// The card's greys, in studio range.
var (
	black = grey(16)
	panel = grey(40)
	dim   = grey(160)
	white = grey(235)
)

// bars are colour bars of 75 % amplitude in BT.709.
var bars = [...]colour{
	{180, 128, 128}, // white
	{168, 44, 136},  // yellow
	{145, 147, 44},  // cyan
	{133, 63, 52},   // green
	{63, 193, 204},  // magenta
	{51, 109, 212},  // red
	{28, 212, 120},  // blue
	{16, 128, 128},  // black
}

// A row is a strip of the card. Its height is 0 where it is left out.
type row struct {
	gap, height int // above it, and its own
	draw        func(area image.Rectangle)
}

// newCard draws what does not change and lays out what does.
func newCard(c *canvas, name string, rate Rate) *card {
	k := &card{canvas: c, lap: max(2, rate.Pictures(2*time.Second))}
	shown := c.shown()

	// 80x45 units fit into the picture: 320x180 and 1920x1080 come out alike.
	unit := max(1, min(shown.Dx()/80, shown.Dy()/45))
	margin := 2
	if unit > 1 {
		margin = 3 * unit
	}
	width := shown.Dx() - 2*margin

	stairs := row{0, 3 * unit, k.drawStairs}
	title := k.nameRow(name, width, unit)
	clock := k.clockRow(width, unit)
	track := k.trackRow(width, unit)
	info := k.infoRow(width, unit)

	below := func() int { // what the rows and the margin under them need
		sum := 2 * unit
		for _, r := range [...]row{stairs, title, clock, track, info} {
			if r.height > 0 {
				sum += r.gap + r.height
			}
		}
		return sum
	}
	for _, r := range [...]*row{&stairs, &title, &info, &track, &clock} {
		if shown.Dy()-below() < 6*unit { // the least height of the bars
			r.height = 0
		}
	}

	c.fill(c.coded(), panel)
	y := (shown.Max.Y - below()) &^ 1 // even, for colours meet here
	k.drawBars(image.Rect(0, 0, shown.Max.X, y))
	for _, r := range [...]row{stairs, title, clock, track, info} {
		if r.height == 0 {
			continue
		}
		y += r.gap
		r.draw(image.Rect(margin, y, margin+width, y+r.height))
		y += r.height
	}
	if unit > 1 {
		k.drawFrame()
	}
	return k
}

// draw brings the card up to picture n at a time of day.
func (k *card) draw(n int64, now time.Time) {
	k.clock.set(k.canvas, now.AppendFormat(k.scratch[:0], clockLayout))
	k.date.set(k.canvas, now.AppendFormat(k.scratch[:0], time.DateOnly))

	number := k.scratch[:numberDigits]
	for i, rest := len(number)-1, n; i >= 0; i-- {
		number[i] = byte('0' + rest%10)
		rest /= 10
	}
	k.number.set(k.canvas, number)

	if !k.track.Empty() {
		k.canvas.fill(k.mark, black)
		way := int64(k.track.Dx() - k.mark.Dx())
		k.mark = k.mark.Add(image.Pt(k.track.Min.X+int(way*(n%k.lap)/(k.lap-1))-k.mark.Min.X, 0))
		k.canvas.fill(k.mark, white)
	}
}

func (k *card) drawBars(area image.Rectangle) {
	for i, col := range bars {
		bar := area
		bar.Min.X = edge(area, i, len(bars)) &^ 1
		bar.Max.X = edge(area, i+1, len(bars)) &^ 1
		if i == len(bars)-1 {
			bar.Max.X = area.Max.X
		}
		k.canvas.fill(bar, col)
	}
}

// drawStairs draws 16 greys from black to white, beyond the sides of the area
// up to those of the picture.
func (k *card) drawStairs(area image.Rectangle) {
	const steps = 16
	shown := k.canvas.shown()
	area.Min.X, area.Max.X = shown.Min.X, shown.Max.X
	for i := range steps {
		step := area
		step.Min.X, step.Max.X = edge(area, i, steps), edge(area, i+1, steps)
		k.canvas.fill(step, grey(uint8(16+i*(235-16)/(steps-1))))
	}
}

// edge is where part i of n equal parts of the area begins.
func edge(area image.Rectangle, i, n int) int { return area.Min.X + area.Dx()*i/n }

// drawFrame draws along the sides of what is shown, and up to an even place,
// so that the bars keep their colours.
func (k *card) drawFrame() {
	outer := k.canvas.shown()
	inner := image.Rect(2, 2, (outer.Max.X-2)&^1, (outer.Max.Y-2)&^1)
	k.canvas.fill(image.Rect(0, 0, outer.Max.X, inner.Min.Y), white)
	k.canvas.fill(image.Rect(0, inner.Max.Y, outer.Max.X, outer.Max.Y), white)
	k.canvas.fill(image.Rect(0, 0, inner.Min.X, outer.Max.Y), white)
	k.canvas.fill(image.Rect(inner.Max.X, 0, outer.Max.X, outer.Max.Y), white)
}

func (k *card) nameRow(name string, width, unit int) row {
	name = cut(name, width)
	// Three quarters of the clock's size and of the width, but whole if need be.
	scale := max(fit(name, width, 1), fit(name, width*3/4, (3*unit+3)/4))
	return row{2 * unit, glyphHeight * scale, func(area image.Rectangle) {
		at := area.Min
		at.X += (area.Dx() - scale*textWidth(name)) / 2
		drawText(k.canvas, at, scale, name, white, panel)
	}}
}

const clockLayout = "15:04:05.000"

func (k *card) clockRow(width, unit int) row {
	scale := fit(clockLayout, width, unit)
	return row{2 * unit, glyphHeight * scale, func(area image.Rectangle) {
		at := area.Min
		at.X += (area.Dx() - scale*textWidth(clockLayout)) / 2
		k.clock = label{at: at, scale: scale, fg: white, bg: panel}
	}}
}

func (k *card) trackRow(width, unit int) row {
	r := row{gap: 2 * unit, height: 2 * unit}
	if width < 8*unit {
		r.height = 0
	}
	r.draw = func(area image.Rectangle) {
		k.track, k.mark = area, area
		k.mark.Max.X = area.Min.X + r.height
		k.canvas.fill(k.track, black)
	}
	return r
}

// The number of a picture is shown by its last digits: 19 days of 60 a second.
const (
	numberDigits = 8
	numberText   = "00000000"
	numberTitle  = "FRAME "
)

// infoRow has the date on the left and the number on the right, or the number
// alone in the middle.
func (k *card) infoRow(width, unit int) row {
	scale := max(1, unit/3)
	title, date := scale*(textWidth(numberTitle)+glyphGap), scale*textWidth(time.DateOnly)
	number := fit(numberText, width, scale) * textWidth(numberText)
	both := date+2*unit+title+number <= width
	height := 0
	if number > 0 {
		height = glyphHeight * scale
	}
	return row{2 * unit, height, func(area image.Rectangle) {
		at := area.Min
		if !both {
			at.X += (area.Dx() - number) / 2
			k.number = label{at: at, scale: scale, fg: dim, bg: panel}
			return
		}
		k.date = label{at: at, scale: scale, fg: dim, bg: panel}
		at.X = area.Max.X - number
		k.number = label{at: at, scale: scale, fg: dim, bg: panel}
		at.X -= title
		drawText(k.canvas, at, scale, numberTitle, dim, panel)
	}}
}

// fit is the largest scale up to most at which text is no wider than so many
// cells, or 0.
func fit(text string, width, most int) int {
	if text == "" {
		return 0
	}
	return max(0, min(most, width/textWidth(text)))
}

// cut is as much of the beginning of text as fits at scale 1.
func cut(text string, width int) string {
	for i, r := range text {
		if textWidth(text[:i]+string(r)) > width {
			return text[:i]
		}
	}
	return text
}
