package broadcaster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"venuecast/rtmp"
)

// A KeyError says why there is no stream key, and what to do.
type KeyError struct {
	Problem string
	Hint    string
}

func (e *KeyError) Error() string { return "no key: " + e.Problem }

// maxKey is more than any ingest's key has, and less than a file that was
// named by mistake.
const maxKey = 1024

// Key reads the destination's stream key from its file or the environment. An
// error is a *KeyError, which never holds any of it.
func (c DestinationConfig) Key() (rtmp.StreamKey, error) {
	var text, where string
	if c.KeyFile != "" {
		where = c.KeyFile
		b, err := readKeyFile(c.KeyFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return rtmp.StreamKey{}, &KeyError{where + " does not exist", "write the stream key of the broadcast into it"}
		case err != nil:
			return rtmp.StreamKey{}, &KeyError{err.Error(), "let the user that venuecast runs as read it"}
		}
		text = string(b)
	} else {
		where = "the environment variable " + c.KeyEnv
		v, ok := os.LookupEnv(c.KeyEnv)
		if !ok {
			return rtmp.StreamKey{}, &KeyError{where + " is not set", "set it to the stream key of the broadcast"}
		}
		text = v
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	switch {
	case text == "":
		return rtmp.StreamKey{}, &KeyError{where + " is empty", "write the stream key of the broadcast into it"}
	case len(text) > maxKey || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return rtmp.StreamKey{}, &KeyError{where + " holds something else than a stream key", "it holds the key on one line, and nothing else"}
	}
	return rtmp.NewStreamKey(text), nil
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, maxKey+16)
	n, err := f.Read(b)
	if err != nil && n == 0 && !strings.Contains(err.Error(), "EOF") {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	return b[:n], nil
}
