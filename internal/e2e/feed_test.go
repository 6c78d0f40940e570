//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// feedCommand, as the first argument of the test binary, makes a camera of it:
// it writes an Annex B file to stdout, a picture at a time and when it is due.
const feedCommand = "e2e-feed"

func feed(args []string) int {
	f := flag.NewFlagSet(feedCommand, flag.ExitOnError)
	fps := f.Float64("fps", 30, "pictures a second")
	count := f.Int("pictures", 0, "die after so many; 0: after the last")
	cut := f.Bool("cut", false, "pause within each picture, and die within one")
	hold := f.Bool("hold", false, "go on living behind the last picture")
	_ = f.Parse(args)
	b, err := os.ReadFile(f.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	begin := time.Now()
	for i, picture := range pictures(b) {
		if wait := time.Until(begin.Add(time.Duration(float64(i) / *fps * float64(time.Second)))); wait > 0 {
			time.Sleep(wait)
		}
		last := *count > 0 && i == *count-1
		if *cut {
			// Such a pause keeps venuecast from taking silence for a picture's
			// end, which on a busy machine could come before ours.
			half := len(picture) / 2
			if _, err := os.Stdout.Write(picture[:half]); err != nil {
				return 1
			}
			if picture = picture[half:]; last {
				picture = nil
			} else {
				time.Sleep(10 * time.Millisecond)
			}
		}
		if _, err := os.Stdout.Write(picture); err != nil {
			return 1
		}
		if last {
			fmt.Fprintln(os.Stderr, "sensor lost")
			return 3
		}
	}
	if *hold {
		told := make(chan os.Signal, 1)
		signal.Notify(told, os.Interrupt, syscall.SIGTERM)
		select {
		case <-told:
		case <-time.After(time.Minute):
		}
	}
	return 0
}

// camera is the YAML of an exec source that is fed by this test binary.
func camera(file string, fps float64, options ...string) string {
	s := fmt.Sprintf("camera: {source: exec, exec: {command: [%q, %s, -fps, %q", os.Args[0], feedCommand, strconv.FormatFloat(fps, 'g', -1, 64))
	for _, o := range options {
		s += fmt.Sprintf(", %q", o)
	}
	return s + fmt.Sprintf(", %q]}}", file)
}
