package health

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"venuecast/flv"
)

// change is good with something else.
func change(f func(s *stream)) stream {
	s := good()
	f(&s)
	return s
}

// a verdict is what a Judge said at a time since epoch.
type verdict struct {
	at     time.Duration
	report Report
}

// play gives all to j and asks it four times a second, until behind the last
// message.
func play(j *Judge, all []message) (verdicts []verdict) {
	const every = 250 * time.Millisecond
	ask := all[0].at - all[0].at%every + every
	for _, m := range all {
		for m.at > ask {
			verdicts = append(verdicts, verdict{ask, j.Report(epoch.Add(ask))})
			ask += every
		}
		j.Take(m.kind, m.stamp, m.body, epoch.Add(m.at))
	}
	return append(verdicts, verdict{ask, j.Report(epoch.Add(ask))})
}

// mended is how long the good part behind a bad one is.
const mended = 16 * time.Second

// A sample is a stream with something wrong, and what it is to be called.
type sample struct {
	name     string
	messages func() []message // in order of arrival; the bad part
	want     []Type
	also     []Type        // may be named too, besides want
	after    time.Duration // it cannot be known earlier
	measured string        // in the issue of want[0] once the bad part is over
	status   Status
	once     bool // happens once; clears by itself
}

// of plays s for 20 s.
func of(f func(s *stream)) func() []message {
	return func() []message {
		s := change(f)
		return s.messages(0, 20*time.Second)
	}
}

// arriving plays a good stream for 20 s with other arrivals.
func arriving(at func(m *message) time.Duration) func() []message {
	return func() []message {
		s := good()
		return delayed(s.messages(0, 20*time.Second), at)
	}
}

// stamped plays a good stream for 20 s with other timestamps.
func stamped(stamp func(m *message) uint32) func() []message {
	return func() []message {
		s := good()
		all := s.messages(0, 20*time.Second)
		for i := range all {
			all[i].stamp = stamp(&all[i])
		}
		return all
	}
}

func shifted(m *message, from, by time.Duration) uint32 {
	if m.media >= from {
		return m.stamp + uint32(by/time.Millisecond)
	}
	return m.stamp
}

var samples = []sample{
	{name: "good", messages: of(func(*stream) {}), status: StatusGood},
	{name: "1080p30 3 Mbit/s", messages: of(func(s *stream) { s.w, s.h, s.bitrate = 1920, 1080, 3_000_000 }), status: StatusGood},
	{name: "1080p30 10 Mbit/s", messages: of(func(s *stream) { s.w, s.h, s.bitrate = 1920, 1080, 10_000_000 }), status: StatusGood},
	{name: "standing", messages: of(func(s *stream) { s.w, s.h, s.bitrate = 1080, 1920, 6_000_000 }), status: StatusGood},
	{name: "60 fps", messages: of(func(s *stream) { s.fps, s.bitrate = 60, 6_000_000 }), status: StatusGood},
	{name: "keyframes every 4 s at 29.97 fps", messages: of(func(s *stream) { s.fps, s.gop = 30000./1001, 4004*time.Millisecond }), status: StatusGood},
	{name: "B pictures in closed GOPs", messages: of(func(s *stream) { s.b = true }), status: StatusGood},
	{name: "may be interlaced and is not", messages: of(func(s *stream) { s.fields = true }), status: StatusGood},
	{name: "48 kHz", messages: of(func(s *stream) { s.rate = 48000 }), status: StatusGood},
	{name: "mono", messages: of(func(s *stream) { s.channels, s.audioBitrate = 1, 64_000 }), status: StatusGood},
	{name: "a burst of 10 s at first", messages: arriving(func(m *message) time.Duration { return max(0, m.media-10*time.Second) }), status: StatusGood},
	{
		name: "a burst at first, over a slow link",
		messages: arriving(func(m *message) time.Duration {
			return max(m.media*3/10, m.media-7*time.Second)
		}), status: StatusGood,
	},
	{name: "network in lumps of 0.8 s", messages: arriving(func(m *message) time.Duration {
		return m.media - m.media%(800*time.Millisecond) + 800*time.Millisecond
	}), status: StatusGood},
	{name: "audio in lumps", messages: arriving(func(m *message) time.Duration {
		if m.kind == flv.TypeAudio {
			return m.media - m.media%(500*time.Millisecond) + 500*time.Millisecond
		}
		return m.media
	}), status: StatusGood},
	{name: "slides, one every 2 s", messages: of(func(s *stream) { s.fps, s.bitrate = 0.5, 2_000_000 }), status: StatusGood},
	{name: "slides, with a burst at first", messages: func() []message {
		s := change(func(s *stream) { s.fps, s.bitrate = 0.5, 2_000_000 })
		return delayed(s.messages(0, 30*time.Second), func(m *message) time.Duration { return max(0, m.media-10*time.Second) })
	}, status: StatusGood},
	{name: "bursts of 0.9 s at each second", messages: arriving(func(m *message) time.Duration {
		return m.media - m.media%time.Second + 900*time.Millisecond + m.media%time.Second/10
	}), status: StatusGood},
	{name: "audio and video in turns", messages: arriving(func(m *message) time.Duration {
		const lump = 500 * time.Millisecond
		if m.kind == flv.TypeAudio {
			return m.media - m.media%lump + lump
		}
		return m.media + lump/2 - (m.media+lump/2)%lump + lump/2
	}), status: StatusGood},

	{name: "a pause of 9.5 s, caught up slowly", messages: func() []message {
		s := good()
		return delayed(s.messages(0, 50*time.Second), func(m *message) time.Duration {
			if late := m.media - 10*time.Second; late >= 0 {
				return max(m.media, 19500*time.Millisecond+late*2/3)
			}
			return m.media
		})
	}, want: []Type{ArrivalPause}, also: []Type{VideoIngestionStarved}, after: 10 * time.Second, measured: "9.5 s", status: StatusOK, once: true},
	{name: "audio stops", messages: func() []message {
		s := good()
		return slices.DeleteFunc(s.messages(0, 25*time.Second), func(m message) bool { return m.kind == flv.TypeAudio && m.media > 10*time.Second })
	}, want: []Type{NoAudioStream}, after: 15 * time.Second, measured: "none for", status: StatusBad},
	{name: "video stops", messages: func() []message {
		s := good()
		return slices.DeleteFunc(s.messages(0, 25*time.Second), func(m message) bool { return m.kind == flv.TypeVideo && m.media > 10*time.Second })
	}, want: []Type{NoVideoStream}, also: []Type{VideoIngestionStarved}, after: 13 * time.Second, measured: "none for", status: StatusBad},
	{name: "a pause of 5 s, caught up at three times the pace", messages: arriving(func(m *message) time.Duration {
		if late := m.media - 10*time.Second; late >= 0 && late < 7500*time.Millisecond {
			return 15*time.Second + late/3
		}
		return m.media
	}), want: []Type{ArrivalPause}, also: []Type{VideoIngestionStarved}, after: 10 * time.Second, measured: "5.0 s", status: StatusOK, once: true},
	{name: "a pause of 3 s, whose end was dropped", messages: func() []message {
		s := good()
		all := slices.DeleteFunc(s.messages(0, 20*time.Second), func(m message) bool {
			return m.kind == flv.TypeVideo && m.media >= 11*time.Second && m.media < 14*time.Second
		})
		return delayed(all, func(m *message) time.Duration {
			if m.media >= 10*time.Second && m.media < 13*time.Second {
				return 13 * time.Second
			}
			return m.media
		})
	}, want: []Type{ArrivalPause}, also: []Type{VideoIngestionStarved}, after: 10 * time.Second, measured: "3.0 s", status: StatusOK, once: true},
	{name: "no audio", messages: of(func(s *stream) { s.noAudio = true }), want: []Type{NoAudioStream}, after: 5 * time.Second, status: StatusBad},
	{name: "no video", messages: of(func(s *stream) { s.noVideo = true }), want: []Type{NoVideoStream}, after: 5 * time.Second, status: StatusBad},
	{name: "GOP 8 s", messages: of(func(s *stream) { s.gop = 8 * time.Second }), want: []Type{GOPSizeLong}, after: 4 * time.Second, measured: "8.0 s", status: StatusOK},
	{name: "slides, one every 4.9 s", messages: func() []message {
		s := change(func(s *stream) { s.fps, s.gop, s.bitrate = 1/4.9, 4900*time.Millisecond, 2_000_000 })
		return s.messages(0, 42*time.Second)
	}, want: []Type{GOPSizeLong}, after: 4 * time.Second, measured: "4.9 s", status: StatusOK},
	{
		name: "GOP 30 s", messages: of(func(s *stream) { s.gop = 30 * time.Second }), want: []Type{GOPSizeLong}, after: 4 * time.Second,
		measured: "20.0 s so far", status: StatusOK,
	},
	{
		name: "GOP 60 s", messages: func() []message {
			s := change(func(s *stream) { s.gop = time.Minute })
			return s.messages(0, 40*time.Second)
		},
		want: []Type{GOPSizeOver}, also: []Type{GOPSizeLong}, after: 4 * time.Second, measured: "40.0 s so far", status: StatusBad,
	},
	{name: "GOP 0.2 s", messages: of(func(s *stream) { s.gop = 200 * time.Millisecond }), want: []Type{GOPSizeShort}, after: 2 * time.Second, measured: "0.20 s", status: StatusOK},
	{name: "recovery points", messages: of(func(s *stream) { s.recovery = true }), want: []Type{OpenGOP}, status: StatusOK},
	{name: "recovery points that tags do not mark", messages: of(func(s *stream) { s.recovery, s.unmarked = true, true }), want: []Type{OpenGOP}, status: StatusOK},
	{name: "leading pictures", messages: of(func(s *stream) { s.leading = true }), want: []Type{OpenGOP}, after: 2 * time.Second, status: StatusOK},
	{name: "MP3", messages: of(func(s *stream) { s.audioCodec, s.audioBitrate = 2, 48_000 }), want: []Type{AudioCodec}, measured: "MP3", status: StatusOK},
	{name: "Speex", messages: of(func(s *stream) { s.audioCodec, s.audioBitrate = 11, 24_000 }), want: []Type{AudioCodec}, measured: "Speex", status: StatusBad},
	{name: "Opus", messages: of(func(s *stream) { s.audioFourCC = "Opus" }), want: []Type{AudioCodec}, measured: "Opus (Opus)", status: StatusBad},
	{name: "HE-AAC", messages: of(func(s *stream) {
		s.asc, s.audioBitrate = []byte{0x2b, 0x92, 0x08, 0x00}, 32_000 // SBR, 22050 to 44100 Hz, stereo, AAC-LC
	}), want: []Type{AudioCodec}, measured: "HE-AAC", status: StatusOK},
	{name: "AAC Main", messages: of(func(s *stream) { s.asc = []byte{0x0a, 0x10} }), want: []Type{AudioCodec}, measured: "AAC Main", status: StatusBad},
	{name: "22.05 kHz", messages: of(func(s *stream) { s.rate = 22050 }), want: []Type{AudioSampleRate}, measured: "22.05 kHz", status: StatusOK},
	{name: "5.1", messages: of(func(s *stream) { s.channels, s.audioBitrate = 6, 384_000 }), want: []Type{AudioTooManyChannels}, measured: "6 channels", status: StatusOK},
	{name: "audio 500 kbit/s", messages: of(func(s *stream) { s.audioBitrate = 500_000 }), want: []Type{AudioBitrateHigh}, after: 4 * time.Second, measured: "500 kbit/s", status: StatusOK},
	{name: "audio 40 kbit/s", messages: of(func(s *stream) { s.audioBitrate = 40_000 }), want: []Type{AudioBitrateLow}, after: 4 * time.Second, measured: "40 kbit/s", status: StatusOK},
	{name: "silence", messages: of(func(s *stream) { s.silent = true }), want: []Type{AudioSilent}, after: 4 * time.Second, measured: "digital silence", status: StatusGood},
	{name: "VP6", messages: of(func(s *stream) { s.videoCodec = 4 }), want: []Type{VideoCodec}, measured: "VP6", status: StatusBad},
	{name: "HEVC", messages: of(func(s *stream) { s.fourCC = "hvc1" }), want: []Type{VideoCodec}, measured: "HEVC (hvc1)", status: StatusOK},
	{name: "a FourCC nobody knows", messages: of(func(s *stream) { s.fourCC = "x\x00yz" }), want: []Type{VideoCodec}, measured: `FourCC "x\x00yz"`, status: StatusBad},
	{name: "1080p 300 kbit/s", messages: of(func(s *stream) { s.w, s.h, s.bitrate = 1920, 1080, 300_000 }), want: []Type{BitrateLow}, after: 4 * time.Second, measured: "30", status: StatusOK},
	{name: "720p 8 Mbit/s", messages: of(func(s *stream) { s.bitrate = 8_000_000 }), want: []Type{BitrateHigh}, after: 4 * time.Second, measured: "8.00 Mbit/s", status: StatusOK},
	{name: "field pictures", messages: of(func(s *stream) { s.fields, s.fieldPics = true, true }), want: []Type{InterlacedVideo}, status: StatusOK},
	{name: "MBAFF", messages: of(func(s *stream) { s.fields, s.mbaff = true, true }), want: []Type{InterlacedVideo}, status: StatusOK},
	{name: "75 fps", messages: of(func(s *stream) { s.fps, s.bitrate = 75, 6_000_000 }), want: []Type{FrameRateHigh}, after: 4 * time.Second, measured: "75.0 fps", status: StatusOK},
	{name: "4:3", messages: of(func(s *stream) { s.w, s.h = 960, 720 }), want: []Type{VideoResolutionSuboptimal}, measured: "960x720", status: StatusOK},
	{name: "wide pixels", messages: of(func(s *stream) { s.sar = [2]int{4, 3} }), want: []Type{VideoResolutionSuboptimal}, measured: "1280x720, pixels 4:3", status: StatusOK},
	{name: "8K", messages: of(func(s *stream) { s.w, s.h = 7680, 4320 }), want: []Type{VideoResolutionUnsupported}, measured: "7680x4320", status: StatusBad},
	{name: "tiny", messages: of(func(s *stream) { s.w, s.h = 160, 90 }), want: []Type{VideoResolutionUnsupported}, measured: "160x90", status: StatusBad},
	{name: "half real time", messages: arriving(func(m *message) time.Duration { return 2 * m.media }), want: []Type{VideoIngestionStarved}, after: 6 * time.Second, measured: "0.50 s", status: StatusBad},
	{name: "double real time", messages: func() []message {
		s := good()
		return delayed(s.messages(0, 40*time.Second), func(m *message) time.Duration { return m.media / 2 })
	}, want: []Type{VideoIngestionFasterThanRealtime}, after: 6 * time.Second, measured: "2.00 s", status: StatusBad},
	{name: "no onMetaData", messages: of(func(s *stream) { s.noMetadata = true }), want: []Type{NoMetadata}, after: 5 * time.Second, status: StatusOK},
	{name: "no headers", messages: of(func(s *stream) { s.noHeaders = true }), want: []Type{NoSequenceHeader}, status: StatusBad},
	{
		name: "timestamps jump", messages: stamped(func(m *message) uint32 { return shifted(m, 10*time.Second, 5*time.Second) }),
		want: []Type{TimestampJump}, after: 10 * time.Second, measured: "5.0 s forward", status: StatusOK, once: true,
	},
	{
		name: "timestamps jump by a day", messages: stamped(func(m *message) uint32 { return shifted(m, 10*time.Second, 24*time.Hour) }),
		want: []Type{TimestampJump}, after: 10 * time.Second, status: StatusOK, once: true,
	},
	{
		name: "timestamps go back", messages: stamped(func(m *message) uint32 { return shifted(m, 10*time.Second, -3*time.Second) }),
		want: []Type{TimestampBackwards}, after: 10 * time.Second, measured: "3.0 s back", status: StatusBad, once: true,
	},
	{name: "timestamps cross 2^32", messages: stamped(func(m *message) uint32 { return m.stamp - 5000 }), status: StatusGood},
	{name: "timestamps cross 2^31", messages: stamped(func(m *message) uint32 { return m.stamp + 1<<31 - 5000 }), status: StatusGood},
	{name: "audio 300 ms ahead", messages: stamped(func(m *message) uint32 {
		if m.kind == flv.TypeAudio {
			return m.stamp + 300
		}
		return m.stamp
	}), want: []Type{AudioVideoSkew}, after: 3 * time.Second, measured: "ahead of the pictures", status: StatusGood},
	{name: "audio 150 ms behind", messages: stamped(func(m *message) uint32 {
		if m.kind == flv.TypeAudio {
			return m.stamp - 150
		}
		return m.stamp
	}), want: []Type{AudioVideoSkew}, after: 3 * time.Second, measured: "behind the pictures", status: StatusGood},
	{name: "audio 80 ms ahead", messages: stamped(func(m *message) uint32 {
		if m.kind == flv.TypeAudio {
			return m.stamp + 80
		}
		return m.stamp
	}), status: StatusGood},
	{name: "a pause of 1.5 s", messages: arriving(func(m *message) time.Duration {
		if m.media >= 10*time.Second && m.media < 11500*time.Millisecond {
			return 11500 * time.Millisecond
		}
		return m.media
	}), want: []Type{ArrivalPause}, after: 10 * time.Second, measured: "1.5 s", status: StatusOK, once: true},
	{name: "a pause of 4 s whose pictures were dropped", messages: func() []message {
		s := good()
		return slices.DeleteFunc(s.messages(0, 20*time.Second), func(m message) bool { return m.media > 9990*time.Millisecond && m.media < 14*time.Second })
	}, want: []Type{ArrivalPause}, also: []Type{VideoIngestionStarved}, after: 10 * time.Second, measured: "4.0 s", status: StatusOK, once: true},
	{name: "first picture no keyframe", messages: func() []message {
		s := good()
		return slices.DeleteFunc(s.messages(0, 20*time.Second), func(m message) bool {
			return m.kind == flv.TypeVideo && m.media < time.Second && m.body[1] == 1
		})
	}, want: []Type{FirstFrameNotKey}, measured: "another", status: StatusOK, once: true},
	{name: "a truncated picture", messages: func() []message {
		s := good()
		all := s.messages(0, 20*time.Second)
		for i := range all {
			if m := &all[i]; m.kind == flv.TypeVideo && m.media > 5*time.Second {
				m.body = m.body[:len(m.body)-1]
				break
			}
		}
		return all
	}, want: []Type{MalformedTag}, after: 5 * time.Second, measured: "1 unreadable", status: StatusBad, once: true},
}

// TestNamed: each stream gets its name, within 10 s of that being measurable
// and never earlier, no other one, and loses it within 12 s of being mended.
func TestNamed(t *testing.T) {
	for _, tt := range samples {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJudge(Config{})
			all := tt.messages()
			end := all[len(all)-1]
			named := time.Duration(-1)
			var since time.Time
			for _, v := range play(j, all) {
				got := names(v.report.Issues)
				full := len(got) > 0
				for _, n := range got {
					if !slices.Contains(tt.want, n) && !slices.Contains(tt.also, n) {
						t.Fatalf("at %v: %v", v.at, v.report.Issues)
					}
				}
				for _, n := range tt.want {
					full = full && slices.Contains(got, n)
				}
				if full && named < 0 {
					named = v.at
				}
				if len(got) > 0 && v.at < tt.after {
					t.Fatalf("at %v, before it can be known: %v", v.at, v.report.Issues)
				}
				for _, is := range v.report.Issues {
					if is.Measured == "" || is.Limit == "" || is.Advice == "" || is.Since.IsZero() || is.Since.After(v.report.At) {
						t.Fatalf("at %v: %+v", v.at, is)
					}
					if len(tt.want) == 1 && is.Type == tt.want[0] {
						if since.IsZero() {
							since = is.Since
						}
						if !is.Since.Equal(since) {
							t.Fatalf("at %v: since %v, it was %v", v.at, is.Since, since)
						}
						if v.at >= named+9*time.Second && named > tt.after-time.Second && !strings.Contains(is.Measured, tt.measured) && tt.once {
							t.Errorf("at %v: measured %q, want %q", v.at, is.Measured, tt.measured)
						}
					}
				}
			}
			if len(tt.want) > 0 && (named < 0 || named > tt.after+10*time.Second) && tt.name != "GOP 60 s" {
				t.Fatalf("named %v at %v, want within 10 s of %v", tt.want, named, tt.after)
			}
			last := j.Report(epoch.Add(end.at))
			if !tt.once {
				if last.Status != tt.status {
					t.Errorf("status %s, want %s: %v", last.Status, tt.status, last.Issues)
				}
				if i := slices.IndexFunc(last.Issues, func(is Issue) bool { return len(tt.want) > 0 && is.Type == tt.want[0] }); len(tt.want) > 0 && (i < 0 || !strings.Contains(last.Issues[i].Measured, tt.measured)) {
					t.Errorf("%+v, want %s with %q", last.Issues, tt.want, tt.measured)
				}
			}
			if len(tt.want) == 0 {
				return
			}

			// The same session, mended: timestamps and arrivals go on.
			s := good()
			rest := s.messages(0, mended)
			for i := range rest {
				rest[i].at += end.at + 30*time.Millisecond
				rest[i].stamp += end.stamp + 30
			}
			for _, v := range play(j, rest) {
				if v.at >= end.at+12*time.Second && (len(v.report.Issues) > 0 || v.report.Status != StatusGood) {
					t.Fatalf("%v after it was mended: %s, %v", v.at-end.at, v.report.Status, v.report.Issues)
				}
			}
		})
	}
}

func TestNoData(t *testing.T) {
	j := NewJudge(Config{})
	if r := j.Report(epoch); r.Status != StatusNoData || r.Issues == nil || !r.Since.IsZero() {
		t.Errorf("before anything: %+v", r)
	}
	s := good()
	all := s.messages(0, 10*time.Second)
	for _, m := range all[:3] { // metadata and headers are no media
		j.Take(m.kind, m.stamp, m.body, epoch)
	}
	if r := j.Report(epoch.Add(time.Minute)); r.Status != StatusNoData || len(r.Issues) > 0 {
		t.Errorf("before a picture: %+v", r)
	}
	j = NewJudge(Config{})
	play(j, all)
	for _, tt := range []struct {
		after  time.Duration
		status Status
		names  []Type
	}{
		{500 * time.Millisecond, StatusGood, nil},
		{3 * time.Second, StatusOK, []Type{ArrivalPause}},
		{8 * time.Second, StatusBad, []Type{ArrivalPause, VideoIngestionStarved}},
		{11 * time.Second, StatusNoData, nil},
		{time.Hour, StatusNoData, nil},
	} {
		if r := j.Report(epoch.Add(10*time.Second + tt.after)); r.Status != tt.status || !slices.Equal(names(r.Issues), tt.names) {
			t.Errorf("%v after the last: %s %v, want %s %v", tt.after, r.Status, r.Issues, tt.status, tt.names)
		}
	}
	// It comes back, an hour later, as an encoder does that has gone on counting.
	for i := range all {
		all[i].at += time.Hour
		all[i].stamp += uint32(time.Hour / time.Millisecond)
	}
	verdicts := play(j, all)
	last := verdicts[len(verdicts)-1].report
	if last.Status != StatusOK || !slices.Equal(names(last.Issues), []Type{ArrivalPause}) || last.Issues[0].Since.Sub(epoch.Add(time.Hour)).Abs() > time.Second {
		t.Errorf("after an hour: %s %v", last.Status, last.Issues)
	}
}

func TestFigures(t *testing.T) {
	s := change(func(s *stream) { s.w, s.h, s.fps, s.bitrate, s.b = 1920, 1080, 30000./1001, 6_000_000, true })
	j := NewJudge(Config{})
	play(j, s.messages(0, 20*time.Second))
	r := j.Report(epoch.Add(20 * time.Second))
	if r.Video.FPS < 29.9 || r.Video.FPS > 30 || r.Video.Bitrate < 5_950_000 || r.Video.Bitrate > 6_050_000 ||
		r.Video.GOP < 1.99 || r.Video.GOP > 2.01 || r.Audio.Bitrate < 127_000 || r.Audio.Bitrate > 128_000 ||
		r.Speed < 0.98 || r.Speed > 1.02 || r.Video.Pictures < 599 || r.Audio.Frames < 860 {
		t.Errorf("%+v", r)
	}
	r.Video.FPS, r.Video.Bitrate, r.Video.GOP, r.Video.Pictures = 0, 0, 0, 0
	if want := (Video{Codec: "H.264", Profile: "Main", Level: "4.0", Width: 1920, Height: 1080, PixelAspect: "1:1", BPictures: true}); r.Video != want {
		t.Errorf("%+v, want %+v", r.Video, want)
	}
	r.Audio.Bitrate, r.Audio.Frames = 0, 0
	if want := (Audio{Codec: "AAC-LC", SampleRate: 44100, Channels: 2}); r.Audio != want {
		t.Errorf("%+v, want %+v", r.Audio, want)
	}
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"issues":[]`) || !strings.Contains(string(b), `"status":"good"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestChange: a session that goes over to another size is judged anew, not by
// a mixture of both.
func TestChange(t *testing.T) {
	j := NewJudge(Config{})
	for i, s := range []stream{
		change(func(s *stream) { s.w, s.h, s.bitrate, s.channels, s.audioBitrate = 640, 360, 800_000, 1, 36_000 }),
		change(func(s *stream) { s.w, s.h, s.bitrate = 1920, 1080, 6_000_000 }),
		change(func(s *stream) { s.w, s.h, s.bitrate, s.rate = 640, 360, 800_000, 48000 }),
	} {
		from := time.Duration(i) * 15 * time.Second
		for _, v := range play(j, s.messages(from, from+15*time.Second)) {
			if len(v.report.Issues) > 0 || v.at > from+time.Second && v.report.Video.Width != s.w {
				t.Fatalf("at %v: %v, %+v", v.at, v.report.Issues, v.report.Video)
			}
		}
	}
}

// TestWindow: a shorter window forgets sooner.
func TestWindow(t *testing.T) {
	j := NewJudge(Config{Window: 4 * time.Second})
	s := good()
	all := delayed(s.messages(0, 20*time.Second), func(m *message) time.Duration {
		if m.media >= 5*time.Second {
			return max(m.media, 6500*time.Millisecond)
		}
		return m.media
	})
	var first, last time.Duration
	for _, v := range play(j, all) {
		if len(v.report.Issues) > 0 {
			if last = v.at; first == 0 {
				first = v.at
			}
		}
	}
	if first < 6*time.Second || first > 6500*time.Millisecond || last < 10*time.Second || last > 11*time.Second {
		t.Errorf("the pause is named from %v to %v", first, last)
	}
}

// TestPauseForgets: what is older than the window stays forgotten when nothing
// arrives in its stead.
func TestPauseForgets(t *testing.T) {
	s := good()
	all := s.messages(0, 30*time.Second)
	for i := range all {
		all[i].stamp = shifted(&all[i], 10500*time.Millisecond, 5*time.Second)
	}
	all = slices.DeleteFunc(all, func(m message) bool { return m.media > 20900*time.Millisecond && m.media < 22600*time.Millisecond })
	j := NewJudge(Config{})
	for _, v := range play(j, all) {
		if jumped := slices.Contains(names(v.report.Issues), TimestampJump); jumped && v.at > 21500*time.Millisecond {
			t.Fatalf("at %v: %v", v.at, v.report.Issues)
		}
	}
}

// TestSinceUnasked: an issue begins when it does, not when somebody asks.
func TestSinceUnasked(t *testing.T) {
	s := change(func(s *stream) { s.noAudio = true })
	j := NewJudge(Config{})
	for _, m := range s.messages(0, 30*time.Second) {
		j.Take(m.kind, m.stamp, m.body, epoch.Add(m.at))
	}
	r := j.Report(epoch.Add(30 * time.Second))
	if len(r.Issues) != 1 || r.Issues[0].Since.Sub(epoch.Add(5*time.Second)).Abs() > time.Second || !r.Since.Equal(r.Issues[0].Since) {
		t.Errorf("since %v: %v", r.Since, r.Issues)
	}
}

// TestSinceBreaks: an issue that was gone in between begins anew.
func TestSinceBreaks(t *testing.T) {
	bad, fine := change(func(s *stream) { s.silent = true }), good()
	j := NewJudge(Config{})
	var begun []time.Time
	for i := range 3 {
		from := time.Duration(i) * 20 * time.Second
		for _, s := range []*stream{&bad, &fine} {
			all := s.messages(from, from+10*time.Second)
			for _, v := range play(j, all) {
				if is := v.report.Issues; len(is) == 1 && !slices.Contains(begun, is[0].Since) {
					begun = append(begun, is[0].Since)
				}
			}
			from += 10 * time.Second
		}
	}
	if len(begun) != 3 || begun[1].Sub(begun[0]) < 15*time.Second {
		t.Errorf("began at %v, want three times", begun)
	}
}

func TestRulesTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		key := fmt.Sprint(r.Type, r.Severity)
		if seen[key] {
			t.Errorf("%s twice", key)
		}
		seen[key] = true
		judged := r.Severity != ""
		if r.Source == "" || judged != (r.Limit != "") || judged != (r.Advice != "") || r.Verified && !r.YouTube {
			t.Errorf("%+v", r)
		}
		if judged && (!strings.HasSuffix(r.Advice, ".") || strings.Contains(r.Advice, ". ")) {
			t.Errorf("%s: advice of more or less than a sentence: %q", r.Type, r.Advice)
		}
	}
	for _, r := range streamRules { // every rule that one stream is judged by has a sample
		if !slices.ContainsFunc(samples, func(s sample) bool { return slices.Contains(s.want, r.Type) }) {
			t.Errorf("no sample is named %s", r.Type)
		}
	}
}
