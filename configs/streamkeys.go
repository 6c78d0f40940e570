package configs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// maxKeySize is far beyond any stream key; a larger file is some other file.
const maxKeySize = 4096

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
		path := destinationPath(i)
		switch {
		case dest.KeyFile != "":
			if p := checkKeyFile(dest.KeyFile); p.Message != "" {
				at := c.origin.problem(path+".key_file", p.Message, p.Hint)
				at.Warning = p.Warning
				problems = append(problems, at)
			}
		case dest.KeyEnv != "":
			// The name passed validate's check, so it is not the key itself.
			value, ok := c.lookupEnv(dest.KeyEnv)
			message, hint := "", fmt.Sprintf("set %s to the stream key where venuecast is started", dest.KeyEnv)
			switch {
			case !ok:
				message = fmt.Sprintf("the environment variable %s is not set", dest.KeyEnv)
			case strings.TrimSpace(value) == "":
				message = fmt.Sprintf("the environment variable %s is empty", dest.KeyEnv)
			case !isOneWord(value):
				message = fmt.Sprintf("the environment variable %s holds more than one word", dest.KeyEnv)
			}
			if message != "" {
				problems = append(problems, c.origin.problem(path+".key_env", message, hint))
			}
		}
	}
	return problems
}

// checkKeyFile returns a Problem without a place, and without a Message when
// there is none.
func checkKeyFile(name string) Problem {
	if looksLikeKey(name) { // in a Config that Load has not seen
		return Problem{Message: "this looks like the stream key itself"}
	}
	const fill = "put the stream key into it, and nothing else"
	f, err := os.Open(name) // #nosec G304 -- naming the file is the operator's part
	if err != nil {
		p := Problem{Message: fmt.Sprintf("%s: %s", name, cause(err))}
		switch {
		case os.IsNotExist(err):
			p.Hint = "create the file and " + fill
		case os.IsPermission(err):
			p.Hint = "let the user that runs venuecast read it"
		}
		return p
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeySize+1))
	switch key := string(text); {
	case err != nil:
		return Problem{Message: fmt.Sprintf("%s: %s", name, cause(err))}
	case len(text) > maxKeySize:
		return Problem{Message: fmt.Sprintf("%s: larger than %d bytes, so not a stream key", name, maxKeySize), Hint: fill}
	case strings.TrimSpace(key) == "":
		return Problem{Message: name + ": empty", Hint: fill}
	case !isOneWord(key):
		return Problem{Message: name + ": holds more than one word", Hint: fill}
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 {
		return Problem{
			Message: fmt.Sprintf("%s: other users of this box can read it (mode %04o)", name, info.Mode().Perm()),
			Hint:    "chmod 600 " + name,
			Warning: true,
		}
	}
	return Problem{}
}

// isOneWord reports whether s, less the white space around it, is one word of
// printable characters.
func isOneWord(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}
