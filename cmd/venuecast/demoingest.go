package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/health"
	"venuecast/ingest"
)

// demoIngest is the rehearsal ingest, for the demo's broadcast alone: it knows
// nothing but the bytes on the wire.
type demoIngest struct {
	ingest *ingest.Ingest

	mu       sync.Mutex
	sessions []ingest.Session // that have ended
}

// newDemoIngest returns an ingest that takes only the key in keyFile.
func newDemoIngest(keyFile string, log logrus.FieldLogger) (*demoIngest, error) {
	keys, _, err := ingest.LoadKeys([]string{keyFile})
	if err != nil {
		return nil, err
	}
	d := new(demoIngest)
	d.ingest = ingest.New(ingest.Config{Keys: keys, Event: d.event, Log: log})
	return d, nil
}

// run takes the broadcast in until ctx is done.
func (d *demoIngest) run(ctx context.Context, l net.Listener) error { return d.ingest.Run(ctx, l) }

func (d *demoIngest) event(e ingest.Event) {
	if e.Kind != ingest.Disconnected {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions = append(d.sessions, e.Session)
}

// errNothingArrived is what the demo fails with.
var errNothingArrived = errors.New("the ingest received no picture")

// summary prints what arrived, and the verdict on it.
func (d *demoIngest) summary(w io.Writer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all ingest.Totals
	goodbyes, intervals := 0, 0
	for _, s := range d.sessions {
		t := s.Totals
		all.Bytes += t.Bytes
		all.Pictures += t.Pictures
		all.Keyframes += t.Keyframes
		all.AudioFrames += t.AudioFrames
		all.Span += t.Span
		all.LongestPause = max(all.LongestPause, t.LongestPause)
		all.LongestGroup = max(all.LongestGroup, t.LongestGroup)
		all.Backwards += t.Backwards
		all.Unreadable += t.Unreadable
		all.SoundLead = t.SoundLead
		intervals += max(0, t.Pictures-1)
		if s.Goodbye {
			goodbyes++
		}
	}
	if intervals == 0 {
		return errNothingArrived
	}
	last := d.sessions[len(d.sessions)-1]
	video, audio := last.Report.Video, last.Report.Audio
	p := print{w: w}
	p.f("\nthe ingest received, in %.1f s of stream and %d session(s), %d of them ended by a goodbye:\n", all.Span.Seconds(), len(d.sessions), goodbyes)
	p.f("  video   %s %dx%d, %d pictures, %.2f fps, %d keyframes, at most %.2f s apart\n",
		video.Codec, video.Width, video.Height, all.Pictures, perSecond(int64(intervals), all.Span), all.Keyframes, all.LongestGroup.Seconds())
	p.f("  audio   %s %d Hz, %d channel(s), %d frames%s, ends %d ms from the picture\n",
		audio.Codec, audio.SampleRate, audio.Channels, all.AudioFrames, ofSilence(audio), -all.SoundLead.Milliseconds())
	p.f("  rate    %.2f Mbit/s, announced %.2f\n", megabits(all.Bytes, all.Span), float64(last.Announced)/1e6)
	p.f("  order   longest pause between two pictures %d ms, %d timestamps backwards, %d unreadable messages\n",
		all.LongestPause/time.Millisecond, all.Backwards, all.Unreadable)
	p.f("  verdict %s\n", statusText(last.Status))
	for _, i := range last.Issues {
		p.f("  %-7s %s\n", i.Severity, issueText(i))
		if i.Severity != health.SeverityInfo {
			p.f("          %s\n", i.Advice)
		}
	}
	return p.err
}

func ofSilence(a health.Audio) string {
	if a.Silent {
		return " of silence"
	}
	return ""
}
