package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"venuecast/broadcaster"
	"venuecast/camera"
	"venuecast/configs"
)

type demoCmd struct {
	For time.Duration `default:"15s" help:"Stop after this long; 0 for when told to (Ctrl-C)."`
}

func (c demoCmd) Run(e *env) error {
	cfg, cleanUp, err := demoConfig()
	if err != nil {
		return err
	}
	defer cleanUp()

	log := newLog(cfg.Log, e.stderr)
	keyFile := cfg.Broadcast.Destinations[0].KeyFile
	if err := os.WriteFile(keyFile, []byte(rand.Text()), 0o600); err != nil {
		return fmt.Errorf("write the demo's key: %w", err)
	}
	ingest, err := newDemoIngest(keyFile, log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the demo's broadcast: %w", err)
	}
	cfg.Broadcast.Destinations[0].URL = fmt.Sprintf("rtmp://%s/live2", listener.Addr())
	b, err := assemble(cfg, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	fmt.Fprintf(e.stdout, "test card %dx%d at %g fps, %sbit/s -> %s -> ingest in this process\n",
		cfg.Camera.Width, cfg.Camera.Height, cfg.Camera.FPS, cfg.Camera.Bitrate, cfg.Broadcast.Destinations[0].URL)
	ctx, cancel := withDuration(e.ctx, c.For)
	defer cancel()
	// The ingest outlives the broadcast, to hear its goodbye.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	var g errgroup.Group
	g.Go(func() error { return ingest.run(serving, listener) })
	start := time.Now()
	err = running(ctx, b, time.Second, func(r report) {
		for _, d := range r.destinations {
			fmt.Fprintln(e.stdout, d.line(time.Since(start)))
		}
	})
	stopServing()
	err = errors.Join(err, g.Wait())
	if err != nil {
		return err
	}
	return ingest.summary(e.stdout)
}

// line is the destination's second in one line.
func (d destinationReport) line(at time.Duration) string {
	s := fmt.Sprintf("%5.0fs  %-10s %5.1f fps  %5.2f Mbit/s  queue %4d ms  unacknowledged %6d B  reconnects %d",
		at.Seconds(), d.State, perSecond(d.pictures, d.over), megabits(d.bytes, d.over),
		d.Queue.Age.Milliseconds(), d.Session.Unacked, d.Reconnects())
	if d.Cause != "" {
		s += "  " + d.Cause
	}
	return s
}

// demoConfig is the default configuration with a picture of 720p30 and the one
// destination, in a folder of its own for the key.
func demoConfig() (cfg configs.Config, cleanUp func(), err error) {
	dir, err := os.MkdirTemp("", "venuecast-demo-")
	if err != nil {
		return cfg, nil, fmt.Errorf("make a folder for the demo's key: %w", err)
	}
	cfg = configs.Default()
	cfg.Log.Level = "warning"
	cfg.Camera.Source = camera.SourceTestcard
	cfg.Camera.Width, cfg.Camera.Height, cfg.Camera.FPS = 1280, 720, 30
	cfg.Camera.Bitrate = 4e6
	cfg.Broadcast.Destinations = []broadcaster.DestinationConfig{{
		Name: "demo", KeyFile: filepath.Join(dir, "stream.key"),
	}}
	return cfg, func() { _ = os.RemoveAll(dir) }, nil
}

// print writes formatted text and keeps the first error.
type print struct {
	w   io.Writer
	err error
}

func (p *print) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
