package child

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sirupsen/logrus"
)

const (
	// repeatEvery is how often a command that keeps ending in the same way is
	// named again.
	repeatEvery = 5 * time.Minute

	// healthyAfter is how long a command has to run for its end to be the
	// first in a row.
	healthyAfter = 10 * time.Second

	firstWait, longestWait = 250 * time.Millisecond, 5 * time.Second
)

// Keep runs run, which starts a command and waits for its end, again and again
// until ctx is done: in 250 ms at first, and within 5 s where it keeps ending.
// The error says why it ended; it is logged under message, once for ends that
// are alike.
func Keep(ctx context.Context, log logrus.FieldLogger, message string, run func(context.Context) error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = firstWait, longestWait
	waits.RandomizationFactor, waits.Multiplier = 0, 2 // there is nobody to collide with
	var said string                                    // of the last end that was logged
	var saidAt time.Time
	times := 0 // it has ended like that since
	for {
		started := time.Now()
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > healthyAfter {
			waits.Reset()
			said = ""
		}
		wait := waits.NextBackOff()
		times++
		if err.Error() != said || time.Since(saidAt) > repeatEvery {
			log.WithError(err).WithFields(logrus.Fields{LogIn: wait, LogTimes: times}).Warn(message)
			said, saidAt, times = err.Error(), time.Now(), 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Ended puts a command's end into words: how it ended, and the last line that it
// wrote to stderr.
func Ended(status error, lastLine string) error {
	text := "exit status 0"
	if status != nil {
		text = status.Error()
	}
	if lastLine != "" {
		text += ", its last words: " + lastLine
	}
	return errors.New(text)
}
