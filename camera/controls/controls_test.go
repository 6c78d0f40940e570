package controls

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestParseRefuses: a value out of range is a problem that names the range.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"brightness", 101, "want -1 to 1, or picamera's whole numbers 2 to 100, got 101"},
		{"brightness", 1.5, "want -1 to 1, or picamera's whole numbers 2 to 100, got 1.5"},
		{"brightness", -2, "want -1 to 1, or picamera's whole numbers 2 to 100, got -2"},
		{"brightness", "bright", "want -1 to 1, or picamera's whole numbers 2 to 100, got bright"},
		{"brightness", "2ab1-c3d4", "want -1 to 1, or picamera's whole numbers 2 to 100, got text"},
		{"brightness", true, "want -1 to 1, or picamera's whole numbers 2 to 100, got true"},
		{"brightness", math.NaN(), "want -1 to 1, or picamera's whole numbers 2 to 100, got something else"},
		{"brightness", math.Inf(1), "want -1 to 1, or picamera's whole numbers 2 to 100, got something else"},
		{"brightness", 1e300, "want -1 to 1, or picamera's whole numbers 2 to 100, got a number far beyond it"},
		{"contrast", -101, "want -1 to 1, or picamera's whole numbers -100 to -2 and 2 to 100, got -101"},
		{"contrast", 1.2, "want -1 to 1, or picamera's whole numbers -100 to -2 and 2 to 100, got 1.2"},
		{"shutter_speed", -1, "want a whole number of microseconds, 0 to 200000000, got -1"},
		{"shutter_speed", 0.01, "want a whole number of microseconds, 0 to 200000000, got 0.01"},
		{"shutter_speed", uint64(1 << 63), "want a whole number of microseconds, 0 to 200000000, got a number far beyond it"},
		{"iso", 3200, "want a whole number of ISO, 0 to 1600, got 3200"},
		{"gain", 0.5, "want 1 to 64, or 0 for automatic, got 0.5; an ISO value goes into iso"},
		{"gain", 400, "want 1 to 64, or 0 for automatic, got 400; an ISO value goes into iso"},
		{"exposure_compensation", 26, "want a whole number of sixths of an EV, -25 to 25, got 26"},
		{"exposure_compensation", 1.5, "want a whole number of sixths of an EV, -25 to 25, got 1.5; 1.5 EV are 9"},
		{"meter_mode", "spit", "want average, spot, backlit, matrix or custom, got spit; did you mean spot?"},
		{"denoise", 3, "want auto, off, cdn_off, cdn_fast or cdn_hq, got 3"},
		{"drc_strength", true, "want off, low, medium or high, got true"},
		{"flicker", 55, "want off, 50hz, 60hz or auto, got 55"},
		{"flicker", []any{50}, "want off, 50hz, 60hz or auto, got a list"},
		{"awb_gains", []any{1.5}, "want [red, blue], each 0.001 to 8, got a list"},
		{"awb_gains", []any{0, 1}, "want [red, blue], each 0.001 to 8, got a list"},
		{"awb_gains", 8.5, "want [red, blue], each 0.001 to 8, got 8.5"},
		{"rotation", 45, "want 0, 90, 180 or 270 degrees, got 45"},
		{"rotation", 1e18, "want 0, 90, 180 or 270 degrees, got a number far beyond it"},
		{"hflip", 1, "want true or false, got 1"},
		{"zoom", 1.5, "want [x, y, width, height], or 0 (wide) to 1 (near) for a camera's own zoom, got 1.5"},
		{"zoom", []any{0.5, 0, 0.6, 1}, "want [x, y, width, height] inside the picture, each 0 to 1, got a part that is not; the whole picture is [0, 0, 1, 1]"},
		{"crop", []any{0, 0, 0, 0}, "want a width and a height of at least 0.01; the whole picture is [0, 0, 1, 1]"},
		{"crop", 0.5, "want [x, y, width, height] inside the picture, each 0 to 1, got 0.5; the whole picture is [0, 0, 1, 1]"},
		{"crop", []any{0, "a", 0, 0}, "want [x, y, width, height] inside the picture, each 0 to 1, got a list; the whole picture is [0, 0, 1, 1]"},
		{"lens_position", 33, "want 0 (infinity) to 32 dioptres, or default, got 33; 2 is half a metre away"},
		{"sensor_mode", 8, `want raspivid's 0 to 7 or rpicam-vid's WIDTH:HEIGHT:BITS:PACKING, got 8; such as "1640:1232:10:P"; 0 is automatic`},
		{"sensor_mode", "--help", `want raspivid's 0 to 7 or rpicam-vid's WIDTH:HEIGHT:BITS:PACKING, got --help; such as "1640:1232:10:P"; 0 is automatic`},
		{"level", 6, "want a level of H.264 such as 4, 4.1 or 4.2, got 6"},
		{"level", []any{}, "want a level of H.264 such as 4, 4.1 or 4.2, got a list"},
		{"color_effects", []any{256, 0}, "want none or [u, v], whole numbers 0 to 255, got a list; [128, 128] is black and white"},
		{"annotate_text", strings.Repeat("x", 256), "want at most 255 characters, got 256"},
		{"annotate_text", "a\x00b", "want letters, digits and signs of ASCII only; the camera's firmware draws no others"},
		{"annotate_text", "Größe", "want letters, digits and signs of ASCII only; the camera's firmware draws no others"},
		{"annotate_text", 5, "want text, got 5; put it into quotes"},
		{"contrast", map[string]any{}, "want -1 to 1, or picamera's whole numbers -100 to -2 and 2 to 100, got a section"},
	} {
		s, problems := Parse(map[string]any{c.name: c.value})
		want := "control " + c.name + ": " + c.want
		if len(problems) != 1 || problems[0].Error() != want {
			t.Errorf("%s: %v:\n got %v\nwant %s", c.name, c.value, problems, want)
		}
		if len(s.Names()) > 0 {
			t.Errorf("%s: %v is taken nevertheless", c.name, c.value)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for name, want := range map[string]string{
		"brigthness":     "control brigthness: unknown control; did you mean brightness?",
		"shutter":        "control shutter: unknown control; here it is called shutter_speed",
		"video-denoise":  "control video-denoise: unknown control; here it is called denoise",
		"ISO":            "control ISO: unknown control; did you mean iso?",
		"ev":             "control ev: unknown control; here it is called exposure_compensation",
		"2ab1-c3d4-e5f6": "control: unknown control; a control has a name such as brightness",
	} {
		_, problems := Parse(map[string]any{name: 1})
		if len(problems) != 1 || problems[0].Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", name, problems, want)
		}
	}
	_, problems := Parse(map[string]any{"loudness": 1})
	if len(problems) != 1 || !strings.Contains(problems[0].Hint, "brightness, contrast") {
		t.Errorf("%v", problems)
	}
	for other, name := range otherNames {
		if find(name) == nil || find(other) != nil {
			t.Errorf("%s stands for %s", other, name)
		}
	}
}

// TestParseReportsAll: everything at once, and what is right is taken.
func TestParseReportsAll(t *testing.T) {
	s, problems := Parse(map[string]any{
		"brightness": 2000, "hflip": true, "iso": 100, "gain": 1, "crop": []any{0, 0, 1, 1}, "zoom": 1, "loudness": 11, "contrast": nil,
	})
	var named []string
	for _, p := range problems {
		named = append(named, p.Name)
	}
	if got := strings.Join(named, " "); got != "brightness iso loudness zoom" {
		t.Errorf("problems of %s", got)
	}
	if got := strings.Join(s.Names(), " "); got != "crop gain hflip" {
		t.Errorf("takes %s", got)
	}
}

// TestWith: a change leaves the old settings as they are, and only what is
// right is taken.
func TestWith(t *testing.T) {
	var zero Settings
	if !zero.Equal(Settings{}) || len(zero.Names()) > 0 || len(zero.Map()) > 0 {
		t.Error("the zero value asks for something")
	}
	a, err := zero.With("brightness", 60)
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.With("iso", 200)
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.With("gain", 3)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.With("brightness", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]any{{}, {"brightness": 0.2}, {"brightness": 0.2, "iso": 200}, {"brightness": 0.2, "gain": 3.0}, {"gain": 3.0}} {
		if got := []Settings{zero, a, b, c, d}[i].Map(); !reflect.DeepEqual(got, want) {
			t.Errorf("after %d changes: %v, want %v", i, got, want)
		}
	}
	if a.Equal(b) || !a.Equal(a) {
		t.Error("Equal")
	}
	for name, value := range map[string]any{"brightness": 1000, "loudness": 1} {
		after, err := a.With(name, value)
		var p Problem
		if !errors.As(err, &p) || p.Name != name || !after.Equal(a) {
			t.Errorf("%s: %v: %v", name, value, err)
		}
	}
	if _, err := a.With("loudness", nil); err == nil {
		t.Error("removing what there is not")
	}
}

// TestMapIsACopy: whoever is given a map may do with it what he likes.
func TestMapIsACopy(t *testing.T) {
	s, _ := Parse(map[string]any{"zoom": []any{0.1, 0.1, 0.5, 0.5}})
	got := s.Map()
	got["zoom"].([]any)[0] = 0.9
	got["hflip"] = true
	if again, _ := Parse(map[string]any{"zoom": []any{0.1, 0.1, 0.5, 0.5}}); !s.Equal(again) {
		t.Error("settings changed with the map")
	}
}

// anySettings draws what a configuration may have, of every control.
func anySettings(t *rapid.T) map[string]any {
	m := map[string]any{}
	for _, sp := range specs {
		if !rapid.Bool().Draw(t, "set "+sp.Name) || sp.SameAs != "" && m[sp.SameAs] != nil {
			continue
		}
		part := func() any {
			x, y := rapid.Float64Range(0, 0.9).Draw(t, "x"), rapid.Float64Range(0, 0.9).Draw(t, "y")
			return []any{x, y, rapid.Float64Range(0.02, 0.999-x).Draw(t, "w"), rapid.Float64Range(0.02, 0.999-y).Draw(t, "h")}
		}
		number := func(least, most float64) any { return rapid.Float64Range(least, most).Draw(t, sp.Name) }
		whole := func(least, most int) any { return rapid.IntRange(least, most).Draw(t, sp.Name) }
		switch sp.Name {
		case "brightness":
			m[sp.Name] = rapid.OneOf(rapid.Just(number(-1, 1)), rapid.Just(whole(2, 100))).Draw(t, "unit")
		case "contrast", "saturation", "sharpness":
			m[sp.Name] = rapid.OneOf(rapid.Just(number(-1, 1)), rapid.Just(whole(-100, 100))).Draw(t, "unit")
		case "shutter_speed":
			m[sp.Name] = whole(0, 200e6)
		case "iso":
			m[sp.Name] = whole(0, 1600)
		case "gain":
			m[sp.Name] = number(1, 64)
		case "exposure_compensation":
			m[sp.Name] = whole(-25, 25)
		case "awb_gains":
			m[sp.Name] = []any{number(0.001, 8), number(0.001, 8)}
		case "rotation":
			m[sp.Name] = 90 * rapid.IntRange(-10, 10).Draw(t, sp.Name)
		case "hflip", "vflip", "video_stabilization":
			m[sp.Name] = rapid.Bool().Draw(t, sp.Name)
		case "crop", "autofocus_window":
			m[sp.Name] = part()
		case "zoom":
			m[sp.Name] = rapid.OneOf(rapid.Just(number(0, 1)), rapid.Just(part())).Draw(t, "unit")
		case "lens_position":
			m[sp.Name] = number(0, 32)
		case "sensor_mode":
			m[sp.Name] = rapid.SampledFrom([]any{0, 4, "1640:1232", "1640:1232:10", "1640:1232:10:u"}).Draw(t, sp.Name)
		case "level":
			m[sp.Name] = rapid.SampledFrom(levels).Draw(t, sp.Name)
		case "color_effects":
			m[sp.Name] = []any{whole(0, 255), whole(0, 255)}
		case "annotate_text":
			m[sp.Name] = rapid.StringMatching(`[ -~\n]{0,255}`).Draw(t, sp.Name)
		default:
			m[sp.Name] = rapid.SampledFrom(sp.words).Draw(t, sp.Name)
		}
	}
	return m
}

// TestRoundTrip: what is printed is read again as the same, through JSON, too,
// which has no integers.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anySettings(t)
		s, problems := Parse(m)
		if len(problems) > 0 {
			t.Fatalf("%v: %v", m, problems)
		}
		roundTrip(t, s)
		sane(t, s)
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func roundTrip(t fataler, s Settings) {
	t.Helper()
	again, problems := Parse(s.Map())
	if len(problems) > 0 || !s.Equal(again) {
		t.Fatalf("%v is read again as %v, %v", s.Map(), again.Map(), problems)
	}
	text, err := json.Marshal(s.Map())
	if err != nil {
		t.Fatalf("%v: %v", s.Map(), err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if again, problems := Parse(m); len(problems) > 0 || !s.Equal(again) {
		t.Fatalf("%s is read again as %v, %v", text, again.Map(), problems)
	}
}

var plainArg = regexp.MustCompile(`^(--?[A-Za-z][A-Za-z-]*|-?[0-9]+(\.[0-9]{1,4})?|[0-9.,:]+[PU]?|[0-9]+us|[a-z0-9_-]+)$`)

// sane: whatever is asked for, options are plain, none twice, each control is
// said or refused, and V4L2 values are the device's.
func sane(t fataler, s Settings) {
	t.Helper()
	text := s.word("annotate_text")
	for _, version := range []Version{{}, {1, 0, 2}, {1, 1, 0}, {1, 2, 2}, {1, 12, 0}} {
		args, problems := s.Rpicam(version)
		checkArgs(t, args, "")
		checkProblems(t, s, problems)
	}
	args, problems := s.Raspivid()
	checkArgs(t, args, text)
	checkProblems(t, s, problems)
	for driver, device := range map[string]map[uint32]Range{"bcm2835 mmal": bcm2835, "uvcvideo": webcam} {
		values, problems := s.V4L2(driver, asking(device))
		checkProblems(t, s, problems)
		seen := map[uint32]bool{}
		for _, v := range values {
			r, ok := device[v.ID]
			if !ok || seen[v.ID] || !r.allows(v.Value) || r.Step > 0 && (v.Value-r.Min)%r.Step != 0 {
				t.Fatalf("%v: %s is told %#x=%d, which has %+v", s.Map(), driver, v.ID, v.Value, r)
			}
			seen[v.ID] = true
		}
	}
}

func checkArgs(t fataler, args []string, text string) {
	t.Helper()
	seen := map[string]bool{}
	for i, a := range args {
		if i > 0 && args[i-1] == "-a" {
			if strings.TrimSuffix(a, " ") != strings.TrimSuffix(text, " ") {
				t.Fatalf("text %q for %q", a, text)
			}
			continue
		}
		if !plainArg.MatchString(a) {
			t.Fatalf("argument %q of %q", a, args)
		}
		if a[0] == '-' && len(a) > 1 && (a[1] < '0' || a[1] > '9') {
			if seen[a] {
				t.Fatalf("%s twice in %q", a, args)
			}
			seen[a] = true
		}
	}
}

func checkProblems(t fataler, s Settings, problems []Problem) {
	t.Helper()
	for _, p := range problems {
		if !slices.Contains(s.Names(), p.Name) || p.Message == "" || p.Hint == "" {
			t.Fatalf("%v: problem %+v", s.Map(), p)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range golden {
		text, err := json.Marshal(g.set)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"brightness": 1e300, "zoom": [null, {}, [], "x"], "level": {}, "": 1, "flicker": [false]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var m map[string]any
		if json.Unmarshal(text, &m) != nil {
			return
		}
		s, problems := Parse(m)
		for _, p := range problems {
			if p.Message == "" || s.values[p.Name] != nil && p.Name != "" {
				t.Fatalf("problem %+v", p)
			}
		}
		roundTrip(t, s)
		sane(t, s)
		for name, v := range m {
			if after, err := s.With(name, v); err == nil {
				roundTrip(t, after)
			}
		}
	})
}
