package configs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A Problem is one thing wrong with a configuration.
type Problem struct {
	File    string // the file or the environment variable, if known
	Line    int    // from 1; 0 when it is not about a line
	Column  int    // from 1, in characters
	Path    string // such as broadcast.destinations[0].url; may be empty
	Message string
	Hint    string // what to do about it; may be empty
	Warning bool   // it works nevertheless
}

// String returns the problem on one line, in the form that editors jump to:
//
//	venuecast.yml:3:8: camera.widht: unknown key; did you mean width?
//
// It does not say whether it is a warning.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column))
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Error is everything that keeps a configuration from being used.
type Error struct {
	Problems []Problem // in the order of the file, the environment's last
}

// Error returns the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sortProblems puts what concerns the whole file first, then its lines in
// order, then the environment.
func sortProblems(problems []Problem) {
	fromEnvironment := func(p Problem) int {
		if strings.HasPrefix(p.File, envPrefix) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if c := cmp.Compare(fromEnvironment(a), fromEnvironment(b)); c != 0 {
			return c
		}
		if fromEnvironment(a) == 1 {
			return cmp.Compare(a.File, b.File)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
