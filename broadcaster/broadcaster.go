package broadcaster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// A Broadcaster is a pump, its hub, and the destinations that live off it.
type Broadcaster struct {
	Hub          *Hub
	Pump         *Pump
	Audio        AudioSource // beside the pump's pictures; nil: none
	Destinations []*Destination

	// Finite says that the source comes to an end: it begins once a destination
	// is connected, so that its beginning is sent as well.
	Finite bool

	Log logrus.FieldLogger
}

// startTogether is how long a finite source waits for the other destinations
// once the first is connected.
const startTogether = 5 * time.Second

// Run broadcasts until ctx is done, or until the pump's source is at its end
// and the destinations have sent everything. It fails where the source can
// never work, or where a destination could not send the end.
func (b *Broadcaster) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A destination that fails leaves the others alone, so it is no errgroup.
	ends := make([]error, len(b.Destinations))
	var g sync.WaitGroup
	for i, d := range b.Destinations {
		g.Go(func() { ends[i] = d.Run(ctx) })
	}
	sounding, endSound := context.WithCancel(ctx)
	defer endSound()
	if b.Audio != nil {
		g.Go(func() { b.Pump.RunAudio(sounding, b.Audio) })
	}
	if b.Finite && len(b.Destinations) > 0 {
		b.Hub.held.Store(true)
		b.Log.Info("the recording begins once a destination is connected, and the others have had 5 s")
		b.awaitDestinations(ctx)
		b.Hub.held.Store(false)
	}
	err := b.Pump.Run(ctx)
	if err != nil {
		cancel()
	}
	endSound() // it accompanies pictures, and there are none any more
	b.Hub.Close()
	g.Wait()
	return errors.Join(append(ends, err)...)
}

// awaitDestinations waits for the first destination to be connected, and a
// little for the others.
func (b *Broadcaster) awaitDestinations(ctx context.Context) {
	var g sync.WaitGroup
	defer g.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	connected := make(chan struct{}, len(b.Destinations))
	for _, d := range b.Destinations {
		g.Go(func() {
			select {
			case <-d.connected:
				connected <- struct{}{}
			case <-ctx.Done():
			}
		})
	}
	var late <-chan time.Time
	for range b.Destinations {
		select {
		case <-connected:
			if late == nil {
				late = time.After(startTogether)
			}
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}
