package main

import (
	"fmt"
	"strings"
	"time"

	"venuecast/health"
	"venuecast/ingest"
)

// statusText is a status in words.
func statusText(s health.Status) string {
	if s == health.StatusNoData {
		return "no data"
	}
	return string(s)
}

// videoText is what a session's picture was measured to be, or "".
func videoText(v health.Video) string {
	var parts []string
	add := func(known bool, format string, args ...any) {
		if known {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	name := strings.Join(strings.Fields(v.Codec+" "+v.Profile+" "+v.Level), " ")
	add(name != "", "%s", name)
	scan := ""
	if v.Interlaced {
		scan = " interlaced"
	}
	add(v.Width > 0, "%dx%d%s", v.Width, v.Height, scan)
	add(v.FPS > 0, "%.2f fps", v.FPS)
	add(v.Bitrate > 0, "%.2f Mbit/s", float64(v.Bitrate)/1e6)
	add(v.GOP > 0, "keyframes %.2f s apart", v.GOP)
	add(v.OpenGOP, "open GOPs")
	return strings.Join(parts, "  ")
}

// audioText is what its sound was measured to be, or "".
func audioText(a health.Audio) string {
	var parts []string
	add := func(known bool, format string, args ...any) {
		if known {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(a.Codec != "", "%s", a.Codec)
	add(a.SampleRate > 0, "%d Hz", a.SampleRate)
	switch a.Channels {
	case 0:
	case 1:
		add(true, "mono")
	case 2:
		add(true, "stereo")
	default:
		add(true, "%d channels", a.Channels)
	}
	if a.Silent {
		add(true, "silence")
	} else {
		add(a.Bitrate > 0, "%d kbit/s", (a.Bitrate+500)/1000)
	}
	return strings.Join(parts, "  ")
}

// issueText is an issue without its begin and advice.
func issueText(i health.Issue) string {
	return fmt.Sprintf("%s: %s, want %s", i.Type, i.Measured, i.Limit)
}

// clockText is a length of time as h:mm:ss.
func clockText(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// sessionAge is how long a session has lasted.
func sessionAge(s ingest.Session, now time.Time) time.Duration {
	if !s.Live() {
		now = s.Ended
	}
	return max(0, now.Sub(s.Began))
}
