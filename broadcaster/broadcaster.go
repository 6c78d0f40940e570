package broadcaster

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// A Broadcaster is a pump, its hub, and the destinations that live off it.
type Broadcaster struct {
	Hub          *Hub
	Pump         *Pump
	Destinations []*Destination
}

// Run broadcasts until ctx is done, or until the pump's source is at its end
// and the destinations have sent everything. Only a source that can never work
// makes it fail.
func (b *Broadcaster) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer b.Hub.Close()
		return b.Pump.Run(ctx)
	})
	for _, d := range b.Destinations {
		g.Go(func() error { return d.Run(ctx) })
	}
	return g.Wait()
}
