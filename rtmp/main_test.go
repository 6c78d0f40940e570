package rtmp

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"venuecast/internal/tooltest"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is long and odd enough not to turn up by chance.
const testKey = "k3y-s3cr-7777-abcd?token=z9&x=1"

// A secretCheck collects what a test prints, and fails the test if the key is
// in it.
type secretCheck struct {
	t   *testing.T
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *secretCheck) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// newSecretLog returns a debug logger that is watched for the key.
func newSecretLog(t *testing.T) (*logrus.Logger, *secretCheck) {
	s := &secretCheck{t: t}
	l := logrus.New()
	l.SetLevel(logrus.TraceLevel)
	l.SetFormatter(&logrus.JSONFormatter{})
	l.SetOutput(s)
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		requireNoKey(t, "log", s.buf.String())
	})
	return l, s
}

func requireNoKey(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{testKey, "k3y-s3cr-7777-abcd"} {
		if strings.Contains(text, secret) {
			t.Errorf("the key is in the %s:\n%s", where, text)
		}
	}
}

// requireError checks an *Error's kind and phase, and that it keeps the key.
func requireError(t *testing.T, err error, kind Kind, phase Phase) *Error {
	t.Helper()
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("got %T %v, want an *Error", err, err)
	}
	if e.Kind != kind || e.Phase != phase {
		t.Errorf("got %v in phase %q, want %v in phase %q: %v", e.Kind, e.Phase, kind, phase, e)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		requireNoKey(t, "error", fmt.Sprintf(format, e))
		requireNoKey(t, "error", fmt.Sprintf(format, *e))
	}
	if e.Hint() == "" && e.Kind != KindCanceled {
		t.Errorf("no hint for %v", e)
	}
	if strings.ContainsAny(e.Error(), "\n\r\x00\x1b") || len(e.Error()) > 600 {
		t.Errorf("not fit to print: %q", e.Error())
	}
	return e
}

var _ io.Writer = (*secretCheck)(nil)

// need returns the paths of tools, or skips the test for want of one: on a
// machine that has to have all, it fails.
func need(t *testing.T, tools ...string) []string {
	t.Helper()
	paths := make([]string, len(tools))
	for i, tool := range tools {
		paths[i] = tooltest.Path(t, tool)
	}
	return paths
}
