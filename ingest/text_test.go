package ingest

import (
	"testing"

	"venuecast/rtmp"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"OBS 30.1", "OBS 30.1"},
		{" a\tb\r\nc  d ", "a b c d"},
		{"\x1b[2J\x1b]0;owned\x07x", "[2J ]0;owned x"},
		{"caf\u00e9 \u4f60\u597d \u202eabc\u0301 \u00ad", "caf\u00e9 ?? ?abc? ?"},
		{"\x9bA\xff", "?A?"},
		{"x " + testKey + " y", "x *** y"},
		{"k3y-s3cr\x00-7777", "k3y-s3cr -7777"},
		{"k3y-s3cr-7777-abcd-zyxw", "***"},
		{"0123456789012345678901234567890123456789", "01234567890123456789012345678901..."},
	} {
		if got := printable(c.in, rtmp.NewStreamKey(testKey), 32); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	// A key with arguments is hidden without them, too.
	if got := printable("stream "+testKey+" of", rtmp.NewStreamKey(testKey+"?a=1"), 99); got != "stream *** of" {
		t.Errorf("got %q", got)
	}
}

func TestShownApp(t *testing.T) {
	for _, c := range []struct {
		app  string
		want string
		role Role
	}{
		{"live2", "live2", Primary},
		{"live2?backup=1", "live2?backup=1", Backup},
		{"live2?backup=0", "live2?***", Primary},
		{"live2?token=abc&backup=1", "live2?***", Backup},
		{"live2/" + testKey, "live2/***", Primary},
		{testKey, "***", Primary},
		{"x" + testKey[:12], "xk3y-s3cr-777", Primary},
		{"", "", Primary},
	} {
		p := rtmp.Publish{App: c.app, Key: rtmp.NewStreamKey(testKey)}
		if got := shownApp(p); got != c.want {
			t.Errorf("%q: shown as %q, want %q", c.app, got, c.want)
		}
		if got := roleOf(p); got != c.role {
			t.Errorf("%q: %s, want %s", c.app, got, c.role)
		}
	}
}
