package configs

import (
	"errors"

	"venuecast/broadcaster"
)

// CheckKeys returns what is wrong with the stream keys that c names: a file
// that is missing, empty or holds something else, a variable that is not set.
// A file that other users can read is a warning.
//
// It is apart from [Load] because such a configuration runs: camera, preview
// and recording need no key, and a destination without one tries again. It
// reads the files anew each time, and no problem repeats what is in them.
func (c Config) CheckKeys() []Problem {
	return c.checkKeys(func(string) bool { return false })
}

// checkKeys is CheckKeys without the paths that are known bad.
func (c Config) checkKeys(bad func(path string) bool) (problems []Problem) {
	for i, dest := range c.Broadcast.Destinations {
		path := destinationPath(i) + ".key_env"
		if dest.KeyFile != "" {
			path = destinationPath(i) + ".key_file"
		}
		if bad(path) || bad(destinationPath(i)) || dest.KeyFile == "" && dest.KeyEnv == "" {
			continue
		}
		if looksLikeKey(dest.KeyFile) { // in a Config that Load has not seen
			problems = append(problems, c.origin.problem(path, "this looks like the stream key itself", ""))
			continue
		}
		_, err := dest.Key(c.lookupEnv)
		var ke *broadcaster.KeyError
		if errors.As(err, &ke) {
			problems = append(problems, c.origin.problem(path, ke.Problem, ke.Hint))
		} else if w := dest.KeyWarning(); w != nil {
			p := c.origin.problem(path, w.Problem, w.Hint)
			p.Warning = true
			problems = append(problems, p)
		}
	}
	return problems
}
