package health

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"venuecast/flv"
)

// gappy is a good stream of which only the first part of each cycle has
// messages of kind.
func gappy(kind flv.TagType, part, cycle, length time.Duration) []message {
	s := good()
	return slices.DeleteFunc(s.messages(0, length), func(m message) bool {
		return m.kind == kind && m.media%cycle >= part
	})
}

// TestHoles: what is missing of one kind is named as long as it goes on
// missing, though the other hides it.
func TestHoles(t *testing.T) {
	for _, tt := range []struct {
		name        string
		kind        flv.TagType
		part, cycle time.Duration
		want        []Type
		measured    string
		fps         float64
	}{
		{"0.9 s of pictures in 5 s", flv.TypeVideo, 900 * time.Millisecond, 5 * time.Second, []Type{ArrivalPause, VideoIngestionStarved}, "no picture for 4.1 s", 5.4},
		{"1.5 s of pictures in 3 s", flv.TypeVideo, 1500 * time.Millisecond, 3 * time.Second, []Type{ArrivalPause, VideoIngestionStarved}, "no picture for 1.5 s", 15},
		{"0.9 s of sound in 5 s", flv.TypeAudio, 900 * time.Millisecond, 5 * time.Second, []Type{ArrivalPause}, "no sound for 4.1 s", 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge(Config{})
			var since time.Time
			for _, v := range play(j, gappy(tt.kind, tt.part, tt.cycle, time.Minute)) {
				if v.at < 10*time.Second {
					continue
				}
				r := v.report
				if !slices.Equal(names(r.Issues), tt.want) {
					t.Fatalf("at %v: %v, want %v", v.at, r.Issues, tt.want)
				}
				is := r.Issues[len(r.Issues)-1]
				if since.IsZero() {
					since = is.Since
				}
				if is.Measured != tt.measured || !is.Since.Equal(since) {
					t.Errorf("at %v: %v since %v, want %q since %v", v.at, is, is.Since, tt.measured, since)
				}
				if math.Abs(r.Video.FPS-tt.fps) > tt.fps/3 {
					t.Errorf("at %v: %.1f fps, want about %.1f", v.at, r.Video.FPS, tt.fps)
				}
			}
		})
	}
}

// TestHolesInTimestamps: pictures that a sender dropped while it caught up
// leave no gap between arrivals.
func TestHolesInTimestamps(t *testing.T) {
	all := delayed(gappy(flv.TypeVideo, 2*time.Second, 4*time.Second, 20*time.Second), func(m *message) time.Duration {
		if m.kind == flv.TypeVideo { // the two seconds take four
			return m.media + m.media%(4*time.Second)
		}
		return m.media
	})
	j := NewJudge(Config{})
	play(j, all)
	r := j.Report(epoch.Add(20 * time.Second))
	if i := slices.IndexFunc(r.Issues, func(is Issue) bool { return is.Type == ArrivalPause }); i < 0 || r.Issues[i].Measured != "no picture for 2.0 s" || r.Status != StatusBad {
		t.Errorf("%s %v", r.Status, r.Issues)
	}
}

// TestHolesThatSkip: a hole stays one where the timestamps behind it are a
// little further than it lasted.
func TestHolesThatSkip(t *testing.T) {
	all := gappy(flv.TypeVideo, 2*time.Second, 5*time.Second, 24*time.Second)
	for i := range all {
		m := &all[i]
		m.stamp += uint32(m.media/(5*time.Second)) * 300
	}
	j := NewJudge(Config{})
	play(j, all)
	r := j.Report(epoch.Add(24 * time.Second))
	for _, want := range []Type{ArrivalPause, VideoIngestionStarved} {
		if !slices.Contains(names(r.Issues), want) {
			t.Errorf("%s %v, want %s", r.Status, r.Issues, want)
		}
	}
}

// TestSlow: few pictures are no holes where that is what the stream has.
func TestSlow(t *testing.T) {
	for _, fps := range []float64{3, 1, 0.5, 0.3} {
		s := change(func(s *stream) {
			s.fps, s.bitrate = fps, 2_000_000
			s.gop = time.Duration(max(1, 1/fps) * float64(time.Second))
		})
		j := NewJudge(Config{})
		for _, v := range play(j, s.messages(0, time.Minute)) {
			if len(v.report.Issues) > 0 || v.at > 15*time.Second && math.Abs(v.report.Video.FPS-fps) > 0.1 {
				t.Fatalf("%v fps: at %v: %v, %.2f fps", fps, v.at, v.report.Issues, v.report.Video.FPS)
			}
		}
	}
}

// TestDeadCamera: holes that end in no picture at all end in that name alone.
func TestDeadCamera(t *testing.T) {
	all := slices.DeleteFunc(gappy(flv.TypeVideo, 900*time.Millisecond, 5*time.Second, time.Minute), func(m message) bool {
		return m.kind == flv.TypeVideo && m.media > 30*time.Second
	})
	j := NewJudge(Config{})
	for _, v := range play(j, all) {
		if got := names(v.report.Issues); v.at > 42*time.Second && !slices.Equal(got, []Type{NoVideoStream}) {
			t.Fatalf("at %v: %v", v.at, v.report.Issues)
		}
	}
}

// TestBack: an hour without anything is one pause and no starvation.
func TestBack(t *testing.T) {
	s := good()
	all := s.messages(0, 20*time.Second)
	for i := range all {
		if m := &all[i]; m.media >= 10*time.Second {
			m.at += time.Hour
			m.stamp += uint32(time.Hour / time.Millisecond)
		}
	}
	j := NewJudge(Config{})
	for _, v := range play(j, all) {
		if got := names(v.report.Issues); v.at > time.Hour+10*time.Second && !slices.Equal(got, []Type{ArrivalPause}) {
			t.Fatalf("at %v: %v", v.at, v.report.Issues)
		}
	}
}

// TestSkips: steps too small to be named one by one are named together.
func TestSkips(t *testing.T) {
	for _, tt := range []struct {
		name      string
		by, every time.Duration
		named     bool
	}{
		{"900 ms each 3 s", 900 * time.Millisecond, 3 * time.Second, true},
		{"300 ms each second", 300 * time.Millisecond, time.Second, true},
		{"900 ms each 20 s", 900 * time.Millisecond, 20 * time.Second, false},
		{"100 ms each second", 100 * time.Millisecond, time.Second, false}, // may be late pictures
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := good()
			all := s.messages(0, 40*time.Second)
			for i := range all {
				m := &all[i]
				m.stamp += uint32(m.media/tt.every) * uint32(tt.by/time.Millisecond)
			}
			j := NewJudge(Config{})
			for _, v := range play(j, all) {
				r := v.report
				if v.at < 8*time.Second && len(r.Issues) == 0 {
					continue
				}
				if named := slices.Equal(names(r.Issues), []Type{TimestampJump}); named != tt.named || !named && len(r.Issues) > 0 {
					t.Fatalf("at %v: %v", v.at, r.Issues)
				}
				if tt.named && (!strings.HasSuffix(r.Issues[0].Measured, " s forward") || r.Status != StatusOK) {
					t.Fatalf("at %v: %s %v", v.at, r.Status, r.Issues)
				}
			}
		})
	}
}

// TestLongGOP: a GOP that is too long is named without a break, by one name
// once it is known how long it is, and no longer than a window after the last.
func TestLongGOP(t *testing.T) {
	for _, tt := range []struct {
		window, gop, length, settled time.Duration
		want                         Type
		measured                     string
	}{
		{0, 25 * time.Second, 130 * time.Second, 21 * time.Second, GOPSizeOver, "25.0 s"},
		{0, 40 * time.Second, 210 * time.Second, 21 * time.Second, GOPSizeOver, "40.0 s"},
		{3 * time.Second, 8 * time.Second, 60 * time.Second, 5 * time.Second, GOPSizeLong, "8.0 s"},
	} {
		t.Run(tt.gop.String(), func(t *testing.T) {
			j := NewJudge(Config{Window: tt.window})
			s := change(func(s *stream) { s.gop = tt.gop })
			var since time.Time
			check := func(v verdict) {
				r := v.report
				if !slices.Equal(names(r.Issues), []Type{tt.want}) {
					t.Fatalf("at %v: %v", v.at, r.Issues)
				}
				if since.IsZero() {
					since = r.Issues[0].Since
				}
				if !r.Issues[0].Since.Equal(since) || v.at > tt.gop+time.Second && r.Issues[0].Measured != tt.measured {
					t.Fatalf("at %v: %v since %v, want %s since %v", v.at, r.Issues[0], r.Issues[0].Since, tt.measured, since)
				}
			}
			for _, v := range play(j, s.messages(0, tt.length)) {
				if v.at > tt.settled {
					check(v)
				}
			}
			fine := good()
			rest := fine.messages(tt.length, tt.length+30*time.Second)
			for _, v := range play(j, rest) {
				if v.at > tt.length+14*time.Second && len(v.report.Issues) > 0 {
					t.Fatalf("%v after it was mended: %v", v.at-tt.length, v.report.Issues)
				}
			}
		})
	}
}

// TestSkewStep: a skew is named, and forgotten, soon after it begins and ends.
func TestSkewStep(t *testing.T) {
	for _, tt := range []struct {
		by       time.Duration
		severity Severity
		measured string
	}{
		{400 * time.Millisecond, SeverityInfo, "ahead of the pictures"},
		{-150 * time.Millisecond, SeverityInfo, "behind the pictures"},
		{-2 * time.Second, SeverityInfo, "behind the pictures"},
		{-3 * time.Second, SeverityWarning, "behind the pictures"},
	} {
		t.Run(tt.by.String(), func(t *testing.T) {
			s := good()
			all := s.messages(0, 40*time.Second)
			for i := range all {
				if m := &all[i]; m.kind == flv.TypeAudio {
					if m.stamp = shifted(m, 10*time.Second, tt.by); m.media >= 25*time.Second {
						m.stamp -= uint32(tt.by / time.Millisecond)
					}
				}
			}
			j := NewJudge(Config{})
			for _, v := range play(j, all) {
				i := slices.IndexFunc(v.report.Issues, func(is Issue) bool { return is.Type == AudioVideoSkew })
				// Where sound goes back it is named for that as well.
				if i >= 0 != (v.at > 10*time.Second && v.at < 25*time.Second) && (v.at-10*time.Second).Abs() > 5*time.Second && (v.at-25*time.Second).Abs() > 5*time.Second {
					t.Fatalf("at %v: %v", v.at, v.report.Issues)
				}
				if v.at > 15*time.Second && v.at < 25*time.Second {
					if is := v.report.Issues[i]; is.Severity != tt.severity || !strings.Contains(is.Measured, tt.measured) || !strings.Contains(is.Advice, "on purpose") {
						t.Fatalf("at %v: %+v", v.at, is)
					}
				}
			}
		})
	}
}

// TestOffset: sound that is stamped earlier or later from the beginning is no
// reason to call a stream less than good.
func TestOffset(t *testing.T) {
	for _, offset := range []time.Duration{-2 * time.Second, -150 * time.Millisecond, 150 * time.Millisecond, 2 * time.Second} {
		s := good()
		all := s.messages(0, 20*time.Second)
		for i := range all {
			if all[i].kind == flv.TypeAudio {
				all[i].stamp += uint32(offset / time.Millisecond)
			}
		}
		j := NewJudge(Config{})
		for _, v := range play(j, all) {
			if got := names(v.report.Issues); v.report.Status != StatusGood || v.at > 5*time.Second && !slices.Equal(got, []Type{AudioVideoSkew}) {
				t.Fatalf("%v: at %v: %s %v", offset, v.at, v.report.Status, v.report.Issues)
			}
		}
	}
}

// TestPairBegins: a backup of the same file, whose bitrate varies, is no other
// stream because it has only just begun.
func TestPairBegins(t *testing.T) {
	vary := func(at time.Duration) []message { // each GOP has a second of much and one of little
		little := change(func(s *stream) { s.bitrate, s.audioBitrate = 1_000_000, 48_000 })
		much := change(func(s *stream) { s.bitrate, s.audioBitrate = 5_000_000, 160_000 })
		a, b := much.messages(0, 20*time.Second), little.messages(0, 20*time.Second)
		for i := range a {
			if a[i].media%(2*time.Second) >= time.Second {
				a[i].body = b[i].body
			}
			a[i].at += at
		}
		return a
	}
	primary, backup := NewJudge(Config{}), NewJudge(Config{})
	const joins = 15 * time.Second
	first := vary(0)
	play(primary, first)
	now := epoch.Add(first[len(first)-1].at)
	for _, v := range play(backup, vary(joins)) {
		if issues := Compare(primary.Report(now), v.report); len(issues) > 0 {
			t.Fatalf("%v after the backup began: %v", v.at-joins, issues)
		}
	}
}
