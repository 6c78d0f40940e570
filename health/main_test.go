package health

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"venuecast/internal/tooltest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ffmpeg runs it, at a low priority as it is busy, and fails the test on any
// complaint.
func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(tooltest.Path(t, "ffmpeg"), append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
}
