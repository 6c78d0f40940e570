package broadcaster

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/h264"
	"venuecast/rtmp"
)

// recording is a source that only tells when it was begun.
type recording struct{ at *time.Time }

func (b recording) Run(context.Context, func(*h264.AccessUnit)) error {
	*b.at = time.Now()
	return nil
}

// The beginning of a recording is for every destination that is there; one that
// is not does not hold it up for long.
func TestAFiniteSourceWaitsForItsDestinations(t *testing.T) {
	for name, test := range map[string]struct {
		dialled []time.Duration // until each destination is connected
		begins  time.Duration
	}{
		"at once":           {[]time.Duration{0, 0}, 0},
		"nobody":            {nil, 0},
		"one is later":      {[]time.Duration{0, 2 * time.Second}, 2 * time.Second},
		"one is away":       {[]time.Duration{3 * time.Second, time.Hour}, 3*time.Second + startTogether},
		"all are late":      {[]time.Duration{time.Minute, time.Minute}, time.Minute},
		"one is much later": {[]time.Duration{0, time.Minute}, startTogether},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, _ := logtest.NewNullLogger()
				hub := NewHub()
				var at time.Time
				pump, err := NewPump(recording{&at}, hub, PumpConfig{SampleRate: 44100, Channels: 2}, log)
				if err != nil {
					t.Fatal(err)
				}
				b := Broadcaster{Hub: hub, Pump: pump, Finite: true, Log: log}
				for _, after := range test.dialled {
					d := NewDestination(DestinationConfig{Name: "test", URL: "rtmp://127.0.0.1/live"}, common, hub,
						func(ctx context.Context, _ rtmp.StreamKey) (Publisher, error) {
							select {
							case <-time.After(after):
								return newFakeSession(), nil
							case <-ctx.Done():
								return nil, ctx.Err()
							}
						}, log)
					d.key = func() (rtmp.StreamKey, error) { return rtmp.NewStreamKey("key"), nil }
					b.Destinations = append(b.Destinations, d)
				}
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				_ = b.Run(ctx) // whose end is the concern of others
				if got := at.Sub(start); got != test.begins {
					t.Errorf("it began after %v, want %v", got, test.begins)
				}
			})
		})
	}
}

func TestAFiniteSourceThatWaitsIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := logtest.NewNullLogger()
		in := &ingest{next: func(int) (*fakeSession, error) { return nil, refused() }}
		hub := NewHub()
		var at time.Time
		pump, err := NewPump(recording{&at}, hub, PumpConfig{SampleRate: 44100, Channels: 2}, log)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDestination(DestinationConfig{Name: "test", URL: "rtmp://127.0.0.1/live"}, common, hub, in.dial, log)
		d.key = func() (rtmp.StreamKey, error) { return rtmp.NewStreamKey("key"), nil }
		b := Broadcaster{Hub: hub, Pump: pump, Destinations: []*Destination{d}, Finite: true, Log: log}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it ended after %v", took)
		}
	})
}
