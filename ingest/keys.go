package ingest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"venuecast/rtmp"
)

// Keys are the stream keys that are accepted. It holds no key itself.
type Keys struct {
	sums [][sha256.Size]byte
}

// Accepts reports whether key is one of them, in a time that says nothing of
// which, or of how much of it is right.
func (k *Keys) Accepts(key rtmp.StreamKey) bool {
	sum := sha256.Sum256([]byte(key.Reveal()))
	found := 0
	for i := range k.sums {
		found |= subtle.ConstantTimeCompare(sum[:], k.sums[i][:])
	}
	return found == 1
}

// Len is how many there are.
func (k *Keys) Len() int { return len(k.sums) }

// maxKeysFile is far beyond a list of stream keys; a larger file is some other
// file.
const maxKeysFile = 64 << 10

// LoadKeys reads stream keys from files, one a line; white space around a key,
// and empty lines, do not count. Warnings are about files that others can read.
// Neither they nor the error hold anything of what is in a file.
func LoadKeys(files []string) (keys *Keys, warnings []string, err error) {
	keys = new(Keys)
	for _, name := range files {
		open, err := keys.load(name)
		if err != nil {
			return nil, nil, err
		}
		if open != 0 {
			warnings = append(warnings, fmt.Sprintf("%s: other users of this machine can read it (mode %04o); chmod 600 %s", name, open, name))
		}
	}
	return keys, warnings, nil
}

// load gives the mode of a file that others can read, or 0.
func (k *Keys) load(name string) (open fs.FileMode, err error) {
	const fill = "put the stream keys into it, one a line"
	f, err := os.Open(name) // #nosec G304 -- naming the file is the operator's part
	if err != nil {
		return 0, keysFileError(name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeysFile+1))
	if err != nil {
		return 0, keysFileError(name, err)
	}
	if len(text) > maxKeysFile {
		return 0, fmt.Errorf("%s: larger than %d bytes, so no list of stream keys; %s", name, maxKeysFile, fill)
	}
	before := len(k.sums)
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // as Windows' editors begin a file
	lines.Buffer(nil, maxKeysFile+1)
	for n := 1; lines.Scan(); n++ {
		key := strings.TrimSpace(lines.Text())
		if key == "" {
			continue
		}
		if strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			return 0, fmt.Errorf("%s:%d: more than one word; %s", name, n, fill)
		}
		k.sums = append(k.sums, sha256.Sum256([]byte(key)))
	}
	if len(k.sums) == before {
		return 0, fmt.Errorf("%s: empty; %s", name, fill)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 {
		open = info.Mode().Perm()
	}
	return open, nil
}

func keysFileError(name string, err error) error {
	cause := err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		cause = pe.Err
	}
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "; create the file and put the stream keys into it, one a line"
	case errors.Is(err, fs.ErrPermission):
		hint = "; let the user that runs venuecast read it"
	}
	return fmt.Errorf("%s: %w%s", name, cause, hint)
}
