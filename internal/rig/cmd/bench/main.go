// Command bench prints how venuecast and ffmpeg do with the same camera: see
// scripts/bench.sh.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"text/tabwriter"
	"time"

	"venuecast/internal/rig"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == rig.FeedCommand {
		os.Exit(rig.FeedMain(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	venuecast := flag.String("venuecast", "venuecast", "the `program` to measure")
	duration := flag.Duration("for", time.Minute, "how long to measure each")
	text := flag.String("feed", "{}", "the camera, as `JSON` of a rig.Feed")
	only := flag.Bool("alone", false, "measure venuecast alone")
	verbose := flag.Bool("v", false, "print every figure and what the programs say")
	flag.Parse()

	subjects := []rig.Subject{rig.Venuecast(*venuecast)}
	feed := rig.Feed{FPS: 30, Bitrate: 6e6, Duration: *duration}
	if err := json.Unmarshal([]byte(*text), &feed); err != nil {
		return fmt.Errorf("read -feed: %w", err)
	}
	if *only {
		// nothing to compare with
	} else if ffmpeg, err := exec.LookPath("ffmpeg"); err == nil {
		subjects = append(subjects,
			rig.FFmpeg("ffmpeg", ffmpeg, feed.FPS),
			rig.FFmpeg("ffmpeg -fflags nobuffer", ffmpeg, feed.FPS, "-fflags", "nobuffer"),
			rig.FFmpeg("ffmpeg, no probing", ffmpeg, feed.FPS, "-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32", "-analyzeduration", "0"))
	} else {
		fmt.Println("ffmpeg is not installed: nothing to compare with")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Printf("1080p%.0f, %.0f Mbit/s, no boundaries between pictures, %v each; latency from the picture's last byte in to its last byte out, once settled\n\n",
		feed.FPS, float64(feed.Bitrate)/1e6, *duration)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tlatency median\tp95\tmax\tlost\tdamaged\tfirst picture\tCPU s/min\tpeak RSS\t")
	var details []string
	for _, s := range subjects {
		r, err := rig.Measure(ctx, s, self, feed)
		if err != nil {
			if r != nil {
				fmt.Fprint(os.Stderr, r.Log)
			}
			return err
		}
		l := r.Latency
		fmt.Fprintf(w, "%s\t%.1f ms\t%.1f ms\t%.1f ms\t%d\t%d\t%.2f s\t%.2f\t%.0f MB\t\n",
			s.Name, ms(l.Median), ms(l.P95), ms(l.Max), len(r.Lost), len(r.Damaged), r.First.Seconds(), r.CPU, float64(r.RSS)/1e6)
		details = append(details, fmt.Sprintf("\n%s: %v\n%s", s.Name, r.Report, r.Log))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if *verbose {
		for _, d := range details {
			fmt.Print(d)
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
