package health

import (
	"slices"
	"testing"
	"time"
)

// judged is what a Judge says of 12 s of s.
func judged(s stream) Report {
	j := NewJudge(Config{})
	play(j, s.messages(0, 12*time.Second))
	return j.Report(epoch.Add(12 * time.Second))
}

func TestCompare(t *testing.T) {
	primary := judged(good())
	for _, tt := range []struct {
		name     string
		backup   Report
		want     []Type
		measured string
	}{
		{"the same", judged(good()), nil, ""},
		{"a little less", judged(change(func(s *stream) { s.bitrate = 3_500_000 })), nil, ""},
		{"digital silence", judged(change(func(s *stream) { s.silent = true })), nil, ""},
		{"nothing yet", NewJudge(Config{}).Report(epoch), nil, ""},
		{"size", judged(change(func(s *stream) { s.w, s.h = 1920, 1080 })), []Type{ResolutionMismatch}, "primary 1280x720, backup 1920x1080"},
		{"codec", judged(change(func(s *stream) { s.videoCodec = 4 })), []Type{VideoCodecMismatch}, "primary H.264, backup VP6"},
		{"interlace", judged(change(func(s *stream) { s.fields, s.mbaff = true, true })), []Type{VideoInterlaceMismatch}, "primary progressive, backup interlaced"},
		{"video bitrate", judged(change(func(s *stream) { s.bitrate = 2_000_000 })), []Type{VideoBitrateMismatch}, "primary 4.00 Mbit/s, backup 2.00 Mbit/s"},
		{"frame rate", judged(change(func(s *stream) { s.fps = 25 })), []Type{FramerateMismatch}, "primary 30.00 fps, backup 25.00 fps"},
		{"GOP", judged(change(func(s *stream) { s.gop = 4 * time.Second })), []Type{GOPMismatch}, "primary 2.0 s, backup 4.0 s"},
		{"sample rate", judged(change(func(s *stream) { s.rate = 48000 })), []Type{AudioSampleRateMismatch}, "primary 44.1 kHz, backup 48 kHz"},
		{"mono", judged(change(func(s *stream) { s.channels = 1 })), []Type{AudioStereoMismatch}, "primary 2, backup 1"},
		{"audio codec", judged(change(func(s *stream) { s.audioCodec = 2 })), []Type{AudioCodecMismatch}, "primary AAC-LC, backup MP3"},
		{"audio bitrate", judged(change(func(s *stream) { s.audioBitrate = 256_000 })), []Type{AudioBitrateMismatch}, "primary 128 kbit/s, backup 256 kbit/s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Compare(primary, tt.backup)
			if !slices.Equal(names(got), tt.want) {
				t.Fatalf("%v, want %v", got, tt.want)
			}
			if len(got) == 1 && (got[0].Measured != tt.measured || !got[0].YouTube || got[0].Advice == "" || got[0].Limit == "" || got[0].Since.IsZero()) {
				t.Errorf("%+v, want measured %q", got[0], tt.measured)
			}
			if again := Compare(tt.backup, primary); !slices.Equal(names(again), tt.want) {
				t.Errorf("the other way round: %v", again)
			}
		})
	}
	high := primary
	high.Video.Profile = "High"
	if got := Compare(primary, high); !slices.Equal(names(got), []Type{VideoProfileMismatch}) {
		t.Errorf("profile: %v", got)
	}
}

func TestPairSince(t *testing.T) {
	var (
		p    Pair
		a, b = judged(good()), judged(change(func(s *stream) { s.fps = 25 }))
		at   = func(r Report, d time.Duration) Report { r.At = epoch.Add(d); return r }
	)
	for i, tt := range []struct {
		backup Report
		since  time.Duration
	}{{a, -1}, {b, 1}, {b, 1}, {a, -1}, {b, 4}} {
		now := time.Duration(i)
		got := p.Compare(at(a, now), at(tt.backup, now))
		if (len(got) == 0) != (tt.since < 0) || len(got) == 1 && !got[0].Since.Equal(epoch.Add(tt.since)) {
			t.Errorf("%d: %+v, want since %d", i, got, tt.since)
		}
	}
}
