package configs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"venuecast/audio"
	"venuecast/broadcaster"
	"venuecast/camera"
)

const exampleFile = "venuecast.example.yml"

// diff compares two configurations wherever they came from.
func diff(want, got Config) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty())
}

func mustParse(t *testing.T, src string, environ ...string) Config {
	t.Helper()
	cfg, warnings, err := Parse([]byte(src), "/etc/venuecast/venuecast.yml", environ)
	if err != nil {
		t.Fatal(err)
	}
	if warnings != nil {
		t.Fatal("warnings:", warnings)
	}
	return cfg
}

func TestNothingIsTheDefault(t *testing.T) {
	for _, src := range []string{
		"", "\n", "# only a comment\n", "---\n", "---\n...\n", "%YAML 1.2\n---\n", "{}", "null", "\ufeff", "\ufeff# Windows\r\n",
		"log:\ncamera:\n  exec:\n  file:\nbroadcast:\n  destinations:\n", "camera:\r\n  width: 1920\r\n",
	} {
		if d := diff(Default(), mustParse(t, src)); d != "" {
			t.Errorf("%q (-default +got):\n%s", src, d)
		}
	}
	cfg, warnings, err := Load("", nil)
	if err != nil || warnings != nil || diff(Default(), cfg) != "" {
		t.Errorf("no file: %v, %v\n%s", warnings, err, diff(Default(), cfg))
	}
}

func TestParseEverything(t *testing.T) {
	got := mustParse(t, `
name: 007
log: {level: debug, format: "json"}
camera:
  source: exec
  width: 1280
  height: 720
  fps: 29.97
  bitrate: 2.5M
  keyframe_interval: 1s500ms
  exec:
    command: [ffmpeg, -r, 30, |
      two
      lines
    ]
  file: {path: clips/a.FLV, loop: true}
audio: {source: exec, sample_rate: 48000, channels: 1, offset: -1s500ms, exec: {command: [arecord, "|", aac]}}
broadcast:
  max_latency: 1m
  destinations:
    - url: rtmps://a.rtmps.youtube.com/live2
      key_file: stream.key
    - url: rtmps://a.rtmps.youtube.com/live2?backup=1
      key_env: KEY
      tls: &private {ca_file: ca/venue.pem}
    - {name: a.rtmps.youtube.com-2, url: "rtmp://[::1]:1936/live/more", key_file: /run/key, tls: *private}
  backoff: {initial: 1s, max: 1s, rejected_max: 1m}
  timeouts: {dns: 1s, dial: 2s, tls: 3s, handshake: 4s, command: 5s, write: 1h}
`)
	want := Default()
	want.Name = "007"
	want.Log = Log{Level: "debug", Format: "json"}
	want.Camera.Source = camera.SourceExec
	want.Camera.Width, want.Camera.Height, want.Camera.FPS = 1280, 720, 29.97
	want.Camera.Bitrate = 2.5e6
	want.Camera.KeyframeInterval = 1500 * time.Millisecond
	want.Camera.Exec.Command = []string{"ffmpeg", "-r", "30", "two\nlines\n"}
	want.Camera.File.Path = "/etc/venuecast/clips/a.FLV"
	want.Camera.File.Loop = true
	want.Audio.Source, want.Audio.SampleRate, want.Audio.Channels = audio.SourceExec, 48000, 1
	want.Audio.Offset = -1500 * time.Millisecond
	want.Audio.Exec.Command = []string{"arecord", "|", "aac"}
	b := &want.Broadcast
	b.MaxLatency = time.Minute
	b.Destinations = []broadcaster.DestinationConfig{
		{Name: "a.rtmps.youtube.com", URL: "rtmps://a.rtmps.youtube.com/live2", KeyFile: "/etc/venuecast/stream.key"},
		{
			Name: "a.rtmps.youtube.com-3", URL: "rtmps://a.rtmps.youtube.com/live2?backup=1", KeyEnv: "KEY",
			TLS: broadcaster.TLSConfig{CAFile: "/etc/venuecast/ca/venue.pem"},
		},
		{
			Name: "a.rtmps.youtube.com-2", URL: "rtmp://[::1]:1936/live/more", KeyFile: "/run/key",
			TLS: broadcaster.TLSConfig{CAFile: "/etc/venuecast/ca/venue.pem"},
		},
	}
	b.Backoff = broadcaster.BackoffConfig{Initial: time.Second, Max: time.Second, RejectedMax: time.Minute}
	b.Timeouts.DNS, b.Timeouts.Dial, b.Timeouts.TLS = time.Second, 2*time.Second, 3*time.Second
	b.Timeouts.Handshake, b.Timeouts.Write = 4*time.Second, time.Hour
	if d := diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// setting is a line of the example file that is a key commented out, rather
// than an explanation.
var setting = regexp.MustCompile(`(?m)^#( {2,}|[a-z])`)

func readExample(t *testing.T) (commented, uncommented []byte) {
	t.Helper()
	commented, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return commented, setting.ReplaceAll(commented, []byte("$1"))
}

func TestExampleIsTheDefault(t *testing.T) {
	commented, uncommented := readExample(t)
	if d := diff(Default(), mustParse(t, string(commented))); d != "" {
		t.Errorf("as shipped (-default +example):\n%s", d)
	}
	got := mustParse(t, string(uncommented))
	if d := cmp.Diff([]broadcaster.DestinationConfig{{
		Name:    "youtube",
		URL:     "rtmps://a.rtmps.youtube.com/live2",
		KeyFile: "/etc/venuecast/stream.key",
	}}, got.Broadcast.Destinations); d != "" {
		t.Errorf("the example's destination (-want +got):\n%s", d)
	}
	got.Broadcast.Destinations = nil
	if d := diff(Default(), got); d != "" {
		t.Errorf("uncommented (-default +example):\n%s", d)
	}
}

// What the quick start says to uncomment must be what a first broadcast needs.
func TestExampleQuickStart(t *testing.T) {
	commented, _ := readExample(t)
	var lines []string
	take := 0
	for line := range strings.Lines(string(commented)) {
		switch {
		case strings.HasPrefix(line, "#broadcast:"):
			take = 1
		case strings.HasPrefix(line, "#  destinations:"):
			take = 4
		}
		if take > 0 {
			take--
			lines = append(lines, strings.TrimPrefix(line, "#"))
		}
	}
	cfg := mustParse(t, strings.Join(lines, ""))
	if len(cfg.Broadcast.Destinations) != 1 || cfg.Broadcast.Destinations[0].KeyFile == "" {
		t.Errorf("destinations = %+v", cfg.Broadcast.Destinations)
	}
}

func TestPrintedConfigReadsBack(t *testing.T) {
	// Names that YAML would take for something else are the hard part.
	text := rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "true", "no", "null", "~", "123", "0x1F", "1e3", ".inf", "1:30", "- a", "#a", "a #b", "a: b", "'", `"`, `\`, "*a", "&a", "!a",
			"%a", "@a", "`", "|", ">", "? a", "{a", "[a", "2001-01-01", "=", "<<", "a\nb", "a\n", "\ta", " a ", "é", "日本", "\u00a0", "...", "---",
		}),
		rapid.StringOf(rapid.RuneFrom([]rune("abc019 .:#-'\"\\{}[]&*!|>%@`,?~\n\té"))),
	)
	word := rapid.StringMatching(`[a-z][a-z0-9 :#'"&!-]{0,10}[a-z]`)
	duration := rapid.Map(rapid.Int64Range(1, int64(500*time.Millisecond)), func(n int64) time.Duration { return time.Duration(n) })
	rapid.Check(t, func(t *rapid.T) {
		want := Default()
		want.Name = word.Draw(t, "name")
		want.Log.Level = rapid.SampledFrom([]string{"warn", "trace"}).Draw(t, "level")
		want.Camera.FPS = float64(rapid.IntRange(1000, 60000).Draw(t, "millifps")) / 1000
		want.Camera.Bitrate = camera.BitRate(rapid.IntRange(100e3, 100e6).Draw(t, "bitrate"))
		want.Camera.Exec.Command = rapid.SliceOf(text).Draw(t, "command")
		want.Camera.File.Path = "/" + word.Draw(t, "path")
		want.Camera.File.Loop = rapid.Bool().Draw(t, "loop")
		want.Audio.Offset = time.Duration(rapid.Int64Range(int64(-audio.MaxOffset), int64(audio.MaxOffset)).Draw(t, "offset"))
		want.Audio.Exec.Command = rapid.SliceOf(text).Draw(t, "audio command")
		want.Broadcast.Backoff.Initial = duration.Draw(t, "initial")
		want.Broadcast.Timeouts.DNS = 3600 * duration.Draw(t, "dns")
		want.Broadcast.Destinations = make([]broadcaster.DestinationConfig, rapid.IntRange(0, 3).Draw(t, "destinations"))
		for i := range want.Broadcast.Destinations {
			want.Broadcast.Destinations[i] = broadcaster.DestinationConfig{
				Name:   word.Draw(t, "destination") + string(rune('0'+i)),
				URL:    rapid.SampledFrom([]string{"rtmp://h/live", "rtmps://h:1/live?backup=1"}).Draw(t, "url"),
				KeyEnv: "A_KEY",
			}
		}
		var printed bytes.Buffer
		if err := want.Print(&printed); err != nil {
			t.Fatal(err)
		}
		got, _, err := Parse(printed.Bytes(), "venuecast.yml", nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed.Bytes())
		}
		if d := diff(want, got); d != "" {
			t.Fatalf("-want +got:\n%s\n%s", d, printed.Bytes())
		}
	})
}

func TestPrintIsComplete(t *testing.T) {
	_, uncommented := readExample(t)
	var b bytes.Buffer
	if err := mustParse(t, string(uncommented)).Print(&b); err != nil {
		t.Fatal(err)
	}
	for path := range keys {
		name := strings.TrimSuffix(path[strings.LastIndexByte(path, '.')+1:], "[]")
		if !regexp.MustCompile(`(?m)^[ -]*` + name + `:`).Match(b.Bytes()) {
			t.Errorf("%s is missing in:\n%s", path, b.Bytes())
		}
	}
}

func TestLoadReadsWhatTheFileNames(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("clip.h264", "")
	write("good.pem", certificate)
	write("text.pem", "no certificate")
	write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	if err := os.Mkdir(filepath.Join(dir, "folder.flv"), 0o700); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name, src string
		want      string // within the error
	}{
		{"clip", "camera: {source: file, file: {path: clip.h264}}", ""},
		{"no clip", "camera: {source: file, file: {path: lost.h264}}", "venuecast.yml:1:37: camera.file.path: DIR/lost.h264: no such file or directory"},
		{"folder", "camera: {source: file, file: {path: folder.flv}}", "DIR/folder.flv: is a folder"},
		{"clip of another source", "camera: {source: testcard, file: {path: lost.h264}}", ""},
		{"no certificate file", destination("tls: {ca_file: lost.pem}"), "tls.ca_file: DIR/lost.pem: no such file"},
		{"no certificate", destination("tls: {ca_file: text.pem}"), "tls.ca_file: DIR/text.pem: no PEM certificate in it"},
		{"damaged certificate", destination("tls: {ca_file: broken.pem}"), "tls.ca_file: DIR/broken.pem: damaged certificate"},
		{"certificate", destination("tls: {ca_file: good.pem}"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write("venuecast.yml", test.src)
			_, _, err := Load(path, nil)
			want := strings.ReplaceAll(test.want, "DIR", dir)
			switch {
			case want == "" && err != nil:
				t.Error(err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("error = %v, want %s", err, want)
			}
		})
	}
}

func TestLoadOfAnUnreadableFile(t *testing.T) {
	_, _, err := Load(filepath.Join(t.TempDir(), "lost.yml"), nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read configuration: open ") {
		t.Errorf("missing: %v", err)
	}
	if _, _, err := Load(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("folder: %v", err)
	}
}

// A relative configuration file gives absolute paths, too: they outlive a
// change of the working directory.
func TestRelativePathsCountFromTheFilesFolder(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"":                   filepath.Join(wd, "clips/a.flv"),
		"venuecast.yml":      filepath.Join(wd, "clips/a.flv"),
		"site/venuecast.yml": filepath.Join(wd, "site/clips/a.flv"),
		"/etc/venuecast.yml": "/etc/clips/a.flv",
	} {
		cfg, _, err := Parse(nil, file, []string{"VENUECAST_CAMERA__FILE__PATH=clips/a.flv"})
		if err != nil || cfg.Camera.File.Path != want {
			t.Errorf("from %q: %q, %v; want %q", file, cfg.Camera.File.Path, err, want)
		}
	}
}

// destination is a configuration with one destination that has extra keys.
func destination(extra string) string {
	return "broadcast:\n  destinations:\n    - url: rtmps://example.com/live\n      key_file: stream.key\n      " + extra + "\n"
}

// certificate is any that parses; nothing here looks at its dates.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBDTCBtaADAgECAgEBMAoGCCqGSM49BAMCMBAxDjAMBgNVBAMTBXZlbnVlMCAX
DTI2MTEyMzIzMTcyOVoYDzIwNzYxMTIzMjMxNzI5WjAQMQ4wDAYDVQQDEwV2ZW51
ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEJmKBhK25LyiqtcJ51478BhUgmd
1M8Lyj1rfjQriJ3km3DxnC6+PEHzcYD1YVVtqoRinmac4HBdTtEVDL9dc2MwCgYI
KoZIzj0EAwIDRwAwRAIgV1YfVB6KmJDgLG3PFfLRIgRB4WlFzA5U1KZlZNQwdRUC
IH0K2nK00NQnSiodQ9owXMfrVw3SATvlfDiv1ywga5bd
-----END CERTIFICATE-----
`

func TestSets(t *testing.T) {
	cfg, _, err := Parse([]byte("camera: {width: 1280}\n"), "venuecast.yml", []string{"VENUECAST_CAMERA__FPS=25"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"camera.width": true, "camera.fps": true, "camera.height": false} {
		if cfg.Sets(path) != want {
			t.Errorf("Sets(%s) is %v", path, !want)
		}
	}
	if Default().Sets("camera.width") {
		t.Error("the default sets something")
	}
}
