package configs

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// unknownKey reports a key that the section of type t at path does not have,
// and guesses what was meant.
func (d *document) unknownKey(name, path string, at place, t reflect.Type) {
	if isKeyWord(name) {
		d.failAt(at, joinPath(path, name), "a stream key does not belong in this file",
			"put it into a file of its own and name that with key_file, or into an environment variable and name that with key_env")
		if path != "" { // rather than complain about the key that is missing now, too
			d.bad[path+".key_file"] = true
		}
		return
	}
	var siblings []string
	for _, f := range fieldsOf(t) {
		siblings = append(siblings, f.name)
	}
	normal := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	near := nearest(normal, siblings)
	if near == "" && !plainName.MatchString(name) {
		// A value in the wrong place, perhaps the stream key.
		d.failAt(at, path, "unknown key", "the keys here are "+strings.Join(siblings, ", "))
		return
	}
	hint := "the keys here are " + strings.Join(siblings, ", ")
	if near != "" {
		hint = "did you mean " + near + "?"
		d.bad[joinPath(path, near)] = true // it is not missing
	} else if home := homeOf(normal); home != "" {
		hint = "it belongs under " + home + ", indented"
	}
	d.failAt(at, joinPath(path, shorten(name)), "unknown key", hint)
}

// plainName is a word that may be repeated in a message. A stream key has
// digits or dashes.
var plainName = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)

// isKeyWord reports whether somebody who writes name means the stream key.
func isKeyWord(name string) bool {
	switch strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name)) {
	case "key", "streamkey", "streamname", "youtubekey", "ytkey", "secret", "password", "token":
		return true
	}
	return false
}

// homeOf returns the one section that has a key called name.
func homeOf(name string) string {
	home := ""
	eachKey(reflect.TypeFor[Config](), "", func(path string, _ reflect.Type) {
		section, last := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			section, last = path[:i], path[i+1:]
		}
		switch {
		case last != name || section == "":
		case home == "":
			home = section
		default:
			home = " or " // more than one
		}
	})
	if strings.Contains(home, " ") {
		return ""
	}
	return strings.TrimSuffix(home, "[]")
}

// nearest returns the candidate that name is a slip of the finger away from.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", 3
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		// Two slips in a word of four leave nothing to recognize it by.
		if n := distance(name, c); n < bestDistance && 3*n <= len(c)+1 {
			best, bestDistance = c, n
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours between a and b.
func distance(a, b string) int {
	row := func(n int) []int { return make([]int, n+1) }
	before, previous, current := row(len(b)), row(len(b)), row(len(b))
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
