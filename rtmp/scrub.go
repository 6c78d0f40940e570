package rtmp

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	maxCodeText        = 64  // bytes of a peer's code or command name
	maxDescriptionText = 200 // bytes of a peer's description
)

// A scrubber makes a peer's words fit to print: without secrets, control
// characters or excess length.
type scrubber struct{ secrets []string } // longest first

// newScrubber hides key in the forms a peer may repeat it in, and what u hides.
func newScrubber(key StreamKey, u URL) scrubber {
	k := key.Reveal()
	forms := append(u.secrets(), k, url.QueryEscape(k), url.PathEscape(k))
	// Ingests cut a name's arguments off before they speak of it.
	if name, _, ok := strings.Cut(k, "?"); ok {
		forms = append(forms, name)
	}
	forms = slices.DeleteFunc(forms, func(s string) bool { return s == "" })
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	return scrubber{slices.Compact(forms)}
}

// clean returns s in at most limit bytes and a few.
func (sc scrubber) clean(s string, limit int) string {
	// Before and after: taking characters out can put a secret together.
	s = sc.hide(s)
	s = strings.Map(func(r rune) rune {
		if isUnprintable(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = sc.hide(strings.Join(strings.Fields(s), " "))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}

func (sc scrubber) hide(s string) string {
	for _, secret := range sc.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return s
}

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }
