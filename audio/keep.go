package audio

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sirupsen/logrus"
)

const (
	// repeatEvery is how often a command that keeps ending in the same way, or
	// writes what is of no use, is named again.
	repeatEvery = 5 * time.Minute

	// healthyAfter is how long a command has to run for its end to be the
	// first in a row.
	healthyAfter = 10 * time.Second

	firstWait, longestWait = 250 * time.Millisecond, 5 * time.Second
)

// keep runs run again and again until ctx is done: in 250 ms at first, and
// within 5 s where it keeps ending. Its error says why it ended.
func keep(ctx context.Context, log logrus.FieldLogger, run func(context.Context) error) {
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
			log.WithError(err).WithFields(logrus.Fields{keyIn: wait, keyTimes: times}).Warn("no sound: its command is started again")
			said, saidAt, times = err.Error(), time.Now(), 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
