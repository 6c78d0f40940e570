package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"venuecast/rtmp"
)

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	one := file("one", "\ufeff"+testKey+"\r\n", 0o600)
	more := file("more", "\n  "+testKey+"-b \n\n"+testKey+"-c?x=1&y=2", 0o644)
	keys, warnings, err := LoadKeys([]string{one, more})
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "more: other users of this machine can read it (mode 0644); chmod 600") {
		t.Errorf("warnings: %q", warnings)
	}
	if keys.Len() != 3 {
		t.Errorf("%d keys, want 3", keys.Len())
	}
	for key, want := range map[string]bool{
		testKey: true, testKey + "-b": true, testKey + "-c?x=1&y=2": true,
		testKey + "-c": false, testKey[1:]: false, "": false, " " + testKey: false,
	} {
		if got := keys.Accepts(rtmp.NewStreamKey(key)); got != want {
			t.Errorf("key of %d bytes: accepted %v, want %v", len(key), got, want)
		}
	}
	for name, c := range map[string]struct{ file, fails string }{
		"missing":   {filepath.Join(dir, "none"), "none: no such file or directory; create the file"},
		"empty":     {file("empty", " \n\n", 0o600), "empty: empty; put the stream keys into it"},
		"folder":    {dir, "is a directory"},
		"two words": {file("words", testKey+"\n"+testKey+" and more\n", 0o600), "words:2: more than one word"},
		"binary":    {file("binary", testKey+"\x00\x01", 0o600), "binary:1: more than one word"},
		"large":     {file("large", strings.Repeat(testKey+"\n", 4000), 0o600), "no list of stream keys"},
	} {
		_, _, err := LoadKeys([]string{one, c.file})
		if err == nil || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), testKey) {
			t.Errorf("%s: got %v, want %q", name, err, c.fails)
		}
	}
}
