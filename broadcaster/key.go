package broadcaster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"venuecast/rtmp"
)

// maxKeySize is far beyond any stream key; a larger file is some other file.
const maxKeySize = 4096

// A KeyError says why there is no stream key, and what to do about it. It
// holds nothing of what was found in the key's place.
type KeyError struct {
	Problem string
	Hint    string
}

func (e *KeyError) Error() string { return e.Problem }

// Key reads the destination's stream key from its file, else from the
// environment variable that lookup, such as [os.LookupEnv], finds. White space
// around it does not count. An error is a *KeyError.
func (c DestinationConfig) Key(lookup func(name string) (value string, ok bool)) (rtmp.StreamKey, error) {
	var place, text string
	fill := "put the stream key into it, and nothing else"
	if c.KeyFile != "" {
		place = c.KeyFile
		var err error
		if text, err = readKeyFile(c.KeyFile); err != nil {
			return rtmp.StreamKey{}, err
		}
	} else {
		place = "the environment variable " + c.KeyEnv
		fill = fmt.Sprintf("set %s to the stream key where venuecast is started", c.KeyEnv)
		var ok bool
		if text, ok = lookup(c.KeyEnv); !ok {
			return rtmp.StreamKey{}, &KeyError{place + " is not set", fill}
		}
	}
	key := strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) // as Windows' editors begin a file
	switch {
	case len(text) > maxKeySize:
		return rtmp.StreamKey{}, &KeyError{fmt.Sprintf("%s: larger than %d bytes, so not a stream key", place, maxKeySize), fill}
	case key == "":
		return rtmp.StreamKey{}, &KeyError{place + ": empty", fill}
	case strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return rtmp.StreamKey{}, &KeyError{place + ": holds more than one word", fill}
	}
	return rtmp.NewStreamKey(key), nil
}

// KeyWarning says that others can read the key file, or nothing.
func (c DestinationConfig) KeyWarning() *KeyError {
	info, err := os.Stat(c.KeyFile)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o044 == 0 {
		return nil
	}
	return &KeyError{
		Problem: fmt.Sprintf("%s: other users of this box can read it (mode %04o)", c.KeyFile, info.Mode().Perm()),
		Hint:    "chmod 600 " + c.KeyFile,
	}
}

// readKeyFile reads what may be a key, and a byte more than the longest.
func readKeyFile(name string) (string, error) {
	// A named pipe would have us wait for whoever writes into it.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return "", &KeyError{name + ": not a file", "put the stream key into a plain file of that name, and nothing else"}
	}
	f, err := os.Open(name) // #nosec G304 -- naming the file is the operator's part
	if err != nil {
		return "", keyFileError(name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeySize+1))
	if err != nil {
		return "", keyFileError(name, err)
	}
	return string(text), nil
}

func keyFileError(name string, err error) *KeyError {
	e := &KeyError{Problem: fmt.Sprintf("%s: %v", name, err)}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		e.Problem = fmt.Sprintf("%s: %v", name, pe.Err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "create the file and put the stream key into it, and nothing else"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "let the user that runs venuecast read it"
	}
	return e
}
