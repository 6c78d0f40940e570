package health

import (
	"sync"
	"testing"
	"time"

	"venuecast/flv"
	"venuecast/slate"
)

// large is 1080p60 at 6 Mbit/s, as much as a venue's uplink carries.
func large() stream {
	return change(func(s *stream) { s.w, s.h, s.fps, s.bitrate, s.b = 1920, 1080, 60, 6_000_000, true })
}

// loop gives all to j over and over, with times that go on.
type loop struct {
	j    *Judge
	all  []message
	i    int
	past time.Duration
}

func (l *loop) next() {
	m := &l.all[l.i]
	l.j.Take(m.kind, m.stamp+uint32(l.past/time.Millisecond), m.body, epoch.Add(m.at+l.past))
	if l.i++; l.i == len(l.all) {
		l.i, l.past = 0, l.past+2*time.Second
	}
}

func newLoop(s stream) *loop {
	return &loop{j: NewJudge(Config{}), all: s.messages(0, 2*time.Second)}
}

func TestTakeDoesNotAllocate(t *testing.T) {
	for name, s := range map[string]stream{
		"H.264": large(),
		"field": change(func(s *stream) { s.fields, s.fieldPics = true, true }),
		"HEVC":  change(func(s *stream) { s.fourCC = "hvc1" }),
		"Opus":  change(func(s *stream) { s.audioFourCC = "Opus" }),
		"MP3":   change(func(s *stream) { s.audioCodec = 2 }),
	} {
		l := newLoop(s)
		for range 3 * len(l.all) {
			l.next()
		}
		if n := testing.AllocsPerRun(10*len(l.all), l.next); n != 0 {
			t.Errorf("%s: %v allocations a message", name, n)
		}
		if r := l.j.Report(epoch.Add(l.past)); r.Status == StatusNoData || r.Status == StatusBad && s.audioFourCC == "" {
			t.Errorf("%s: %s %v", name, r.Status, r.Issues)
		}
	}
}

// BenchmarkTake judges a second of media an operation, 1080p60 at 6 Mbit/s and
// the test card: under 1 % of a core is under 10 ms.
func BenchmarkTake(b *testing.B) {
	for name, l := range map[string]*loop{
		"1080p60": newLoop(large()),
		"card":    {j: NewJudge(Config{}), all: card(b, slate.Config{Bitrate: 4_000_000}, 2*time.Second)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range len(l.all) / 2 {
					l.next()
				}
			}
		})
	}
}

func BenchmarkReport(b *testing.B) {
	l := newLoop(large())
	for range 10 * len(l.all) {
		l.next()
	}
	b.ReportAllocs()
	for b.Loop() {
		l.j.Report(epoch.Add(l.past))
	}
}

// TestCost: a second of 1080p60 takes less than 1 % of a core.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	l := newLoop(large())
	// The quickest of several: other tests run beside this one.
	quickest := time.Hour
	for range 20 {
		begun := time.Now()
		for range len(l.all) {
			l.next()
		}
		quickest = min(quickest, time.Since(begun))
	}
	if perSecond := quickest / 2; perSecond > 10*time.Millisecond {
		t.Errorf("%v for a second of video, want less than 10 ms", perSecond)
	}
}

// TestConcurrent has the race detector watch Take and Report.
func TestConcurrent(t *testing.T) {
	l := newLoop(good())
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 * len(l.all) {
			l.next()
		}
	})
	for i := range 200 {
		l.j.Report(epoch.Add(time.Duration(i) * 200 * time.Millisecond))
	}
	wg.Wait()
}

// TestHostileTags: tags made to be looked at for long are not.
func TestHostileTags(t *testing.T) {
	j := NewJudge(Config{})
	s := good()
	for _, m := range s.headers(0) {
		j.Take(m.kind, 0, m.body, epoch)
	}
	empty := videoBody(true, 1, 0, make([]byte, 8<<20))                               // two million empty NAL units
	seis := videoBody(true, 1, 0, sized(append([]byte{6}, make([]byte, 8<<20-9)...))) // one long SEI
	var cut []byte                                                                    // slices that end in their header
	for range 1 << 20 {
		cut = append(cut, 0, 0, 0, 1, 0x41)
	}
	begun := time.Now()
	for i, body := range [][]byte{empty, seis, videoBody(false, 1, 0, cut)} {
		j.Take(flv.TypeVideo, uint32(i), body, epoch)
	}
	for i := range 100_000 { // more tags than a window has room for counting one by one
		j.Take(flv.TypeVideo, uint32(i)<<28, []byte{0x27, 1, 0, 0, 0}, epoch)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
	if r := j.Report(epoch.Add(time.Second)); r.Status != StatusBad {
		t.Errorf("%s %v", r.Status, r.Issues)
	}
}
