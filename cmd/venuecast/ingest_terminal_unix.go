//go:build unix

package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A terminal is where a table can be drawn.
type terminal struct{ *os.File }

// openTerminal returns w as a terminal, if it is one that knows how to move its
// cursor.
func openTerminal(w io.Writer, environ []string) (*terminal, bool) {
	f, ok := w.(*os.File)
	if !ok || lookup(environ, "TERM") == "" || lookup(environ, "TERM") == "dumb" {
		return nil, false
	}
	t := &terminal{f}
	if _, err := t.winsize(); err != nil {
		return nil, false
	}
	return t, true
}

func (t *terminal) winsize() (*unix.Winsize, error) {
	return unix.IoctlGetWinsize(int(t.Fd()), unix.TIOCGWINSZ)
}

// size is the terminal's just now, in columns and rows.
func (t *terminal) size() (cols, rows int) {
	if w, err := t.winsize(); err == nil && w.Col > 0 && w.Row > 0 {
		return int(w.Col), int(w.Row)
	}
	return 80, 24
}
