package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	var problems []Problem
	for i, dest := range c.Broadcast.Destinations {
		path := destinationPath(i) + ".key_env"
		if dest.KeyFile != "" {
			path = destinationPath(i) + ".key_file"
		}
		if looksLikeKey(dest.KeyFile) { // in a Config that Load has not seen
			problems = append(problems, c.origin.problem(path, "this looks like the stream key itself", ""))
			continue
		}
		_, err := dest.Key(c.lookupEnv)
		var ke *broadcaster.KeyError
		switch {
		case errors.As(err, &ke):
			problems = append(problems, c.origin.problem(path, ke.Problem, ke.Hint))
		case dest.KeyFile != "":
			if mode, open := openToOthers(dest.KeyFile); open {
				p := c.origin.problem(path, fmt.Sprintf("%s: other users of this box can read it (mode %04o)", dest.KeyFile, mode),
					"chmod 600 "+dest.KeyFile)
				p.Warning = true
				problems = append(problems, p)
			}
		}
	}
	return problems
}

// openToOthers reports whether anybody but its owner may read a file.
func openToOthers(name string) (mode fs.FileMode, open bool) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Mode().Perm(), info.Mode().Perm()&0o044 != 0
}
