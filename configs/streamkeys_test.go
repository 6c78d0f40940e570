package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"venuecast/broadcaster"
)

// However somebody gets the stream key into the file, nothing repeats it.
func TestStreamKeyIsNeverRepeated(t *testing.T) {
	const youTube = "q1w2-e3r4-t5z6-u7i8-o9p0"
	const other = "live_57320001_hLLwT6"
	at := func(s string) string { return "broadcast:\n  destinations:\n    - " + s + "\n" }
	for _, src := range []string{
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', key: KEY}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', stream_key: KEY}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', Stream-Key: [KEY]}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', streamkey: {KEY: KEY}}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', KEY: KEY}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', KEY}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2/KEY', key_file: k}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2/KEY'}"),
		at("{url: 'rtmps://A.RTMPS.YouTube.com:443/live2//KEY/', key_file: k}"),
		at("{url: 'rtmps://user:KEY@example.com/live', key_file: k}"),
		at("{url: 'rtmps://example.com/live#KEY', key_file: k}"),
		at("{url: 'rtmps://example.com:KEY/live', key_file: k}"),
		at("{url: 'rtmps://example.com/live/%zzKEY', key_file: k}"),
		at("{url: 'http://example.com/live/KEY', key_file: k}"),
		at("{url: 'a.rtmps.youtube.com/live2/KEY', key_file: k}"),
		at("{url: [KEY], key_file: {KEY: KEY}}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', key_env: 'KEY KEY'}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', key_env: 'VENUECAST_STREAM_KEY=KEY'}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', key_env: $KEY}"),
		at("{url: 'rtmps://example.com/live', key_env: K, tls: KEY}"),
		at("{url: 'rtmps://example.com/live', key_env: K, tls: {ca_file: 'https://h/KEY'}}"),
		at("rtmps://a.rtmps.youtube.com/live2/KEY"),
		at("url: rtmps://a.rtmps.youtube.com/live2\n      key: \"KEY"),
		at("url: rtmps://a.rtmps.youtube.com/live2: KEY"),
		at("url: rtmps://a.rtmps.youtube.com/live2\n     key: KEY"),
		at("url: |KEY"),
		at("url: >KEY\n  x"),
		at("url: \"\\KEY\""),
		at("url: @KEY"),
		at("url: %KEY"),
		at("url: !KEY"),
		at("url: !<KEY> x"),
		at("url: *KEY"),
		at("url: &KEY"),
		"%YAML KEY\n---\nname: x\n",
		"%TAG KEY\n---\nname: x\n",
		"%KEY x\n---\nname: x\n",
		"stream_key: KEY\n",
		"broadcast: {key: KEY}\n",
		"broadcast: rtmps://a.rtmps.youtube.com/live2/KEY\n",
		"broadcast: {destinations: rtmps://a.rtmps.youtube.com/live2/KEY}\n",
		"KEY\n", "- KEY\n", "KEY: x\n", "name: x\nKEY\n",
		// Sources get no keys, but rtmp:// is easily pasted there.
		"camera: {source: 'rtmp://h/live/KEY'}\n",
		"camera: {width: 'rtmp://h/live/KEY', keyframe_interval: 'rtmp://h/live/KEY', bitrate: 'rtmp://h/live/KEY'}\n",
		"camera: {source: file, file: {path: 'rtmp://h/KEY/x.flv', loop: 'rtmp://h/live/KEY'}}\n",
		"log: {level: 'rtmp://h/live/KEY'}\n",
	} {
		for _, key := range []string{youTube, other} {
			src := strings.ReplaceAll(src, "KEY", key)
			cfg, warnings, err := Parse([]byte(src), "venuecast.yml", []string{"VENUECAST_LOG__LEVLE=" + key, "VENUECAST_X=" + key})
			if err == nil {
				t.Errorf("no error for\n%s", src)
			}
			if text := report(warnings, err); strings.Contains(text, key) {
				t.Errorf("key in the report:\n%s\nabout\n%s", text, src)
			}
			if diff(Config{}, cfg) != "" {
				t.Errorf("a Config in spite of the error: %+v", cfg)
			}
		}
	}
	// In the shape of YouTube's it is known for what it is anywhere.
	for _, src := range []string{
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', key_file: KEY}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2', key_env: KEY}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/live2?key=KEY', key_file: k}"),
		at("{url: 'rtmps://a.rtmps.youtube.com/KEY', key_file: k}"),
		at("{url: 'rtmps://example.com/live/KEY', key_file: k}"),
		at("{url: 'rtmps://KEY', key_file: k}"),
		"log: {level: KEY}\ncamera: {width: KEY}\n",
	} {
		_, warnings, err := Parse([]byte(strings.ReplaceAll(src, "KEY", youTube)), "venuecast.yml", nil)
		if text := report(warnings, err); err == nil || strings.Contains(text, youTube) {
			t.Errorf("report:\n%s\nabout\n%s", text, src)
		}
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	const key = "q1w2-e3r4-t5z6-u7i8"
	cfg := Default()
	cfg.Broadcast.Destinations = []broadcaster.DestinationConfig{
		{URL: "rtmp://example.com/live/" + key, KeyFile: key, KeyEnv: key},
		{URL: "rtmp://example.com/live?token=" + key},
		{URL: "rtmp://example.com/live?user=hall&token=abc" + key},
		{URL: "rtmps://a.rtmps.youtube.com/live2/" + key},
		{URL: "rtmp://u:" + key + "@h/live"},
	}
	var b strings.Builder
	if err := cfg.Print(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), key) {
		t.Error(b.String())
	}
	if cfg.Broadcast.Destinations[0].KeyFile != key {
		t.Error("Print changed the Config")
	}
	// A query may hold a token of any shape.
	cfg = mustParse(t, destination("name: x")+"    - {url: 'rtmp://example.com/live?token=s3cret', key_env: K}\n")
	b.Reset()
	if err := cfg.Print(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "s3cret") || !strings.Contains(b.String(), "rtmp://example.com/live?***") {
		t.Error(b.String())
	}
}

func TestCheckKeys(t *testing.T) {
	const key = "q1w2-e3r4-t5z6-u7i8"
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	write("good", key+"\n", 0o600)
	write("windows", "  "+key+"\r\n", 0o400)
	write("open", key, 0o644)
	write("group", key, 0o640)
	write("empty", " \n", 0o600)
	write("note", "the key is "+key, 0o600)
	write("huge", strings.Repeat("a", 5000), 0o600)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	environ := []string{"GOOD=" + key, "EMPTY= ", "NOTE=key " + key}

	for setting, want := range map[string]string{
		"key_file: good":    "",
		"key_file: windows": "",
		"key_env: GOOD":     "",
		"key_file: lost":    "V:4:17: P.key_file: DIR/lost: no such file or directory; create the file and put the stream key into it, and nothing else",
		"key_file: open":    "warning: V:4:17: P.key_file: DIR/open: other users of this box can read it (mode 0644); chmod 600 DIR/open",
		"key_file: group":   "warning: V:4:17: P.key_file: DIR/group: other users of this box can read it (mode 0640); chmod 600 DIR/group",
		"key_file: empty":   "V:4:17: P.key_file: DIR/empty: empty; put the stream key into it, and nothing else",
		"key_file: note":    "V:4:17: P.key_file: DIR/note: holds more than one word; put the stream key into it, and nothing else",
		"key_file: huge":    "V:4:17: P.key_file: DIR/huge: larger than 4096 bytes, so not a stream key; put the stream key into it, and nothing else",
		"key_file: folder":  "V:4:17: P.key_file: DIR/folder: not a file; put the stream key into a plain file of that name, and nothing else",
		"key_env: UNSET":    "V:4:16: P.key_env: the environment variable UNSET is not set; set UNSET to the stream key where venuecast is started",
		"key_env: EMPTY":    "V:4:16: P.key_env: the environment variable EMPTY: empty; set EMPTY to the stream key where venuecast is started",
		"key_env: NOTE":     "V:4:16: P.key_env: the environment variable NOTE: holds more than one word; set NOTE to the stream key where venuecast is started",
	} {
		t.Run(setting, func(t *testing.T) {
			file := filepath.Join(dir, "venuecast.yml")
			src := "broadcast:\n  destinations:\n    - url: rtmp://h/live\n      " + setting + "\n"
			cfg, warnings, err := Parse([]byte(src), file, environ)
			if err != nil || warnings != nil {
				t.Fatal(warnings, err)
			}
			want := strings.NewReplacer("V:", file+":", "P.", "broadcast.destinations[0].", "DIR", dir).Replace(want)
			var lines []string
			for _, p := range cfg.CheckKeys() {
				line := p.String()
				if p.Warning {
					line = "warning: " + line
				}
				lines = append(lines, line)
			}
			got := strings.Join(lines, "\n")
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if strings.Contains(got, key) {
				t.Error("the key itself is in the message")
			}
		})
	}
}

// A Config that nobody parsed has no places, and the process's environment.
func TestCheckKeysOfACodedConfig(t *testing.T) {
	t.Setenv("VENUECAST_TEST_KEY", "abc")
	cfg := Default()
	cfg.Broadcast.Destinations = []broadcaster.DestinationConfig{{KeyEnv: "VENUECAST_TEST_KEY"}, {KeyFile: "q1w2-e3r4-t5z6-u7i8"}}
	problems := cfg.CheckKeys()
	if len(problems) != 1 || problems[0].String() != "broadcast.destinations[1].key_file: this looks like the stream key itself" {
		t.Error(problems)
	}
}
