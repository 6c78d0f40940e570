package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/audio"
	"venuecast/broadcaster"
	"venuecast/camera"
	"venuecast/configs"
)

type runCmd struct {
	configFile
	For time.Duration `placeholder:"DURATION" help:"Stop after this long; without it, when told to."`
}

func (c runCmd) Run(e *env) error {
	cfg, warnings, err := c.load(e)
	if err != nil {
		printWarnings(e.stderr, warnings)
		return err
	}
	log := newLog(cfg.Log, e.stderr)
	for _, p := range warnings {
		log.Warn(p.String())
	}
	for _, p := range cfg.CheckKeys() {
		if p.Warning { // a key that is missing is for its destination to say
			log.Warn(p.String())
		}
	}
	b, err := assemble(cfg, log)
	if err != nil {
		return err
	}
	// Not only once an ingest has answered, which a recording waits for.
	if err := camera.Check(b.source); err != nil {
		return err
	}
	// The destinations have their keys. The commands for picture and sound, whose
	// output is logged, inherit our environment, and shall not find them there.
	for _, d := range cfg.Broadcast.Destinations {
		if d.KeyEnv == "" {
			continue
		}
		if err := os.Unsetenv(d.KeyEnv); err != nil {
			return fmt.Errorf("hide %s: %w", d.KeyEnv, err)
		}
	}
	log.WithFields(logrus.Fields{"version": buildVersion(), "name": cfg.Name, "source": cfg.Camera.Source}).Info("venuecast starts")
	if len(b.Destinations) == 0 {
		log.Warn("no destination is configured: nothing will be broadcast; set broadcast.destinations")
	}
	ctx, cancel := withDuration(e.ctx, c.For)
	defer cancel()
	err = running(ctx, b, time.Minute, func(r report) {
		log.WithFields(r.camera()).Info("camera")
		for _, d := range r.destinations {
			log.WithFields(d.fields()).Info("destination")
		}
	})
	if err != nil {
		return err
	}
	log.Info("venuecast has stopped")
	return nil
}

// withDuration bounds ctx by d, where that is set.
func withDuration(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// broadcast is a broadcaster, and what its camera can tell.
type broadcast struct {
	broadcaster.Broadcaster
	source camera.Source
	losses camera.LossCounter // nil where the source loses nothing
}

// assemble puts the parts together as the configuration says. It starts
// nothing.
func assemble(cfg configs.Config, log logrus.FieldLogger) (*broadcast, error) {
	cfg.Camera.WidthAsked, cfg.Camera.HeightAsked = cfg.Sets("camera.width"), cfg.Sets("camera.height")
	epoch := time.Now() // of all times, so that picture and sound agree
	source, err := camera.Open(cfg.Camera, cfg.Name, epoch, log)
	if err != nil {
		return nil, err
	}
	// What nobody set says nothing of a stream that others encode.
	bitrate := int64(cfg.Camera.Bitrate)
	if cfg.Camera.Source != camera.SourceTestcard && !cfg.Sets("camera.bitrate") {
		bitrate = 0
	}
	hub := broadcaster.NewHub()
	pump, err := broadcaster.NewPump(source, hub, broadcaster.PumpConfig{
		SampleRate: cfg.Audio.SampleRate, Channels: cfg.Audio.Channels, AudioOffset: cfg.Audio.Offset,
		Bitrate: bitrate, FPS: cfg.Camera.FPS, Encoder: "venuecast " + buildVersion(),
	}, log)
	if err != nil {
		return nil, err
	}
	b := &broadcast{Broadcaster: broadcaster.Broadcaster{Hub: hub, Pump: pump, Log: log}}
	b.Finite = cfg.Camera.Source == camera.SourceFile && !cfg.Camera.File.Loop
	b.source = source
	b.losses, _ = source.(camera.LossCounter)
	switch cfg.Audio.Source {
	case audio.SourceExec:
		if b.Audio, err = audio.Open(cfg.Audio, epoch, log.WithField("source", cfg.Audio.Source)); err != nil {
			return nil, err
		}
	case audio.SourceCamera:
		carrier, ok := source.(camera.AudioCarrier)
		if !ok {
			return nil, fmt.Errorf("audio.source: camera.source %s carries no sound", cfg.Camera.Source)
		}
		carrier.TakeAudio(pump.AcceptAudio)
	}
	for _, d := range cfg.Broadcast.Destinations {
		dlog := log.WithField(broadcaster.KeyDestination, d.Name)
		dial, err := broadcaster.NewDialer(d, cfg.Broadcast.Timeouts, dlog)
		if err != nil {
			return nil, fmt.Errorf("destination %s: %w", d.Name, err)
		}
		b.Destinations = append(b.Destinations, broadcaster.NewDestination(d, cfg.Broadcast, hub, dial, log))
	}
	return b, nil
}

// newLog returns the log that the configuration asks for.
func newLog(cfg configs.Log, w io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	if level, err := logrus.ParseLevel(cfg.Level); err == nil { // else info; the configuration has been validated
		log.SetLevel(level)
	}
	const millis = "2006-01-02T15:04:05.000Z07:00"
	if cfg.Format == "json" {
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: millis})
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: millis, DisableColors: true})
	}
	return log
}
