// Package controls is the vocabulary of a camera's controls: brightness,
// shutter_speed, awb_mode and the rest, by picamera's names and whatever the
// camera is.
//
// [Parse] checks what a configuration asks for and brings it into one unit;
// [Settings.With] changes it. [Settings.RpicamFor], [Settings.Raspivid] and
// [Settings.V4L2] say it in a source's own words, and name what that source
// cannot do and who can. [Table] describes all of it, and docs/controls.md is
// made from it.
package controls

import (
	"maps"
	"slices"
	"strings"
)

// A Settings is what a configuration's controls ask for, checked and in one
// unit. The zero value asks for nothing. It never changes, so that copies may
// be used by several goroutines.
type Settings struct {
	// By the name that was written. The values are comparable: bool, int,
	// float64, string, [2]int, [2]float64, [4]float64.
	values map[string]any
}

// A Problem is one thing wrong with a control. It is an error, too.
type Problem struct {
	Name    string // of the control; empty where what was written is no name
	Message string
	Hint    string // what to do about it; may be empty
}

// Error returns the problem on one line.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString("control")
	if p.Name != "" {
		b.WriteString(" " + p.Name)
	}
	b.WriteString(": " + p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Parse checks what a YAML mapping asks for: the values are bool, any integer
// or float, string, or []any of numbers. A control without a value (nil) is not
// asked for. It returns what is right of it, and everything that is wrong.
func Parse(m map[string]any) (Settings, []Problem) {
	values := map[string]any{}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(m)) {
		sp := find(name)
		if sp == nil {
			problems = append(problems, unknown(name))
			continue
		}
		if m[name] == nil {
			continue
		}
		v, f := sp.parse(m[name])
		if f != nil {
			problems = append(problems, Problem{Name: name, Message: f.message, Hint: f.hint})
			continue
		}
		if _, twice := values[sp.SameAs]; twice && sp.SameAs != "" {
			problems = append(problems, Problem{Name: name, Message: "the same as " + sp.SameAs + ", which stands here too", Hint: "keep one of them"})
			continue
		}
		values[name] = v
	}
	return Settings{values}, problems
}

// With returns the settings with one control changed; nil removes it. It takes
// the place of the control that is the same by another name. The error is a
// [Problem].
func (s Settings) With(name string, value any) (Settings, error) {
	sp := find(name)
	if sp == nil {
		return s, unknown(name)
	}
	values := maps.Clone(s.values)
	if values == nil {
		values = map[string]any{}
	}
	delete(values, name)
	if value != nil {
		v, f := sp.parse(value)
		if f != nil {
			return s, Problem{Name: name, Message: f.message, Hint: f.hint}
		}
		delete(values, sp.SameAs)
		values[name] = v
	}
	return Settings{values}, nil
}

// Names returns what is asked for, sorted.
func (s Settings) Names() []string { return slices.Sorted(maps.Keys(s.values)) }

// Map returns what is asked for in our units; [Parse] makes the same of it. The
// caller owns it.
func (s Settings) Map() map[string]any {
	m := make(map[string]any, len(s.values))
	for name, v := range s.values {
		switch v := v.(type) {
		case [2]int:
			m[name] = []any{v[0], v[1]}
		case [2]float64:
			m[name] = []any{v[0], v[1]}
		case [4]float64:
			m[name] = []any{v[0], v[1], v[2], v[3]}
		default:
			m[name] = v
		}
	}
	return m
}

// Equal reports whether both ask for the same.
func (s Settings) Equal(other Settings) bool { return maps.Equal(s.values, other.values) }

// word returns the value of a control that is a word, or "".
func (s Settings) word(name string) string {
	w, _ := s.values[name].(string)
	return w
}

// asks reports whether the control is set to something else than what the
// camera does by itself.
func (s Settings) asks(name string) bool {
	v, ok := s.values[name]
	return ok && v != find(name).neutral
}
