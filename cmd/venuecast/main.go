// Command venuecast keeps a venue's camera on the air: see the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := withSignals(context.Background())
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // bad usage or configuration
)

// cli is the command line.
type cli struct {
	Run     runCmd     `cmd:"" help:"Broadcast as the configuration says, until stopped."`
	Demo    demoCmd    `cmd:"" help:"Broadcast the test card to an ingest inside this process, and show what arrives."`
	Ingest  ingestCmd  `cmd:"" help:"Take in what any encoder broadcasts, and say what YouTube would say of it."`
	Check   checkCmd   `cmd:"" help:"Check everything that a broadcast needs, without starting it."`
	Config  configCmd  `cmd:"" help:"Look at the configuration."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// env is what a command works with.
type env struct {
	ctx            context.Context
	environ        []string
	stdout, stderr io.Writer
}

// usageError is a failure that exits with exitUsage. Its text has been chosen
// for the user, and stands alone.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the whole program but for the process around it.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) (code int) {
	// Kong leaves by way of Exit once it has printed help.
	type left int
	defer func() {
		switch r := recover().(type) {
		case nil:
		case left:
			code = int(r)
		default:
			panic(r)
		}
	}()
	var commands cli
	parser, err := kong.New(&commands,
		kong.Name("venuecast"),
		kong.Description("Turns a headless box with a camera into a YouTube Live encoder that nobody has to watch over."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(left(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "venuecast:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "venuecast: %v\nTry: venuecast --help\n", err)
		return exitUsage
	}
	err = parsed.Run(&env{ctx: ctx, environ: environ, stdout: stdout, stderr: stderr})
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "venuecast:", err)
	return exitFailed
}

// oneSignal is for how long a second signal counts as the first: timeout(1) and
// others signal a process and then its group.
const oneSignal = time.Second

// withSignals ends ctx at the first SIGINT, SIGTERM or SIGHUP; a second one ends the
// process, for those who cannot wait.
func withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP) // the terminal is gone
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var first time.Time
		for range signals {
			switch {
			case first.IsZero():
				first = time.Now()
				cancel()
			case time.Since(first) > oneSignal:
				os.Exit(exitFailed)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		<-done
		cancel()
	}
}
