package rtmp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

func TestStreamKeyNeverPrints(t *testing.T) {
	key := NewStreamKey(testKey)
	type deep struct{ hidden struct{ Key StreamKey } }
	d := deep{}
	d.hidden.Key = key
	cfg := ClientConfig{Key: key}
	c := &Client{cfg: cfg}
	for _, v := range []any{key, &key, d, &d, []StreamKey{key}, map[string]StreamKey{"k": key}, cfg, &cfg, c} {
		for verb := range strings.SplitSeq("v +v #v s q x X d o b t c e U p T", " ") {
			requireNoKey(t, "%"+verb, fmt.Sprintf("%"+verb, v))
			if strings.Contains(fmt.Sprintf("%"+verb, v), fmt.Sprintf("%x", testKey[:8])) {
				t.Errorf("the key is in %%%s, in hexadecimal", verb)
			}
		}
	}
	j, err := json.Marshal(map[string]StreamKey{"key": key})
	if err != nil || string(j) != `{"key":"***"}` {
		t.Errorf("%s, %v", j, err)
	}
	if got := fmt.Sprintf("%v %#v", key, key); got != "*** rtmp.StreamKey{***}" {
		t.Error(got)
	}
	if key.Reveal() != testKey || key != NewStreamKey(testKey) || key.IsZero() || !cmp.Equal(key, NewStreamKey(testKey)) {
		t.Error("the key is not itself")
	}
	if zero := (StreamKey{}); !zero.IsZero() || !NewStreamKey("").IsZero() || zero.Reveal() != "" || zero == key {
		t.Error("zero key")
	}
}

func TestScrubber(t *testing.T) {
	u, err := ParseURL("rtmp://h/live/instance-secret?auth=abcdefgh&n=1")
	if err != nil {
		t.Fatal(err)
	}
	sc := newScrubber(NewStreamKey("secret key?a=1&b"), u)
	tests := map[string]string{
		"name secret key?a=1&b taken":                        "name *** taken",
		"name secret key taken":                              "name *** taken",
		"secret+key%3Fa%3D1%26b":                             "***",
		"secret%20key%3Fa=1&b":                               "***",
		"secret\nkey":                                        "***",
		"app live/instance-secret?abcdefgh":                  "app live/***?***",
		"\x1b[2J\x00 a\u202eb\xff":                           "[2J a b?",
		strings.Repeat("x", 300):                             strings.Repeat("x", 200) + "...",
		"1 of 1":                                             "1 of 1",
		strings.Repeat("x", 195) + "secret key?a=1&b and on": strings.Repeat("x", 195) + "*** a...",
	}
	for in, want := range tests {
		if got := sc.clean(in, maxDescriptionText); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

var urls = []struct {
	in     string
	want   URL // zero for an error
	str    string
	reason string
}{
	{"rtmp://a.rtmp.youtube.com/live2", URL{false, "a.rtmp.youtube.com", 1935, "live2"}, "rtmp://a.rtmp.youtube.com/live2", ""},
	{"rtmps://a.rtmps.youtube.com:443/live2", URL{true, "a.rtmps.youtube.com", 443, "live2"}, "rtmps://a.rtmps.youtube.com/live2", ""},
	{"rtmps://b.rtmps.youtube.com/live2?backup=1", URL{true, "b.rtmps.youtube.com", 443, "live2?backup=1"}, "rtmps://b.rtmps.youtube.com/live2?backup=1", ""},
	{"RTMP://h:1936/app/", URL{false, "h", 1936, "app"}, "rtmp://h:1936/app", ""},
	{"rtmp://h/app/inst/ance", URL{false, "h", 1935, "app/inst/ance"}, "rtmp://h/app/***", ""},
	{"rtmp://h/app?token=t", URL{false, "h", 1935, "app?token=t"}, "rtmp://h/app?***", ""},
	{"rtmp://[::1]/app", URL{false, "::1", 1935, "app"}, "rtmp://[::1]/app", ""},
	{"rtmp://[2001:db8::1]:1940/app", URL{false, "2001:db8::1", 1940, "app"}, "rtmp://[2001:db8::1]:1940/app", ""},
	{"rtmp://[fe80::1%25eth0]:1936/app", URL{false, "fe80::1%eth0", 1936, "app"}, "rtmp://[fe80::1%25eth0]:1936/app", ""},
	{"rtmp://192.0.2.1/a%20b", URL{false, "192.0.2.1", 1935, "a%20b"}, "rtmp://192.0.2.1/a%20b", ""},
	{"rtmps://a.rtmps.youtube.com/live2/SECRET", URL{}, "", "key_file"},
	{"rtmps://YouTube.com./live2/SECRET?backup=1", URL{}, "", "key_file"},
	{"rtmp://notyoutube.com/live2/x", URL{false, "notyoutube.com", 1935, "live2/x"}, "rtmp://notyoutube.com/live2/***", ""},
	{"rtmp://user:SECRET@h/app", URL{}, "", "user information"},
	{"rtmp://h/app#SECRET", URL{}, "", "fragment"},
	{"rtmp://h/app#", URL{}, "", "fragment"},
	{"http://h/app/SECRET", URL{}, "", `"http"`},
	{"h/SECRET", URL{}, "", "no scheme"},
	{"rtmp:SECRET", URL{}, "", "no host"},
	{"rtmp:///SECRET", URL{}, "", "no host"},
	{"rtmp://:1935/SECRET", URL{}, "", "no host"},
	{"rtmp://h", URL{}, "", "no app"},
	{"rtmp://h/?SECRET", URL{}, "", "no app"},
	{"rtmp://h:0/SECRET", URL{}, "", "port 0"},
	{"rtmp://h:65536/SECRET", URL{}, "", "port 65536"},
	{"rtmp://h:/SECRET", URL{}, "", "no port"},
	{"rtmp://::::h:1936/SECRET", URL{}, "", "not a host"},
	{"rtmp://h%20h/SECRET", URL{}, "", "malformed"},
	{"rtmp://h\"h/SECRET", URL{}, "", "not a host"},
	{"rtmp://h:x/SECRET", URL{}, "", "malformed"},
	{"rtmp://h/SECRET%zz", URL{}, "", "malformed"},
	{"rtmp://h/SECRET" + strings.Repeat("x", maxAppLen), URL{}, "", "at most"},
	{"", URL{}, "", "no scheme"},
}

func TestParseURL(t *testing.T) {
	for _, tt := range urls {
		got, err := ParseURL(tt.in)
		if tt.reason != "" {
			if err == nil || !strings.Contains(err.Error(), tt.reason) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("ParseURL(%q): %v, want %q", tt.in, err, tt.reason)
			}
			continue
		}
		if err != nil || got != tt.want || got.String() != tt.str {
			t.Errorf("ParseURL(%q) = %#v (%v), %v", tt.in, got, got, err)
		}
	}
	u, err := ParseURL("rtmps://b.rtmps.youtube.com/live2?backup=1")
	if err != nil || u.TCURL() != "rtmps://b.rtmps.youtube.com/live2?backup=1" || u.Addr() != "b.rtmps.youtube.com:443" {
		t.Errorf("%s, %s, %v", u.TCURL(), u.Addr(), err)
	}
}

func FuzzParseURL(f *testing.F) {
	for _, tt := range urls {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			return
		}
		if u.Host == "" || u.Port == 0 || u.App == "" {
			t.Fatalf("%q: %#v", s, u)
		}
		again, err := ParseURL(u.TCURL())
		if err != nil {
			t.Fatalf("%q: %q: %v", s, u.TCURL(), err)
		}
		again.Host, u.Host = strings.ToLower(again.Host), strings.ToLower(u.Host)
		if again != u {
			t.Fatalf("%q: %#v, then %#v", s, u, again)
		}
	})
}

var commands = []struct {
	name string
	hex  string
	want command // zero for an error
}{
	{"connect", `
		02 0007 636f6e6e656374          // "connect"
		00 3ff0000000000000             // 1
		03 0003 617070 02 0004 6c697665 // {app: "live",
		   0000 09                      // }`,
		command{"connect", 1, []any{map[string]any{"app": "live"}}}},
	{"every type", `
		02 0001 78 00 4000000000000000
		01 01                                       // true
		05 06 0d                                    // null, undefined, unsupported
		07 0001                                     // reference
		0c 00000002 6869                            // long string
		0f 00000001 3c                              // XML
		0b 4059000000000000 0000                    // date
		0a 00000002 05 01 00                        // [null, false]
		08 00000009 0001 6b 01 01 0000 09           // ECMA array with a wrong count
		10 0001 43 0001 6b 02 0001 76 0000 09       // class C {k: "v"}`,
		command{"x", 2, []any{true, nil, nil, nil, nil, "hi", "<", 100.0, []any{nil, false}, map[string]any{"k": true}, map[string]any{"k": "v"}}}},
	{"name only", `02 0001 78`, command{Name: "x"}},
	{"odd transaction", `02 0001 78 05`, command{Name: "x"}},
	{"rubbish behind", `02 0001 78 00 3ff0000000000000 05 ff ff`, command{"x", 1, []any{nil}}},
	{"argument cut short", `02 0001 78 00 3ff0000000000000 03 0001`, command{Name: "x", Transaction: 1}},
	{"long array that is not there", `02 0001 78 00 3ff0000000000000 0a ffffffff`, command{Name: "x", Transaction: 1}},
	{"long string that is not there", `02 0001 78 00 3ff0000000000000 0c ffffffff`, command{Name: "x", Transaction: 1}},
	{"deep", `02 0001 78 00 3ff0000000000000` + strings.Repeat(` 0a 00000001`, 1000), command{Name: "x", Transaction: 1}},
	{"many", `02 0001 78 00 3ff0000000000000 0a 00002000` + strings.Repeat(` 05`, 8192), command{Name: "x", Transaction: 1}},
	{"object after ECMA array", `02 0001 78 00 3ff0000000000000 08 00000000 0001 61 02 0001 62 0001 63 03 0000 09 0000 09`,
		command{"x", 1, []any{map[string]any{"a": "b", "c": map[string]any{}}}}},
	{"too long", `02 0001 78 00 3ff0000000000000` + strings.Repeat(` 05`, maxCommandSize), command{}},
	{"no name", `05`, command{}},
	{"number for a name", `00 3ff0000000000000`, command{}},
	{"nothing", ``, command{}},
	{"name cut short", `02 0005 78`, command{}},
}

func TestParseCommand(t *testing.T) {
	for _, tt := range commands {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			got, err := parseCommand(Message{Type: CommandAMF0, Payload: b})
			if (err != nil) != (tt.want.Name == "") {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := parseCommand(Message{Type: CommandAMF3, Payload: b}); err == nil {
				t.Error("taken for AMF3")
			}
			if _, err := parseCommand(Message{Type: CommandAMF3, Payload: append([]byte{0}, b...)}); (err != nil) != (tt.want.Name == "") {
				t.Errorf("with Flash's 0 in front: %v", err)
			}
		})
	}
}

// Both sides take any command at any time.
func FuzzCommand(f *testing.F) {
	for _, tt := range commands {
		f.Add(unhex(f, tt.hex))
	}
	for _, m := range recordSession(f, nil).commands(f) {
		f.Add(m.Payload)
	}
	for _, values := range [][]any{
		{"_result", 1, nil, statusObject{"error", "c", "d"}}, {"_result", 4, nil, math.Inf(1)}, {"_error", 1, nil, nil},
		{"onStatus", 0, nil, statusObject{"status", unpublishSuccess, testKey}}, {"close", 0}, {"publish", 1, nil, "k"},
	} {
		b, err := encodeAMF(values...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Message{Type: CommandAMF0, Payload: b}
		c := &Client{log: orDiscard(nil), scrub: newScrubber(NewStreamKey(testKey), URL{App: "live"})}
		if err := c.take(m); err != nil {
			requireNoKey(t, "error", err.Error())
		}
		s := &recorder{}
		p := &publisher{server: &Server{Handler: s.accept}, ctx: t.Context(), log: orDiscard(nil), connected: true,
			wire: newWire(nil, io.Discard, 0, 0, orDiscard(nil)), setup: newStoppedTimer()}
		p.command(m)
		p.end(nil)
		p.setup.Stop()
	})
}

func newStoppedTimer() *time.Timer { return time.AfterFunc(time.Hour, func() {}) }
