package health

import (
	"testing"
	"time"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

// card is the test card with silence, as it goes on air.
func card(tb testing.TB, cfg slate.Config, length time.Duration) (all []message) {
	tb.Helper()
	encoder, err := slate.NewEncoder(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	audio, err := flv.NewAudioMuxer(aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 44100, ChannelConfig: 2})
	if err != nil {
		tb.Fatal(err)
	}
	silence, err := aac.SilentFrame(44100, 2)
	if err != nil {
		tb.Fatal(err)
	}
	var (
		video  flv.VideoMuxer
		au     h264.AccessUnit
		tags   = []flv.Tag{flv.Metadata{Width: 1280, Height: 720}.Tag(0)}
		frames int64
	)
	for n := range encoder.Rate().Pictures(length) {
		au.DTS = encoder.Rate().Time(n)
		au.PTS = au.DTS
		encoder.Encode(&au, n, epoch, false)
		if tags, err = video.Mux(tags, &au); err != nil {
			tb.Fatal(err)
		}
		for {
			at := time.Duration(frames) * aac.SamplesPerFrame * time.Second / 44100
			if at > au.DTS {
				break
			}
			if tags, err = audio.Mux(tags, silence, at); err != nil {
				tb.Fatal(err)
			}
			frames++
		}
	}
	for _, tag := range tags {
		all = append(all, message{kind: tag.Type, media: tag.DTS, stamp: uint32(tag.DTS / time.Millisecond), body: tag.Body, at: tag.DTS})
	}
	return all
}

// TestCard: our own test card is good, and its silence is called silence.
func TestCard(t *testing.T) {
	j := NewJudge(Config{})
	for _, v := range play(j, card(t, slate.Config{Bitrate: 4_000_000}, 20*time.Second)) {
		is := v.report.Issues
		if v.report.Status != StatusGood || len(is) > 1 || len(is) == 1 && is[0].Type != AudioSilent || v.at > 6*time.Second && len(is) == 0 {
			t.Fatalf("at %v: %s %v", v.at, v.report.Status, is)
		}
	}
	if r := j.Report(epoch.Add(20 * time.Second)); r.Video.Bitrate < 3_900_000 || r.Video.Bitrate > 4_100_000 || r.Video.OpenGOP {
		t.Errorf("%+v", r.Video)
	}
}
