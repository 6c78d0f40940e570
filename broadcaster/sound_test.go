package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"pgregory.net/rapid"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/slate"
)

const ms = time.Millisecond

var (
	stereo44 = silentConfig(44100, 2)
	stereo48 = silentConfig(48000, 2)
	mono32   = silentConfig(32000, 1)
	five1    = silentConfig(48000, 6)
)

// loud is what the real frames of the tests hold: nobody here decodes it.
var loud = []byte("\x21 a frame of real sound")

// A desk is a pump that is fed by hand.
type desk struct {
	*Pump
	hub  *Hub
	sub  *Subscription
	hook *logtest.Hook
	enc  *slate.Encoder
	n    int64
	au   h264.AccessUnit
}

func newDesk(t testing.TB, cfg PumpConfig) *desk {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	enc, err := slate.NewEncoder(slate.Config{Width: 64, Height: 48})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{hub: NewHub(), hook: hook, enc: enc}
	if d.Pump, err = NewPump(nil, d.hub, cfg, log); err != nil {
		t.Fatal(err)
	}
	// As if it had subscribed before the first tag, and were endlessly patient.
	d.sub = d.hub.Subscribe(1000 * time.Hour)
	d.sub.begun, d.sub.waiting, d.sub.base = true, false, -time.Hour
	t.Cleanup(d.sub.Close)
	return d
}

// show gives the pump a picture, a keyframe every 60.
func (d *desk) show(at time.Duration) {
	d.enc.Encode(&d.au, d.n, time.Unix(0, 0), d.n%60 == 0)
	d.au.DTS, d.au.PTS = at, at
	d.n++
	d.accept(&d.au)
}

func (d *desk) sound(config aac.Config, at time.Duration) {
	d.AcceptAudio(&aac.Frame{Config: config, Data: loud, DTS: at})
}

func (d *desk) end() { d.AcceptAudio(&aac.Frame{}) }

func (d *desk) messages() string {
	var b strings.Builder
	for _, e := range d.hook.AllEntries() {
		line, _ := e.String()
		b.WriteString(line)
	}
	return b.String()
}

// tags takes what was published.
func (d *desk) tags() (list []flv.Tag) {
	for {
		tag, err := d.sub.take()
		if err != nil {
			return list
		}
		list = append(list, tag)
	}
}

func isSound(tag *flv.Tag) bool { return tag.Type == flv.TypeAudio && !tag.Header }
func isLoud(tag *flv.Tag) bool  { return isSound(tag) && string(tag.Body[2:]) == string(loud) }

// A track checks the audio tags of one session as they come.
type track struct {
	config        aac.Config
	end           time.Duration
	begun         bool
	headers       int
	loud, silent  int
	hole, overlap time.Duration // the longest
}

// add takes the next tag.
func (tr *track) add(t *testing.T, tag *flv.Tag) {
	t.Helper()
	if tag.Type != flv.TypeAudio {
		return
	}
	if tag.Header {
		config, err := aac.ParseConfig(tag.Body[2:])
		if err != nil {
			t.Fatal(err)
		}
		tr.config = config
		tr.headers++
		return
	}
	if tr.headers == 0 {
		t.Fatal("a frame comes before the sequence header")
	}
	if tr.begun {
		tr.hole, tr.overlap = max(tr.hole, tag.DTS-tr.end), max(tr.overlap, tr.end-tag.DTS)
	}
	tr.begun, tr.end = true, tag.DTS+frameTime(tr.config.SampleRate)
	if isLoud(tag) {
		tr.loud++
	} else {
		tr.silent++
	}
}

func (tr *track) whole(t *testing.T) {
	t.Helper()
	if tr.hole > frameTime(tr.config.SampleRate) || tr.overlap > roundingSlack {
		t.Errorf("the sound has a hole of %v and an overlap of %v", tr.hole, tr.overlap)
	}
}

// heard is a tag, and when it was on the wire.
type heard struct {
	flv.Tag
	at time.Duration
}

// air runs a pump for a while, with pictures at 30 a second, and whatever source
// gives. It has to be called in a bubble.
func air(t *testing.T, cfg PumpConfig, length time.Duration, source audioFunc) ([]heard, *desk) {
	t.Helper()
	d := newDesk(t, cfg)
	epoch := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var list []heard
	var g sync.WaitGroup
	g.Go(func() {
		for {
			tag, err := d.sub.Next(ctx)
			if err != nil {
				return
			}
			list = append(list, heard{tag, time.Since(epoch)})
		}
	})
	g.Go(func() { d.RunAudio(ctx, source) })
	for i := 0; ctx.Err() == nil; i++ {
		at := time.Duration(i) * time.Second / 30
		time.Sleep(at - time.Since(epoch))
		d.show(at)
	}
	g.Wait()
	return list, d
}

// audioFunc is an AudioSource of a script.
type audioFunc func(ctx context.Context, now func() time.Duration, emit func(aac.Config, time.Duration)) error

func (f audioFunc) Run(ctx context.Context, emit func(*aac.Frame)) error {
	epoch := time.Now()
	return f(ctx, func() time.Duration { return time.Since(epoch) }, func(config aac.Config, at time.Duration) {
		if config == (aac.Config{}) {
			emit(&aac.Frame{})
			return
		}
		emit(&aac.Frame{Config: config, Data: loud, DTS: at})
	})
}

// play gives the frames from..to of sound, burst frames at a time, as soon as
// the last of them is over.
func play(ctx context.Context, now func() time.Duration, emit func(aac.Config, time.Duration), config aac.Config, from, to time.Duration, burst int) {
	p := position{base: from, rate: config.SampleRate}
	for ctx.Err() == nil && p.end() < to {
		var times []time.Duration
		for range burst {
			times = append(times, p.end())
			p.frames++
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(p.end() - now()):
		}
		for _, at := range times {
			emit(config, at)
		}
	}
}

var nothing aac.Config // no frame, but the word that there is none

func TestSilenceAndSoundTakeTurns(t *testing.T) {
	for _, test := range []struct {
		name  string
		burst int
		told  bool          // the source says that it has ended
		least time.Duration // from the last real frame's end to silence on the wire
		most  time.Duration
	}{
		{"told", 1, true, 0, 40 * ms},
		{"quiet", 1, false, patience, 200 * ms},
		{"bursts of 0.2 s, quiet", 9, false, 200 * ms, 400 * ms},
		{"bursts of 1 s, quiet", 43, false, time.Second, 1200 * ms},
		{"bursts of 1 s, told", 43, true, 0, 40 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list, _ := air(t, cd, 20*time.Second, func(ctx context.Context, now func() time.Duration, emit func(aac.Config, time.Duration)) error {
					play(ctx, now, emit, stereo44, 2*time.Second, 10*time.Second, test.burst)
					if test.told {
						emit(nothing, 0)
					}
					time.Sleep(14*time.Second - now())
					play(ctx, now, emit, stereo44, 14*time.Second, 17*time.Second, test.burst)
					if test.told {
						emit(nothing, 0)
					}
					<-ctx.Done()
					return nil
				})
				var tr track
				var lastLoud, firstSilent, again, silentWithin time.Duration
				for i := range list {
					tag := &list[i]
					tr.add(t, &tag.Tag)
					switch {
					case isLoud(&tag.Tag) && tag.DTS < 13*time.Second:
						lastLoud = tr.end
					case isLoud(&tag.Tag):
						if again == 0 {
							again = tag.at
						}
					case isSound(&tag.Tag) && tag.DTS > 9*time.Second && firstSilent == 0:
						firstSilent = tag.at
					case isSound(&tag.Tag) && tag.DTS > 5*time.Second && tag.DTS < lastLoud-time.Second:
						silentWithin++
					}
				}
				tr.whole(t)
				if tr.headers != 1 {
					t.Errorf("%d sequence headers for one format", tr.headers)
				}
				if silentWithin > 0 {
					t.Errorf("%d silent frames within the sound", silentWithin)
				}
				if d := firstSilent - lastLoud; d < test.least || d > test.most {
					t.Errorf("silence was on the wire %v after the sound's end, want %v to %v", d, test.least, test.most)
				}
				back := 14*time.Second + time.Duration(test.burst)*frameTime(44100) + 100*ms
				if test.told { // silence has been sent for what the first burst holds
					back += time.Duration(test.burst) * frameTime(44100)
				}
				if again == 0 || again > back {
					t.Errorf("sound came again at %v, want it by %v", again, back)
				}
			})
		})
	}
}

// TestSoundFollowsItsSource: what is on the wire carries the source's times.
func TestSoundFollowsItsSource(t *testing.T) {
	for _, offset := range []time.Duration{0, 2 * time.Second, 300 * ms, -300 * ms, -2 * time.Second} {
		t.Run(offset.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := cd
				cfg.AudioOffset = offset
				sent := map[time.Duration]bool{}
				list, d := air(t, cfg, 20*time.Second, func(ctx context.Context, now func() time.Duration, emit func(aac.Config, time.Duration)) error {
					play(ctx, now, func(config aac.Config, at time.Duration) {
						sent[at] = true
						emit(config, at)
					}, stereo44, 3*time.Second, 20*time.Second, 1)
					return nil
				})
				var tr track
				var picture time.Duration
				for i := range list {
					tag := &list[i]
					tr.add(t, &tag.Tag)
					switch {
					case tag.Type == flv.TypeVideo:
						picture = tag.DTS
					case !isLoud(&tag.Tag):
					case !sent[tag.DTS-offset]:
						t.Fatalf("real sound at %v, which is none of the source's times with %v", tag.DTS, offset)
					case offset >= 0 && (tag.DTS > picture+40*ms || tag.DTS < picture-100*ms):
						t.Fatalf("sound of %v beside the picture of %v", tag.DTS, picture)
					}
				}
				tr.whole(t)
				// Late by the offset, or for as long as silence had been sent.
				if want := int((17*time.Second - offset.Abs()) / frameTime(44100)); tr.loud < want-8 || tr.loud > want+1 {
					t.Errorf("%d frames of real sound, want %d", tr.loud, want)
				}
				if n := len(d.sound0().held); offset <= 0 && n > 0 || n > 90 {
					t.Errorf("%d frames are held back", n)
				}
			})
		})
	}
}

func (d *desk) sound0() *sound { return d.Pump.sound }

// TestAJitteringSourceIsWhole: times in whole milliseconds, a few off, are no
// reason to leave out a frame or to put silence in between.
func TestAJitteringSourceIsWhole(t *testing.T) {
	d := newDesk(t, cd)
	for i := range 2000 {
		at := position{frames: int64(i), rate: 44100}.end() + time.Duration(i*7919%11-5)*ms
		if i%2 == 0 {
			d.show(at)
		}
		d.sound(stereo44, at.Truncate(ms))
	}
	if st := d.Stats(); st.SoundDropped > 1 || st.Silence > 1 {
		t.Errorf("%+v", st)
	}
}

func TestFormatsChange(t *testing.T) {
	type step struct {
		config aac.Config // nothing: a second of nothing
		rate   int        // on the wire at the end of it
		stereo bool
		silent bool
	}
	for _, test := range []struct {
		name    string
		steps   []step
		headers int
	}{
		{"silence is like the sound before it", []step{
			{nothing, 44100, true, true}, {stereo48, 48000, true, false}, {nothing, 48000, true, true}, {stereo48, 48000, true, false},
		}, 2},
		{"a source that changes", []step{
			{stereo44, 44100, true, false}, {mono32, 32000, false, false}, {nothing, 32000, false, true}, {stereo48, 48000, true, false},
		}, 3},
		{"what silence cannot be like", []step{
			{five1, 48000, false, false}, {nothing, 44100, true, true}, {five1, 48000, false, false},
		}, 4}, // the first is that of the silence before the first frame
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, cd)
			var tr track
			var meta flv.Metadata
			for i, step := range test.steps {
				begin := time.Duration(i) * 2 * time.Second
				next := position{base: begin, rate: 44100}
				if step.config != nothing {
					next.rate = step.config.SampleRate
				}
				for n := range 60 {
					at := begin + time.Duration(n)*time.Second/30
					d.show(at)
					for step.config != nothing && next.end() < at {
						d.sound(step.config, next.end())
						next.frames++
					}
				}
				if step.config != nothing && test.name != "a source that changes" {
					d.end()
				}
				silent := false
				for _, tag := range d.tags() {
					tr.add(t, &tag)
					if tag.Type == flv.TypeScript {
						m, err := flv.ParseMetadata(tag.Body)
						if err != nil {
							t.Fatal(err)
						}
						if m.AudioSampleRate == tr.config.SampleRate && m.Stereo == (tr.config.Channels() == 2) && m.AudioDataRate == meta.AudioDataRate {
							t.Errorf("step %d: metadata %+v again", i, m)
						}
						meta = m
					}
					if isSound(&tag) {
						silent = !isLoud(&tag)
					}
				}
				if tr.config.SampleRate != step.rate || (tr.config.Channels() == 2) != step.stereo || silent != step.silent {
					t.Errorf("step %d ends with %+v, silent: %v; want %+v", i, tr.config, silent, step)
				}
				if meta.AudioSampleRate != step.rate || meta.Stereo != step.stereo {
					t.Errorf("step %d ends under metadata %+v, want %+v", i, meta, step)
				}
				if wantRate := map[bool]float64{true: 128}[tr.loud == 0]; meta.AudioDataRate != wantRate {
					t.Errorf("step %d: metadata says %v kbit/s, want %v", i, meta.AudioDataRate, wantRate)
				}
			}
			if tr.headers != test.headers {
				t.Errorf("%d sequence headers, want %d", tr.headers, test.headers)
			}
			tr.whole(t)
		})
	}
}

func TestSoundThatCannotBeSent(t *testing.T) {
	d := newDesk(t, cd)
	main := stereo44
	main.ObjectType = 1
	adts, err := aac.AppendADTS(nil, stereo44, loud)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		at := time.Duration(i) * 20 * ms
		d.show(at)
		switch {
		case i < 100:
			d.sound(main, at)
		case i < 200:
			d.AcceptAudio(&aac.Frame{Config: stereo44, Data: adts, DTS: at})
		}
	}
	var tr track
	for _, tag := range d.tags() {
		tr.add(t, &tag)
	}
	tr.whole(t)
	if tr.loud > 0 || tr.end < 5800*ms {
		t.Errorf("%d frames were sent, silence up to %v", tr.loud, tr.end)
	}
	m := d.messages()
	if strings.Count(m, "the sound cannot be sent") != 1 || !strings.Contains(m, "object type 1") ||
		strings.Count(m, "a frame of sound cannot be sent") != 1 || !strings.Contains(m, "ADTS") {
		t.Errorf("it said\n%s", m)
	}
}

// TestSoundGoesOnWithoutPictures: the session lives on it, and nothing piles up.
func TestSoundGoesOnWithoutPictures(t *testing.T) {
	for _, offset := range []time.Duration{0, time.Second} {
		cfg := cd
		cfg.AudioOffset = offset
		d := newDesk(t, cfg)
		d.show(0)
		watching := d.hub.Subscribe(4 * time.Second)
		defer watching.Close()
		stuck := d.hub.Subscribe(4 * time.Second)
		defer stuck.Close()
		const frames = 3600 * 43
		var got int
		for i := range int64(frames) {
			d.sound(stereo44, position{frames: i, rate: 44100}.end())
			d.tags()
			for {
				tag, err := watching.take()
				if err != nil {
					break
				}
				if isLoud(&tag) {
					got++
				}
			}
		}
		if missing := frames - got - len(d.sound0().held); missing > 3 || got < frames/2 {
			t.Errorf("offset %v: %d of %d frames in an hour without pictures", offset, got, frames)
		}
		if st := stuck.Stats(); st.Tags > 8*44+10 {
			t.Errorf("offset %v: %d tags wait for a receiver that takes none", offset, st.Tags)
		}
		late := d.hub.Subscribe(4 * time.Second)
		defer late.Close()
		if got := late.Stats().Tags; got > 0 || len(d.hub.gop) > 0 {
			t.Errorf("offset %v: a newcomer without a keyframe gets %d tags; the hub keeps %d", offset, got, len(d.hub.gop))
		}
		if n := len(d.sound0().held); n > 44 {
			t.Errorf("offset %v: %d frames are held back", offset, n)
		}
	}
}

// TestSoundThatIsHeldBack is heard to its end, and bounded whatever its times.
func TestSoundThatIsHeldBack(t *testing.T) {
	cfg := cd
	cfg.AudioOffset = time.Second
	d := newDesk(t, cfg)
	next := position{rate: 44100}
	for i := range 150 { // 3 s of sound, and 2 s of nothing
		at := time.Duration(i) * time.Second / 30
		d.show(at)
		for ; at < 3*time.Second && next.end()+frameTime(44100) <= at; next.frames++ {
			d.sound(stereo44, next.end())
		}
		if at == 3*time.Second {
			d.end()
		}
	}
	if st := d.Stats(); st.Sound != next.frames || len(d.sound0().held) > 0 {
		t.Errorf("%d frames of %d are heard, %d are held back", st.Sound, next.frames, len(d.sound0().held))
	}
	for range 10 * maxHeld {
		d.sound(stereo44, 8*time.Second)
		d.show(5 * time.Second)
	}
	if n := len(d.sound0().held); n > maxHeld {
		t.Errorf("%d frames that are all of one time are held back", n)
	}
}

// TestALateSourceDoesNotOutrunItsReceivers: sound that is seconds behind the
// picture by its nature is no sign of a slow receiver.
func TestALateSourceDoesNotOutrunItsReceivers(t *testing.T) {
	cfg := cd
	cfg.AudioOffset = -2 * time.Second
	d := newDesk(t, cfg)
	sub := d.hub.Subscribe(500 * ms)
	defer sub.Close()
	var tr track
	next := position{rate: 44100}
	for i := range 900 {
		at := time.Duration(i) * time.Second / 30
		d.show(at)
		for i%10 == 9 { // so that sound is the first to wait
			tag, err := sub.take()
			if err != nil {
				break
			}
			tr.add(t, &tag)
		}
		for ; next.end()+frameTime(44100) <= at; next.frames++ {
			d.sound(stereo44, next.end())
		}
	}
	tr.whole(t)
	if tr.loud < 43*25 {
		t.Errorf("%d frames of real sound in 30 s", tr.loud)
	}
}

func TestAnAudioSourceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, d := air(t, cd, 3*time.Second, func(context.Context, func() time.Duration, func(aac.Config, time.Duration)) error {
			return errors.New("no such microphone")
		})
		if n := len(list); n < 200 || list[n-1].at < 2900*ms {
			t.Errorf("%d tags up to %v: pictures and silence go on", n, list[n-1].at)
		}
		if m := d.messages(); strings.Count(m, "no such microphone") != 1 {
			t.Errorf("it said %q", m)
		}
	})
}

// TestABroadcasterRunsItsAudio: beside the pictures, and no longer than them.
func TestABroadcasterRunsItsAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := logtest.NewNullLogger()
		log.SetLevel(logrus.PanicLevel)
		hub := NewHub()
		p, err := NewPump(pictures{at: evenly(10, time.Second/30)}, hub, cd, log)
		if err != nil {
			t.Fatal(err)
		}
		ran := 0
		b := &Broadcaster{Hub: hub, Pump: p, Audio: audioFunc(func(ctx context.Context, _ func() time.Duration, _ func(aac.Config, time.Duration)) error {
			<-ctx.Done()
			ran++
			return nil
		})}
		if err := b.Run(t.Context()); err != nil || ran != 1 {
			t.Errorf("%v; the audio source ended %d times", err, ran)
		}
	})
}

// TestAnyTurnsAreWhole: whatever pictures and sound do, the track has neither
// overlap nor hole, and a session's timestamps never meet.
func TestAnyTurnsAreWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := cd
		cfg.AudioOffset = time.Duration(rapid.IntRange(-2000, 2000).Draw(rt, "offset")) * ms
		d := newDesk(t, cfg)
		var tr track
		var now, last time.Duration
		var log []string
		config := stereo44
		next := time.Duration(0)
		d.show(0)
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				d.end()
			case 1:
				config = rapid.SampledFrom([]aac.Config{stereo44, stereo48, mono32, five1}).Draw(rt, "config")
			case 2:
				now += time.Duration(rapid.IntRange(0, 3000).Draw(rt, "pause")) * ms
			case 3, 4, 5:
				now += 33 * ms
				d.show(now)
			default:
				for range rapid.IntRange(1, 50).Draw(rt, "burst") {
					if next < now-3*time.Second {
						next = now
					}
					d.sound(config, next)
					log = append(log, fmt.Sprint(config.SampleRate, next))
					next += frameTime(config.SampleRate)
					now = max(now, next)
				}
			}
		}
		for _, tag := range d.tags() {
			tr.add(t, &tag)
			if isSound(&tag) {
				if tag.DTS <= last && last != 0 {
					rt.Fatalf("sound at %v behind %v; %v", tag.DTS, last, log)
				}
				last = tag.DTS
			}
		}
		if tr.hole > frameTime(32000)+roundingSlack || tr.overlap > roundingSlack {
			rt.Fatalf("a hole of %v, an overlap of %v", tr.hole, tr.overlap)
		}
	})
}

// TestALossOfSoundIsNamed once, as is its end; silence by itself is no loss.
func TestALossOfSoundIsNamed(t *testing.T) {
	d := newDesk(t, cd)
	next := position{rate: 44100}
	for i := range 600 {
		at := time.Duration(i) * time.Second / 30
		d.show(at)
		if at == 5*time.Second && d.messages() != "" && strings.Contains(d.messages(), "sound") {
			t.Errorf("of silence alone it said\n%s", d.messages())
		}
		if at < 5*time.Second || at > 8*time.Second && at < 12*time.Second {
			next = position{base: at, rate: 44100}
			continue
		}
		for ; next.end()+frameTime(44100) <= at; next.frames++ {
			d.sound(stereo44, next.end())
		}
	}
	m := d.messages()
	for _, want := range []string{`msg="the sound" channels=2 sample_rate=44100`, "no sound comes: silence is sent instead", "sound comes again"} {
		if n := strings.Count(m, want); n != 1 {
			t.Errorf("it said %d times %q:\n%s", n, want, m)
		}
	}
}

// TestWhatIsFarTooLateIsNotWaitedFor: nobody is to miss silence for that.
func TestWhatIsFarTooLateIsNotWaitedFor(t *testing.T) {
	d := newDesk(t, cd)
	for i := range 300 {
		at := time.Duration(i) * time.Second / 30
		d.show(at)
		d.sound(stereo44, at-latest-time.Second)
	}
	var tr track
	for _, tag := range d.tags() {
		tr.add(t, &tag)
	}
	if tr.whole(t); tr.end < 299*time.Second/30-patience {
		t.Errorf("silence up to %v beside a picture of 10 s", tr.end)
	}
}
