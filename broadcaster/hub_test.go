package broadcaster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"venuecast/flv"
)

// stream makes tags with names, so that a test can say what it expects in
// words: H header, K keyframe, R keyframe by a recovery point, P picture, A
// audio, each with its time in tens of milliseconds.
type stream struct{ hub *Hub }

const unit = 10 * time.Millisecond

func body(name string, size int) []byte { return append([]byte(name+"|"), make([]byte, size)...) }

func named(tag flv.Tag) string { return strings.SplitN(string(tag.Body), "|", 2)[0] }

func (s stream) tag(name string) flv.Tag {
	var at int
	kind := name[0]
	if _, err := fmt.Sscanf(name[1:], "%d", &at); err != nil {
		at = 0
	}
	dts := time.Duration(at) * unit
	tag := flv.Tag{Type: flv.TypeVideo, DTS: dts, PTS: dts, Body: body(name, 100)}
	switch kind {
	case 'M':
		tag.Type, tag.Header = flv.TypeScript, true
	case 'S':
		tag.Type, tag.Header = flv.TypeAudio, true
	case 'A':
		tag.Type = flv.TypeAudio
	case 'H':
		tag.Header, tag.Keyframe = true, true
	case 'K':
		tag.Keyframe = true
	case 'R':
		tag.Keyframe, tag.RecoveryPoint = true, true
	case 'B': // shown three units before it is sent
		tag.PTS -= 3 * unit
	}
	return tag
}

func (s stream) publish(names ...string) {
	for _, list := range names {
		for _, name := range strings.Fields(list) {
			s.hub.Publish(s.tag(name))
		}
	}
}

// rest takes what is queued, without waiting.
func rest(s *Subscription) string {
	var names []string
	for {
		tag, err := s.take()
		if err != nil {
			return strings.Join(names, " ")
		}
		names = append(names, named(tag))
	}
}

func TestNewcomer(t *testing.T) {
	for _, test := range []struct{ name, before, after, want string }{
		{"begins at the last keyframe", "M S H K0 A0 P3 A3 K6 A6 P9", "P12", "M S H K6 A6 P9 P12"},
		{"waits for the first keyframe", "M S H", "A0 K0 P3", "M S H K0 P3"},
		{"joins in the middle of a stream without one", "M S H P0 A0 P3", "A6 P6 K9 P12", "M S H K9 P12"},
		{"gets the header that was in force at the keyframe", "M S H1 K0 P3 H2 P6", "P9", "M S H1 K0 P3 H2 P6 P9"},
		{"gets the newest header at a keyframe", "M S H1 K0 P3 H2 K6", "P9", "M S H2 K6 P9"},
		{"loses the pictures that lead its keyframe", "M S H K0 P3 R6 B7 B8 P9", "B13 P12", "M S H R6 P9 B13 P12"},
		{"keeps the pictures that an IDR picture leads", "M S H K0 P3 K6 B7 B8 P9", "B13 P12", "M S H K6 B7 B8 P9 B13 P12"},
		{"gets no sound of before its keyframe", "M S H K10 A5 A10", "A8 P13 A12", "M S H K10 A10 P13 A12"},
		{"waits for its keyframe, and gets no sound of before it", "M S H", "K10 A5 A10 P13 A9", "M S H K10 A10 P13"},
		{"gets the audio header that was in force at the keyframe", "M S1 H K0 A0 S2 A3", "A6", "M S1 H K0 A0 S2 A3 A6"},
		{"gets the newest audio header at a keyframe", "M S1 H K0 A0 S2 A3 K6", "A6", "M S2 H K6 A6"},
		{"gets no keyframe of 10 s ago", "M S H K0 A1001", "P1002 K1003 P1004", "M S H K1003 P1004"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stream{NewHub()}
			s.publish(test.before)
			sub := s.hub.Subscribe(4 * time.Second)
			defer sub.Close()
			s.publish(test.after)
			if d := cmp.Diff(test.want, rest(sub)); d != "" {
				t.Errorf("tags (-want +got):\n%s", d)
			}
		})
	}
}

func TestHubBoundsWhatItKeeps(t *testing.T) {
	hub := NewHub()
	s := stream{hub}
	s.publish("M S H K0")
	for i := range 20 {
		tag := s.tag(fmt.Sprintf("P%d", i+1))
		tag.Body = make([]byte, 1<<20)
		hub.Publish(tag)
	}
	if hub.gopBytes > maxGOPBytes {
		t.Errorf("keeps %d bytes", hub.gopBytes)
	}
	sub := hub.Subscribe(time.Second)
	defer sub.Close()
	if got := rest(sub); got != "" {
		t.Errorf("a newcomer got %q out of a group that was given up", got)
	}
	s.publish("K30 P31")
	if got := rest(sub); got != "M S H K30 P31" {
		t.Errorf("then got %q", got)
	}
}

func TestSlowReceiverSkipsToAKeyframe(t *testing.T) {
	for _, test := range []struct {
		name, first, then, want string
		dropped, skips          int
	}{
		// max_latency is 1 s, 100 units.
		{"to the newest keyframe, sound whole", "K0", "P30 A30 K60 A60 P90 K95 A95 P101 P131",
			"A30 A60 K95 A95 P101 P131", 3, 1},
		{"to the next one, where there is none", "K0", "P30 A30 P101 P131 A131 K150 P160",
			"A30 A131 H K150 P160", 3, 1},
		{"with the header that came between", "K0", "P30 H2 K60 P90 P131",
			"H2 K60 P90 P131", 1, 1},
		{"with the header of the pause", "K0", "P30 P60 P131 H2 P140 K150",
			"H2 K150", 4, 1},
		{"without the pictures that lead the keyframe", "K0", "P30 R60 B61 B62 P65 P131",
			"R60 P65 P131", 3, 1},
		{"with those that an IDR picture leads", "K0", "P30 K60 B61 B62 P65 P131",
			"K60 B61 B62 P65 P131", 1, 1},
		{"and again", "K0", "P30 K60 P90 K131 P161 K232 P240", "K232 P240", 5, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stream{NewHub()}
			s.publish("M S H")
			sub := s.hub.Subscribe(time.Second)
			defer sub.Close()
			s.publish(test.first)
			rest(sub)
			s.publish(test.then)
			if d := cmp.Diff(test.want, rest(sub)); d != "" {
				t.Errorf("tags (-want +got):\n%s", d)
			}
			if st := sub.Stats(); st.Dropped != test.dropped || st.Skips != test.skips {
				t.Errorf("%d dropped in %d skips, want %d in %d", st.Dropped, st.Skips, test.dropped, test.skips)
			}
		})
	}
}

func TestSlowReceiverSoundIsBounded(t *testing.T) {
	s := stream{NewHub()}
	s.publish("M S H")
	sub := s.hub.Subscribe(time.Second)
	defer sub.Close()
	s.publish("K0")
	rest(sub)
	for i := range 10000 {
		s.publish(fmt.Sprintf("A%d", i*2))
	}
	if st := sub.Stats(); st.Age > 2*time.Second+unit || st.Tags > 110 {
		t.Errorf("%d tags up to %v old wait", st.Tags, st.Age)
	}
}

func TestOneSlowReceiverIsAlone(t *testing.T) {
	s := stream{NewHub()}
	s.publish("M S H K0")
	slow, fast := s.hub.Subscribe(time.Second), s.hub.Subscribe(time.Second)
	defer slow.Close()
	defer fast.Close()
	rest(slow)
	var got []string
	for i := 3; i < 3000; i += 3 {
		s.publish(fmt.Sprintf("P%d", i))
		if r := rest(fast); r != "" {
			got = append(got, strings.Fields(r)...)
		}
	}
	if want := 4 + 999; len(got) != want || fast.Stats().Dropped != 0 {
		t.Errorf("the fast one got %d tags, want %d", len(got), want)
	}
	if slow.Stats().Dropped == 0 || slow.Stats().Bytes > 200*110 {
		t.Errorf("the slow one: %+v", slow.Stats())
	}
}

func TestNextAndClose(t *testing.T) {
	s := stream{NewHub()}
	sub := s.hub.Subscribe(time.Second)
	defer sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sub.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next of an ended context: %v", err)
	}
	go s.publish("M S H K0")
	tag, err := sub.Next(t.Context())
	if err != nil || named(tag) != "M" {
		t.Errorf("Next: %q, %v", named(tag), err)
	}
	for range 3 {
		if _, err := sub.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.publish("P3")
	s.hub.Close()
	s.publish("P6")
	if tag, err := sub.Next(t.Context()); err != nil || named(tag) != "P3" {
		t.Errorf("what was queued before Close: %q, %v", named(tag), err)
	}
	if _, err := sub.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last tag: %v, want EOF", err)
	}
}

// TestNoPictureWithoutItsReference checks, whatever is published and however
// slowly it is taken, that no picture comes out that refers to one left out:
// the pictures between two keyframes are the first ones of their group.
func TestNoPictureWithoutItsReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := stream{NewHub()}
		var sub *Subscription
		var group []string // names since the last keyframe, as published
		follows := map[string]string{}
		header := ""
		headerOf := map[string]string{}
		at := 0
		last, lastHeader := "", ""
		take := func(n int) {
			for ; n > 0 && sub != nil; n-- {
				tag, err := sub.take()
				if err != nil {
					return
				}
				name := named(tag)
				switch name[0] {
				case 'H':
					lastHeader = name
				case 'K', 'P':
					if name[0] == 'P' && follows[name] != last {
						rt.Fatalf("%s came after %s, but refers to %s", name, last, follows[name])
					}
					if headerOf[name] != lastHeader {
						rt.Fatalf("%s came under header %s, but belongs to %s", name, lastHeader, headerOf[name])
					}
					last = name
				}
			}
		}
		s.publish("M S")
		for i := range rapid.IntRange(1, 300).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				name := fmt.Sprintf("K%d", at)
				group = []string{name}
				headerOf[name] = header
				s.publish(name)
			case 1:
				s.publish(fmt.Sprintf("A%d", at))
			case 2:
				header = fmt.Sprintf("H%d", i)
				s.publish(header)
			case 3:
				if sub == nil {
					sub = s.hub.Subscribe(200 * time.Millisecond)
				}
			case 4:
				take(rapid.IntRange(0, 20).Draw(rt, "take"))
			default:
				name := fmt.Sprintf("P%d", at)
				if len(group) > 0 {
					follows[name] = group[len(group)-1]
				}
				group = append(group, name)
				headerOf[name] = header
				s.publish(name)
			}
			at += rapid.IntRange(1, 5).Draw(rt, "apart")
		}
		take(1 << 20)
	})
}

func BenchmarkPublish(b *testing.B) {
	hub := NewHub()
	s := stream{hub}
	s.publish("M S H K0")
	for range 3 {
		sub := hub.Subscribe(time.Second)
		defer sub.Close()
	}
	key := s.tag("K0")
	p := s.tag("P0")
	b.ReportAllocs()
	for i := range b.N {
		tag := p
		if i%60 == 0 {
			tag = key
		}
		tag.DTS = time.Duration(i) * 33 * time.Millisecond
		tag.PTS = tag.DTS
		hub.Publish(tag)
	}
}
