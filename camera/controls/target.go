package controls

import "fmt"

// A target is a camera that settings are said to, one control after another.
type target struct {
	s     Settings
	kind  Kind
	tool  Tool
	query func(id uint32) (Range, bool)

	// What the control at hand is called, and whether it asks for what the
	// camera does by itself: then it is no problem that it cannot be set.
	name    string
	neutral bool

	args     []string
	values   []V4L2Value
	problems []Problem
}

// translate says everything, in the order of the table: mode switches stand
// there before the values that need them.
func (t *target) translate() {
	for i := range specs {
		sp := &specs[i]
		v, asked := t.s.values[sp.Name]
		if !asked {
			continue
		}
		t.name, t.neutral = sp.Name, v == sp.neutral
		if say := sp.on(t.kind); say != nil {
			say(t, v)
		} else {
			t.refuse("has no such control")
		}
	}
	t.problems = firsts(t.problems)
}

// firsts keeps one problem for each control.
func firsts(problems []Problem) []Problem {
	seen := map[string]bool{}
	var kept []Problem
	for _, p := range problems {
		if !seen[p.Name] {
			seen[p.Name] = true
			kept = append(kept, p)
		}
	}
	return kept
}

// refuse reports what this camera cannot do but another might.
func (t *target) refuse(format string, args ...any) {
	t.fail(string(t.kind)+" "+fmt.Sprintf(format, args...), "")
}

// refuseValue reports a value that this camera does not have.
func (t *target) refuseValue(v any) { t.refuse("cannot do %s", show(v)) }

// fail reports a problem whose remedy is known.
func (t *target) fail(message, hint string) {
	if !t.neutral {
		t.problems = append(t.problems, Problem{Name: t.name, Message: message, Hint: hint})
	}
}

// opt appends command line arguments.
func (t *target) opt(args ...string) { t.args = append(t.args, args...) }

// gainsAgainstMode reports gains that a white balance mode would make nothing
// of.
func (t *target) gainsAgainstMode() bool {
	mode := t.s.word("awb_mode")
	if mode == "" || mode == "off" {
		return false
	}
	t.fail("has no effect while awb_mode is "+mode, "set awb_mode: off, or remove it")
	return true
}

// lensAgainstMode reports a lens position that autofocus would change.
func (t *target) lensAgainstMode() bool {
	mode := t.s.word("autofocus_mode")
	if mode != "auto" && mode != "continuous" {
		return false
	}
	t.fail("has no effect while autofocus_mode is "+mode, "set autofocus_mode: manual, or remove it")
	return true
}
