package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed is what each package may import of ours: arrows point down, and
// peers never meet. Whoever adds a package adds it here.
var allowed = map[string][]string{
	"cmd/venuecast":     nil, // everything
	"configs":           {"audio", "broadcaster", "camera", "camera/exec", "camera/file", "rtmp"},
	"broadcaster":       {"rtmp", "flv", "h264", "aac", "health"},
	"audio":             {"internal/child", "aac"},
	"ingest":            {"rtmp", "flv", "health"},
	"health":            {"flv", "h264", "aac"},
	"camera":            {"camera/exec", "camera/file", "camera/testcard", "aac", "h264", "slate"},
	"camera/controls":   {},
	"camera/exec":       {"camera/foreign", "camera/frameclock", "internal/child", "h264"},
	"camera/file":       {"camera/foreign", "camera/frameclock", "aac", "flv", "h264"},
	"camera/testcard":   {"slate", "h264"},
	"camera/foreign":    {},
	"camera/frameclock": {},
	"slate":             {"h264"},
	"flv":               {"h264", "aac"},
	"h264":              {},
	"aac":               {},
	"rtmp":              {},
	"internal/child":    {},
}

func TestImportsPointDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "venuecast/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name, ok := strings.CutPrefix(words[0], "venuecast/")
		if !ok {
			t.Fatalf("go list: %s", out)
		}
		may, known := allowed[name]
		seen[name] = true
		if !known {
			if strings.HasPrefix(name, "internal/") {
				continue // the tests' own
			}
			t.Errorf("package %s is not in the table of who may import whom", name)
			continue
		}
		for _, imported := range words[1:] {
			if imported, ours := strings.CutPrefix(imported, "venuecast/"); ours && may != nil && !slices.Contains(may, imported) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
	for name := range allowed {
		if !seen[name] {
			t.Errorf("package %s does not exist", name)
		}
	}
}
