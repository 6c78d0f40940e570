package broadcaster

import (
	"context"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

// pictures is a source of test card pictures at given times, then of nothing
// more.
type pictures struct {
	at     []time.Duration
	mangle func(i int, au *h264.AccessUnit)
}

func (p pictures) Run(_ context.Context, emit func(*h264.AccessUnit)) error {
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180, KeyframeInterval: time.Second})
	if err != nil {
		return err
	}
	var au h264.AccessUnit
	for i, at := range p.at {
		enc.Encode(&au, int64(i), time.Unix(0, 0), i%30 == 0)
		au.DTS, au.PTS, au.Keyframe = at, at, i%30 == 0
		if p.mangle != nil {
			p.mangle(i, &au)
		}
		emit(&au)
	}
	return nil
}

func evenly(n int, period time.Duration) (at []time.Duration) {
	for i := range n {
		at = append(at, time.Second+time.Duration(i)*period)
	}
	return at
}

// pump runs source through a pump and gives everything that it published.
func pump(t *testing.T, source FrameSource, cfg PumpConfig) ([]flv.Tag, *Pump, *logtest.Hook) {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	hub := NewHub()
	// As if it had subscribed before the first tag, and were endlessly patient.
	sub := hub.Subscribe(1000 * time.Hour)
	sub.begun, sub.waiting = true, false
	defer sub.Close()
	cfg.Bitrate, cfg.Encoder = 4e6, "test"
	p, err := NewPump(source, hub, cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var tags []flv.Tag
	for {
		tag, err := sub.take()
		if err != nil {
			return tags, p, hook
		}
		tags = append(tags, tag)
	}
}

var cd = PumpConfig{SampleRate: 44100, Channels: 2}

func TestPumpBeginsWithMetadataAndHeaders(t *testing.T) {
	tags, p, _ := pump(t, pictures{at: evenly(61, time.Second/30)}, cd)
	m, err := flv.ParseMetadata(tags[0].Body)
	if err != nil || tags[0].Type != flv.TypeScript {
		t.Fatalf("the first tag is of type %d, %v; want metadata", tags[0].Type, err)
	}
	want := flv.Metadata{
		Width: 320, Height: 180, FrameRate: 30, VideoDataRate: 4000, AudioDataRate: 128,
		VideoCodecID: 7, AudioCodecID: 10, AudioSampleRate: 44100, AudioSampleSize: 16, Stereo: true, Encoder: "test",
	}
	if m != want {
		t.Errorf("metadata %+v\nwant %+v", m, want)
	}
	headers := map[flv.TagType]int{}
	for i, tag := range tags[1:] {
		if tag.Header {
			headers[tag.Type]++
		} else if headers[tag.Type] == 0 {
			t.Errorf("tag %d of type %d comes before its sequence header", i+1, tag.Type)
		}
	}
	if headers[flv.TypeVideo] != 1 || headers[flv.TypeAudio] != 1 {
		t.Errorf("sequence headers by type %v, want one each", headers)
	}
	if st := p.Stats(); st.Pictures != 61 || st.Keyframes != 3 || st.Unusable != 0 || st.LastPicture.IsZero() {
		t.Errorf("stats %+v", st)
	}
}

// silentFrames gives the times of the audio frames.
func silentFrames(tags []flv.Tag) (at []time.Duration) {
	for _, tag := range tags {
		if tag.Type == flv.TypeAudio && !tag.Header {
			at = append(at, tag.DTS)
		}
	}
	return at
}

func TestSilenceEndsWhereThePictureDoes(t *testing.T) {
	for _, audio := range []PumpConfig{cd, {SampleRate: 48000, Channels: 1}, {SampleRate: 32000, Channels: 2}} {
		frame := time.Duration(float64(aac.SamplesPerFrame) / float64(audio.SampleRate) * float64(time.Second))
		tags, _, _ := pump(t, pictures{at: evenly(3000, 1001*time.Second/30000)}, audio)
		var sound time.Duration
		for _, tag := range tags {
			switch {
			case tag.Header:
			case tag.Type == flv.TypeAudio:
				sound = tag.DTS
			case tag.DTS-sound < 0 || tag.DTS-sound > frame:
				t.Fatalf("%d Hz: the picture at %v has sound up to %v", audio.SampleRate, tag.DTS, sound)
			}
		}
		at := silentFrames(tags)
		for i, dts := range at {
			want := at[0] + time.Duration(float64(i)*float64(aac.SamplesPerFrame)/float64(audio.SampleRate)*1e9)
			if d := (dts - want).Abs(); d > time.Microsecond {
				t.Fatalf("%d Hz: frame %d is %v off its sample", audio.SampleRate, i, d)
			}
		}
	}
}

func TestSilenceOverMonths(t *testing.T) {
	p := position{frames: 44100 / 4 * 86400 * 365 / 256, rate: 44100} // a year
	want := time.Duration(p.frames*aac.SamplesPerFrame/44100) * time.Second
	if got := p.end(); got < want || got > want+time.Second {
		t.Errorf("after a year: %v, want %v", got, want)
	}
}

func TestSilenceBridgesAShortPauseOfTheCamera(t *testing.T) {
	short := append(evenly(30, time.Second/30), 5*time.Second)
	tags, _, _ := pump(t, pictures{at: short}, cd)
	at := silentFrames(tags)
	if n := len(at); n < 170 || n > 174 {
		t.Errorf("%d silent frames in 4 s, want 172", n)
	}
	long := append(evenly(30, time.Second/30), time.Hour)
	tags, _, _ = pump(t, pictures{at: long}, cd)
	if n := len(silentFrames(tags)); n > 60 {
		t.Errorf("%d silent frames at once after an hour without a camera", n)
	}
	if at := silentFrames(tags); at[len(at)-1] != time.Hour {
		t.Errorf("sound goes on at %v, the picture at 1h", at[len(at)-1])
	}
}

func TestMetadataFollowsTheSize(t *testing.T) {
	other, err := slate.NewEncoder(slate.Config{Width: 640, Height: 360})
	if err != nil {
		t.Fatal(err)
	}
	var big h264.AccessUnit
	tags, _, _ := pump(t, pictures{at: evenly(40, time.Second/30), mangle: func(i int, au *h264.AccessUnit) {
		if i >= 35 { // the camera has been restarted, with another size
			other.Encode(&big, int64(i-35), time.Unix(0, 0), i == 35)
			au.NALUs, au.Keyframe = big.NALUs, i == 35
		}
	}}, cd)
	var order []string
	for _, tag := range tags {
		switch m, err := flv.ParseMetadata(tag.Body); {
		case tag.Type == flv.TypeScript && err == nil && m.Width == 640:
			order = append(order, "metadata")
		case tag.Type == flv.TypeVideo && tag.Header && tag.DTS > 2*time.Second:
			order = append(order, "header")
		case tag.Type == flv.TypeVideo && tag.DTS > 2*time.Second+150*time.Millisecond:
			order = append(order, "picture")
		}
	}
	if len(order) < 3 || order[0] != "metadata" || order[1] != "header" || order[2] != "picture" {
		t.Errorf("after the change: %v, want metadata, header, picture", order)
	}
}

func TestPumpNamesWhatIsWrong(t *testing.T) {
	_, p, hook := pump(t, pictures{at: evenly(700, time.Second/30), mangle: func(i int, au *h264.AccessUnit) {
		au.Keyframe = i == 0
	}}, cd)
	var named int
	for _, e := range hook.AllEntries() {
		if e.Level == logrus.WarnLevel && len(e.Message) > 12 && e.Message[:12] == "no keyframes" {
			named++
		}
	}
	if named != 2 {
		t.Errorf("named %d times in 23 s that there are no keyframes, want 2", named)
	}
	if p.Stats().Unusable != 0 {
		t.Errorf("%+v", p.Stats())
	}

	_, p, hook = pump(t, pictures{at: evenly(700, time.Second/30), mangle: func(_ int, au *h264.AccessUnit) {
		au.NALUs = au.NALUs[len(au.NALUs)-1:] // its slice alone
	}}, cd)
	if p.Stats().Unusable != 700 || p.Stats().Pictures != 0 {
		t.Errorf("without parameter sets: %+v", p.Stats())
	}
	if n := len(hook.AllEntries()); n == 0 || n > 3 {
		t.Errorf("%d log entries about 700 pictures without parameter sets", n)
	}
}
