package broadcaster

import (
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/aac"
	"venuecast/h264"
	"venuecast/slate"
)

// TestAllocationsOfAPicture follows a picture from the access unit to the
// destination's hand: one allocation for its tag's body, and one for the body
// of each silent frame beside it.
func TestAllocationsOfAPicture(t *testing.T) {
	enc, err := slate.NewEncoder(slate.Config{Width: 640, Height: 360, Bitrate: 4e6})
	if err != nil {
		t.Fatal(err)
	}
	log, _ := logtest.NewNullLogger()
	hub := NewHub()
	p, err := NewPump(nil, hub, cd, log)
	if err != nil {
		t.Fatal(err)
	}
	var au h264.AccessUnit
	n := 0
	shoot := func() {
		enc.Encode(&au, int64(n), time.Unix(0, 0), n%60 == 0)
		au.DTS = time.Duration(n) * time.Second / 30
		au.PTS = au.DTS
		p.accept(&au)
		n++
	}
	shoot()
	subs := []*Subscription{hub.Subscribe(time.Second), hub.Subscribe(time.Second)}
	defer subs[0].Close()
	defer subs[1].Close()
	tags := 0
	drain := func() {
		for _, s := range subs {
			for {
				if _, err := s.take(); err != nil {
					break
				}
				tags++
			}
		}
	}
	for range 300 { // queues and the group of pictures have found their size
		shoot()
		drain()
	}
	tags = 0
	const runs = 600
	allocs := testing.AllocsPerRun(runs, func() { shoot(); drain() })
	if perPicture := float64(tags) / 2 / (runs + 1); allocs > perPicture {
		t.Errorf("%v allocations a picture with %.2f tags", allocs, perPicture)
	}
}

// TestAllocationsOfSound: one for a frame's body, held back or not.
func TestAllocationsOfSound(t *testing.T) {
	for _, test := range []struct {
		offset time.Duration
		config aac.Config
	}{{0, stereo44}, {time.Second, stereo44}, {0, silentConfig(44100, 6)}} {
		cfg := cd
		cfg.AudioOffset = test.offset
		d := newDesk(t, cfg)
		d.show(0)
		f := aac.Frame{Config: test.config, Data: loud}
		n := int64(0)
		play := func() {
			f.DTS = position{frames: n, rate: 44100}.end()
			n++
			d.AcceptAudio(&f)
			for {
				if _, err := d.sub.take(); err != nil {
					return
				}
			}
		}
		for range 2000 {
			play()
		}
		before := d.Stats()
		if allocs := testing.AllocsPerRun(1000, play); allocs > 1 {
			t.Errorf("%+v: %v allocations a frame", test, allocs)
		}
		if st := d.Stats(); st.Sound-before.Sound < 1000 || st.Silence > before.Silence {
			t.Errorf("%+v: %+v", test, st)
		}
	}
}

func BenchmarkPicture(b *testing.B) {
	enc, err := slate.NewEncoder(slate.Config{Width: 1920, Height: 1080, Bitrate: 6e6})
	if err != nil {
		b.Fatal(err)
	}
	log, _ := logtest.NewNullLogger()
	hub := NewHub()
	p, err := NewPump(nil, hub, cd, log)
	if err != nil {
		b.Fatal(err)
	}
	sub := hub.Subscribe(time.Second)
	defer sub.Close()
	var au h264.AccessUnit
	enc.Encode(&au, 0, time.Unix(0, 0), true)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		au.DTS = time.Duration(i) * time.Second / 30
		au.PTS = au.DTS
		au.Keyframe = i%60 == 0
		p.accept(&au)
		for {
			if _, err := sub.take(); err != nil {
				break
			}
		}
	}
}
