package health

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ffmpeg runs it, at a low priority as it is busy, and fails the test on any
// complaint.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		if os.Getenv("VENUECAST_NO_SKIP") == "1" {
			t.Fatal("ffmpeg is not installed, and VENUECAST_NO_SKIP forbids to skip the test")
		}
		t.Skip("ffmpeg is not installed: install it to judge real streams")
	}
	cmd := exec.Command(path, append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
}
