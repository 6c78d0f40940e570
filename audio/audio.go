// Package audio takes real sound from where the configuration says: AAC frames
// with times on the capture's clock. It encodes nothing, and silence is not its
// business: that is filled in where there is none of its frames.
package audio

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/aac"
)

// A Source gives sound; see broadcaster.AudioSource for what Run promises.
type Source interface {
	Run(ctx context.Context, emit func(*aac.Frame)) error
}

// Open returns the source that cfg names, where that is one of its own. It
// starts nothing; times are counted from epoch.
func Open(cfg Config, epoch time.Time, log logrus.FieldLogger) (Source, error) {
	if cfg.Source != SourceExec {
		return nil, fmt.Errorf("open audio: unknown source %q", cfg.Source)
	}
	if len(cfg.Exec.Command) == 0 || cfg.Exec.Command[0] == "" {
		return nil, fmt.Errorf("open audio: no command to run; set audio.exec.command")
	}
	return newCommand(cfg.Exec, epoch, log), nil
}
