package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/broadcaster"
)

// report is what happened between two looks at a broadcast.
type report struct {
	over         time.Duration
	pictures     int64
	bytes        int64
	total        broadcaster.PumpStats
	damaged      int64 // pictures, since the start
	dropped      int64 // pictures left out, since the start
	destinations []destinationReport
}

// destinationReport is the same of one destination.
type destinationReport struct {
	broadcaster.DestinationStatus
	over     time.Duration
	pictures int64
	bytes    int64
}

func perSecond(n int64, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return float64(n) / over.Seconds()
}

func megabits(bytes int64, over time.Duration) float64 { return perSecond(bytes, over) * 8 / 1e6 }

func (r report) camera() logrus.Fields {
	return logrus.Fields{
		"fps":      fmt.Sprintf("%.1f", perSecond(r.pictures, r.over)),
		"mbit_s":   fmt.Sprintf("%.2f", megabits(r.bytes, r.over)),
		"pictures": r.total.Pictures,
		"damaged":  r.damaged,
		"dropped":  r.dropped,
		"unusable": r.total.Unusable,
	}
}

func (d destinationReport) fields() logrus.Fields {
	f := logrus.Fields{
		broadcaster.KeyDestination: d.Name,
		"state":                    d.State.String(),
		"fps":                      fmt.Sprintf("%.1f", perSecond(d.pictures, d.over)),
		"mbit_s":                   fmt.Sprintf("%.2f", megabits(d.bytes, d.over)),
		"queue":                    d.Queue.Age.Round(time.Millisecond).String(),
		"unacked_bytes":            d.Session.Unacked,
		broadcaster.KeyDropped:     d.Queue.Dropped,
		broadcaster.KeyReconnects:  d.Reconnects(),
		"health":                   d.Health.Status,
	}
	if d.Cause != "" {
		f["cause"] = d.Cause
	}
	if d.Hint != "" {
		f[broadcaster.KeyHint] = d.Hint
	}
	return f
}

// running runs a broadcast and hands a report to each every so often.
func running(ctx context.Context, b *broadcast, every time.Duration, each func(report)) error {
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last, pump := time.Now(), b.Pump.Stats()
	before := make([]broadcaster.DestinationStatus, len(b.Destinations))
	for {
		select {
		case err := <-done:
			return err
		case now := <-ticker.C:
			if ctx.Err() != nil {
				continue // it is ending; what it says now is of no use
			}
			p := b.Pump.Stats()
			r := report{over: now.Sub(last), pictures: p.Pictures - pump.Pictures, bytes: p.Bytes - pump.Bytes, total: p}
			if b.losses != nil {
				r.damaged, r.dropped = b.losses.Losses()
			}
			for i, d := range b.Destinations {
				st := d.Status()
				r.destinations = append(r.destinations, destinationReport{
					DestinationStatus: st, over: r.over,
					pictures: st.Pictures - before[i].Pictures, bytes: st.Bytes - before[i].Bytes,
				})
				before[i] = st
			}
			last, pump = now, p
			each(r)
		}
	}
}
