package controls

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A fault is what is wrong with a value.
type fault struct{ message, hint string }

// A parser checks a value as YAML or JSON has it, and returns it in our unit.
type parser func(v any) (any, *fault)

// number returns what any of Go's numbers is, if it is finite.
func number(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case int:
		f = float64(v)
	case int32:
		f = float64(v)
	case int64:
		f = float64(v)
	case uint32:
		f = float64(v)
	case uint64:
		f = float64(v)
	case float32:
		f = float64(v)
	case float64:
		f = v
	default:
		return 0, false
	}
	return f + 0, !math.IsNaN(f) && !math.IsInf(f, 0) // +0: there is no -0
}

func isWhole(f float64) bool { return f == math.Trunc(f) }

// got says what stands there instead. Text that is no plain word could be a
// secret in the wrong place.
func got(v any) string {
	if f, ok := number(v); ok {
		if math.Abs(f) > 1e9 {
			return "got a number far beyond it"
		}
		return "got " + decimal(f)
	}
	switch v := v.(type) {
	case bool:
		return "got " + strconv.FormatBool(v)
	case string:
		if plainName.MatchString(v) {
			return "got " + v
		}
		return "got text"
	case []any:
		return "got a list"
	case map[string]any:
		return "got a section"
	}
	return "got something else"
}

func want(what string, v any, hint string) *fault {
	return &fault{"want " + what + ", " + got(v), hint}
}

// decimal prints a number to four places as every tool reads it: no exponent,
// no unit.
func decimal(f float64) string {
	return strconv.FormatFloat(math.Round(f*1e4)/1e4+0, 'f', -1, 64)
}

// fine leaves of a number what is printed of it, so that one that is printed
// and read again is the same.
func fine(f float64) float64 { return math.Round(f*1e4)/1e4 + 0 }

// balance is -1 to 1 with the camera's own in the middle. A whole number beyond
// is in picamera's unit, which ends at 100 and has its middle at middle.
func balance(middle float64) parser {
	least := "-100 to -2 and 2 to 100"
	if middle != 0 {
		least = "2 to 100"
	}
	return func(v any) (any, *fault) {
		f, ok := number(v)
		picamera := (f - middle) / (100 - middle)
		switch {
		case ok && math.Abs(f) <= 1:
			return fine(f), nil
		case ok && isWhole(f) && math.Abs(picamera) <= 1:
			return fine(picamera), nil
		}
		return nil, want("-1 to 1, or picamera's whole numbers "+least, v, "")
	}
}

// whole is a whole number.
func whole(least, most int, unit string) parser {
	return func(v any) (any, *fault) {
		f, ok := number(v)
		if !ok || !isWhole(f) || f < float64(least) || f > float64(most) {
			return nil, want(fmt.Sprintf("a whole number of %s, %d to %d", unit, least, most), v, "")
		}
		return int(f), nil
	}
}

func parseCompensation(v any) (any, *fault) {
	n, f := whole(-25, 25, "sixths of an EV")(v)
	if f != nil {
		if ev, ok := number(v); ok && math.Abs(ev) < 4 {
			f.hint = fmt.Sprintf("%s EV are %d", decimal(ev), int(math.Round(ev*6)))
		}
	}
	return n, f
}

func parseGain(v any) (any, *fault) {
	f, ok := number(v)
	if !ok || f != 0 && (f < 1 || f > 64) {
		return nil, want("1 to 64, or 0 for automatic", v, "an ISO value goes into iso")
	}
	return fine(f), nil
}

func parseBool(v any) (any, *fault) {
	b, ok := v.(bool)
	if !ok {
		return nil, want("true or false", v, "")
	}
	return b, nil
}

func parseRotation(v any) (any, *fault) {
	f, ok := number(v)
	if !ok || math.Abs(f) > 1e6 || math.Mod(f, 90) != 0 {
		return nil, want("0, 90, 180 or 270 degrees", v, "")
	}
	return (int(f)%360 + 360) % 360, nil
}

// words is a choice; others are further words for its values, and what true,
// false and numbers stand for.
func words(values []string, others map[any]string) parser {
	return func(v any) (any, *fault) {
		key := v
		if f, ok := number(v); ok {
			key = f
		}
		if w, ok := v.(string); ok {
			w = strings.ToLower(strings.TrimSpace(w))
			if slices.Contains(values, w) {
				return w, nil
			}
			key = w
		}
		switch key.(type) {
		case bool, float64, string:
			if w, ok := others[key]; ok {
				return w, nil
			}
		}
		hint := ""
		if w, ok := v.(string); ok {
			if near := nearest(strings.ToLower(w), values); near != "" {
				hint = "did you mean " + near + "?"
			}
		}
		return nil, want(listed(values, "or"), v, hint)
	}
}

// list returns n numbers.
func list(v any, n int) ([]float64, bool) {
	items, ok := v.([]any)
	if !ok || len(items) != n {
		return nil, false
	}
	numbers := make([]float64, n)
	for i, item := range items {
		if numbers[i], ok = number(item); !ok {
			return nil, false
		}
	}
	return numbers, true
}

// leastSide is the least width or height of a part of the picture.
const leastSide = 0.01

// parsePart is a part of the picture: x, y, width and height, where 1 is the
// whole width or height.
func parsePart(v any) (any, *fault) {
	const what = "[x, y, width, height] inside the picture, each 0 to 1"
	n, ok := list(v, 4)
	if !ok {
		return nil, want(what, v, "the whole picture is [0, 0, 1, 1]")
	}
	part := [4]float64{fine(n[0]), fine(n[1]), fine(n[2]), fine(n[3])}
	for _, f := range part {
		ok = ok && f >= 0 && f <= 1
	}
	const rounding = 1e-9 // 0.7 + 0.3 is more than 1 in some orders
	x, y, w, h := part[0], part[1], part[2], part[3]
	switch {
	case !ok, x+w > 1+rounding, y+h > 1+rounding:
		return nil, &fault{"want " + what + ", got a part that is not", "the whole picture is [0, 0, 1, 1]"}
	case w < leastSide, h < leastSide:
		return nil, &fault{"want a width and a height of at least " + decimal(leastSide), "the whole picture is [0, 0, 1, 1]"}
	}
	return part, nil
}

// parseZoom is a part of the picture, or how far a camera's own zoom goes.
func parseZoom(v any) (any, *fault) {
	if f, ok := number(v); ok {
		if f < 0 || f > 1 {
			return nil, want("[x, y, width, height], or 0 (wide) to 1 (near) for a camera's own zoom", v, "")
		}
		return fine(f), nil
	}
	return parsePart(v)
}

const leastBalanceGain = 0.001

// parseGains is red and blue; one number is both, as in picamera.
func parseGains(v any) (any, *fault) {
	n, ok := list(v, 2)
	if f, single := number(v); single {
		n, ok = []float64{f, f}, true
	}
	if ok {
		for _, f := range n {
			ok = ok && f >= leastBalanceGain && f <= 8
		}
	}
	if !ok {
		return nil, want("[red, blue], each "+decimal(leastBalanceGain)+" to 8", v, "")
	}
	return [2]float64{fine(n[0]), fine(n[1])}, nil
}

// parseColorEffects is a fixed U and V.
func parseColorEffects(v any) (any, *fault) {
	if v == "none" || v == false {
		return "none", nil
	}
	n, ok := list(v, 2)
	if ok {
		for _, f := range n {
			ok = ok && isWhole(f) && f >= 0 && f <= 255
		}
	}
	if !ok {
		return nil, want("none or [u, v], whole numbers 0 to 255", v, "[128, 128] is black and white")
	}
	return [2]int{int(n[0]), int(n[1])}, nil
}

// maxText is what the firmware's annotation holds, in bytes.
const maxText = 255

func parseText(v any) (any, *fault) {
	text, ok := v.(string)
	if !ok {
		return nil, want("text", v, "put it into quotes")
	}
	if len(text) > maxText {
		return nil, &fault{fmt.Sprintf("want at most %d characters, got %d", maxText, len(text)), ""}
	}
	for i := range len(text) {
		if c := text[i]; c != '\n' && (c < ' ' || c > '~') {
			return nil, &fault{"want letters, digits and signs of ASCII only", "the camera's firmware draws no others"}
		}
	}
	return text, nil
}

func parseLens(v any) (any, *fault) {
	if v == "default" {
		return v, nil
	}
	f, ok := number(v)
	if !ok || f < 0 || f > 32 {
		return nil, want("0 (infinity) to 32 dioptres, or default", v, "2 is half a metre away")
	}
	return fine(f), nil
}

var modePattern = regexp.MustCompile(`^([0-9]{1,5}):([0-9]{1,5})(?::([0-9]{1,2})(?::([PpUu]))?)?$`)

func parseSensorMode(v any) (any, *fault) {
	if f, ok := number(v); ok && isWhole(f) && f >= 0 && f <= 7 {
		return int(f), nil
	}
	if text, ok := v.(string); ok && modePattern.MatchString(text) {
		return strings.ToUpper(text), nil
	}
	return nil, want("raspivid's 0 to 7 or rpicam-vid's WIDTH:HEIGHT:BITS:PACKING", v, `such as "1640:1232:10:P"; 0 is automatic`)
}

// levels are those of H.264, in the order of V4L2_MPEG_VIDEO_H264_LEVEL.
var levels = []string{"1", "1b", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "3", "3.1", "3.2", "4", "4.1", "4.2", "5", "5.1"}

func parseLevel(v any) (any, *fault) {
	text, isText := v.(string)
	if f, ok := number(v); ok {
		text, isText = decimal(f), true
	}
	text = strings.TrimSuffix(strings.ToLower(text), ".0")
	if !isText || !slices.Contains(levels, text) {
		return nil, want("a level of H.264 such as 4, 4.1 or 4.2", v, "")
	}
	return text, nil
}

// show prints a value of ours as a configuration has it.
func show(v any) string {
	switch v := v.(type) {
	case float64:
		return decimal(v)
	case [2]int:
		return fmt.Sprintf("[%d, %d]", v[0], v[1])
	case [2]float64:
		return fmt.Sprintf("[%s, %s]", decimal(v[0]), decimal(v[1]))
	case [4]float64:
		return fmt.Sprintf("[%s, %s, %s, %s]", decimal(v[0]), decimal(v[1]), decimal(v[2]), decimal(v[3]))
	}
	return fmt.Sprint(v)
}
