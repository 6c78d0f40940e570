package ingest

import (
	"net/url"
	"strings"
	"unicode"

	"venuecast/rtmp"
)

// A Role says which of YouTube's two ingests a session was meant for.
type Role string

const (
	Primary Role = "primary"
	Backup  Role = "backup" // asked for by backup=1
)

func roleOf(p rtmp.Publish) Role {
	if p.Backup() {
		return Backup
	}
	return Primary
}

const (
	maxAppShown  = 16  // bytes; what is longer may well be a key in the app's place
	maxNameShown = 60  // bytes of what an encoder calls itself
	maxWhyShown  = 160 // bytes of why something failed

	// minSecret keeps a key of a letter or two, which is no secret, from
	// blanking half of a name.
	minSecret = 4
)

// shownApp is an app for people: its name, and whether it is the backup's.
// Whatever else is in it could be a token or a key.
func shownApp(p rtmp.Publish) string {
	name, rest := p.App, ""
	if i := strings.IndexAny(p.App, "/?"); i >= 0 {
		name, rest = p.App[:i], p.App[i:]
	}
	if len(name) > maxAppShown {
		name = "***"
	}
	name = printable(name, p.Key, maxAppShown)
	switch rest {
	case "", "?backup=1":
		return name + rest
	}
	return name + rest[:1] + "***"
}

// printable makes a peer's words fit for a terminal: no control characters,
// nothing that is wider or narrower than a column, no more than limit bytes and
// a few, and nothing of the key.
func printable(s string, key rtmp.StreamKey, limit int) string {
	s = hide(s, key)
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r < 0x300 && unicode.IsPrint(r): // up to there each letter is one column
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
	s = hide(strings.Join(strings.Fields(s), " "), key)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}

// hide takes a key out of s, also without its arguments and as URLs write it.
func hide(s string, key rtmp.StreamKey) string {
	whole := key.Reveal()
	name, _, _ := strings.Cut(whole, "?")
	for _, secret := range []string{whole, url.QueryEscape(whole), url.PathEscape(whole), name} {
		if len(secret) >= minSecret {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return s
}
