package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"venuecast/rtmp"
)

const (
	app = "live"
	key = "rig"

	// patience is what a measurement may take beyond its feed's duration.
	patience = 20 * time.Second

	// tail is what a subject has for the last pictures.
	tail = 300 * time.Millisecond
)

// A Subject is a program under test: it takes H.264 from the feeder's stdout,
// and publishes.
type Subject struct {
	Name string
	// commands returns the subject's command, and the feeder's where the
	// subject does not start that itself but reads it from stdin.
	commands func(dir string, feeder []string, url string) (subject, source *exec.Cmd, err error)
}

// Venuecast is the program in binary, with its exec source.
func Venuecast(binary string) Subject {
	return Subject{"venuecast", func(dir string, feeder []string, url string) (subject, source *exec.Cmd, err error) {
		var command strings.Builder
		for _, arg := range feeder {
			fmt.Fprintf(&command, "      - %q\n", arg)
		}
		config := "camera:\n  source: exec\n  exec:\n    command:\n" + command.String() +
			"broadcast:\n  destinations:\n    - name: rig\n      key_file: stream.key\n      url: " + url + "\n"
		configFile := filepath.Join(dir, "venuecast.yml")
		err = errors.Join(
			os.WriteFile(configFile, []byte(config), 0o600),
			os.WriteFile(filepath.Join(dir, "stream.key"), []byte(key+"\n"), 0o600))
		// #nosec G204 -- which program to measure is the caller's to say
		subject = exec.Command(binary, "run", "--config", configFile)
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "VENUECAST_") {
				subject.Env = append(subject.Env, v)
			}
		}
		return subject, nil, err
	}}
}

// FFmpeg is the ffmpeg in binary, copying stdin to the ingest without sound.
// input are options for its input besides the format and the rate.
func FFmpeg(name, binary string, fps float64, input ...string) Subject {
	return Subject{name, func(_ string, feeder []string, url string) (subject, source *exec.Cmd, err error) {
		args := append([]string{"-hide_banner", "-loglevel", "warning"}, input...)
		args = append(args, "-f", "h264", "-framerate", fmt.Sprint(fps), "-i", "pipe:", "-c", "copy", "-f", "flv", url+"/"+key)
		// #nosec G204 -- as above
		return exec.Command(binary, args...), exec.Command(feeder[0], feeder[1:]...), nil
	}}
}

// A Result is a measurement of one subject.
type Result struct {
	Report
	CPU float64 // seconds a minute of feed, in the settled session
	RSS int64   // peak, in bytes
	Log string  // what the subject has said
}

// Measure plays feed to subject and returns what came of it. feeder is a
// program that calls FeedMain when its first argument is FeedCommand. It
// returns when everything that it started has ended.
func Measure(ctx context.Context, subject Subject, feeder string, feed Feed) (result *Result, err error) {
	feed = feed.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, feed.Duration+patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "venuecast-rig-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	sink := &Sink{}
	server := &rtmp.Server{Handler: func(context.Context, rtmp.Publish) (rtmp.Sink, error) {
		sink.publish()
		return sink, nil
	}}
	serverCtx, stopServer := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(serverCtx, l) }()
	defer func() {
		stopServer()
		err = errors.Join(err, <-served)
	}()

	logFile := filepath.Join(dir, "feed.log")
	url := fmt.Sprintf("rtmp://%v/%s", l.Addr(), app)
	cmd, source, err := subject.commands(dir, append([]string{feeder}, feedArgs(feed, logFile)...), url)
	if err != nil {
		return nil, err
	}
	result = &Result{}
	r := &run{cmd: cmd, source: source, sink: sink, logFile: logFile, result: result}
	if err := r.play(ctx); err != nil {
		return result, fmt.Errorf("measure %s: %w", subject.Name, err)
	}
	return result, nil
}

// A run is one measurement under way.
type run struct {
	cmd, source *exec.Cmd
	sink        *Sink
	logFile     string
	result      *Result

	sent   []Sent
	exited chan struct{} // closed when cmd has ended
	output bytes.Buffer  // of cmd; not to be read before that
}

// play runs the commands until the feed is at its end, and joins.
func (r *run) play(ctx context.Context) error {
	stop, err := r.start()
	if err != nil {
		return err
	}
	watchErr := r.watch(ctx)
	stop()
	r.result.Log = r.output.String()
	if watchErr != nil {
		return watchErr
	}
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	r.result.Report = Join(r.sent, r.sink.arrivals)
	switch {
	case r.sink.sessions != 1:
		return fmt.Errorf("it began %d sessions", r.sink.sessions)
	case r.sink.err != nil:
		return fmt.Errorf("understand what arrived: %w", r.sink.err)
	}
	return nil
}

// start starts the commands; stop ends them.
func (r *run) start() (stop func(), err error) {
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	r.cmd.WaitDelay = time.Second
	if r.source != nil {
		from, to, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer from.Close()
		defer to.Close()
		enlarge(to)
		r.cmd.Stdin, r.source.Stdout, r.source.Stderr = from, to, os.Stderr
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.exited = make(chan struct{})
	go func() {
		defer close(r.exited)
		_ = r.cmd.Wait() // how it ended is in its last words
	}()
	if r.source == nil {
		return r.end, nil
	}
	if err := r.source.Start(); err != nil {
		r.end()
		return nil, err
	}
	return func() {
		_ = r.source.Process.Kill()
		_ = r.source.Wait() // killed
		r.end()
	}, nil
}

// end sees to it that the subject ends.
func (r *run) end() {
	_ = r.cmd.Process.Signal(syscall.SIGINT)
	kill := time.AfterFunc(5*time.Second, func() { _ = r.cmd.Process.Kill() })
	defer kill.Stop()
	<-r.exited
}

// watch waits for the end of the feed, and looks at what the subject spends.
func (r *run) watch(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var settledAt, spent time.Duration
	var err error
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of the feed: %w", ctx.Err())
		case <-r.exited:
			return errors.New("it has ended by itself")
		case <-ticker.C:
		}
		if first := r.sink.first(); settledAt == 0 && first != 0 && now() > first+settle {
			if settledAt = now(); err == nil {
				spent, err = cpuTime(r.cmd.Process.Pid)
			}
		}
		text, readErr := os.ReadFile(r.logFile)
		if errors.Is(readErr, os.ErrNotExist) {
			continue // the feeder has still to start
		}
		if readErr != nil {
			return readErr
		}
		if r.sent, ended, readErr = parseLog(string(text)); readErr != nil {
			return readErr
		}
	}
	if settledAt != 0 && err == nil {
		until := now()
		var now time.Duration
		if now, err = cpuTime(r.cmd.Process.Pid); err == nil {
			r.result.CPU = (now - spent).Seconds() / (until - settledAt).Minutes()
			r.result.RSS, err = peakRSS(r.cmd.Process.Pid)
		}
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("see what it spends: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(tail):
	}
	return nil
}
