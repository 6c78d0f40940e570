// Package tooltest is for tests that need what may not be installed. A laptop
// skips them; where VENUECAST_NO_SKIP is 1, as the full test command sets it,
// what would be skipped fails.
package tooltest

import (
	"os"
	"os/exec"
	"testing"
)

// Path is where the program name is installed; without it the test is skipped.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Skip(t, name+" is not installed")
	}
	return path
}

// Skip skips the test for want of what why says.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("VENUECAST_NO_SKIP") == "1" {
		t.Fatalf("%s, and VENUECAST_NO_SKIP=1 forbids to skip", why)
	}
	t.Skip(why)
}
