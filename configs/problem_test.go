package configs

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// badConfigs are mistakes and what the operator reads about each, warnings
// with "warning: " in front. They also seed the fuzzer.
var badConfigs = []struct{ name, src, want string }{
	{"misspelt keys, all of them", `
camera:
  widht: 1280
  hieght: 720
brodcast: {}
`, `
venuecast.yml:3:3: camera.widht: unknown key; did you mean width?
venuecast.yml:4:3: camera.hieght: unknown key; did you mean height?
venuecast.yml:5:1: brodcast: unknown key; did you mean broadcast?`},

	{"dashes and capitals", "Camera: {keyframe-interval: 2s}\n", `
venuecast.yml:1:1: Camera: unknown key; did you mean camera?`},

	{"a key of somewhere else", "width: 1280\ndestinations: []\ncamera: {command: [a]}\n", `
venuecast.yml:1:1: width: unknown key; it belongs under camera, indented
venuecast.yml:2:1: destinations: unknown key; it belongs under broadcast, indented
venuecast.yml:3:10: camera.command: unknown key; the keys here are source, width, height, fps, bitrate, keyframe_interval, exec, file`},

	{"a key of nowhere", "preview: {listen: \":8082\"}\n", `
venuecast.yml:1:1: preview: unknown key; the keys here are name, log, camera, audio, broadcast`},

	{"keys that are no words", "1: a\n? b\n: c\n<<: {}\n&a name: x\n'': y\n", `
venuecast.yml:1:1: unknown key; the keys here are name, log, camera, audio, broadcast
venuecast.yml:2:1: a key must be a plain word; write key: value
venuecast.yml:4:1: <<: merge keys are not supported; repeat the values, or use an alias for a whole section
venuecast.yml:5:1: a key must be a plain word; write key: value
venuecast.yml:6:1: a key must be a plain word; write key: value`},

	{"repeated keys", "log: {level: debug}\ncamera: {width: 640, width: 320}\nlog: {format: xml}\n", `
venuecast.yml:2:22: camera.width: stands here for a second time, after line 2; keep one of them
venuecast.yml:3:1: log: stands here for a second time, after line 1; keep one of them`},

	{"wrong types", `
name: [a]
log: info
camera:
  - source: testcard
  - width: 1280
audio: {channels: two, sample_rate: 44.1}
broadcast: {destinations: {url: "rtmp://h/live"}, max_latency: {s: 4}}
`, `
venuecast.yml:2:1: name: want text, got a section or a list; if it is meant as text, put it in quotes, such as "-c:v"
venuecast.yml:3:6: log: want a section of keys and values, got text; put its keys below it, indented by two spaces
venuecast.yml:4:1: camera: want a section of keys and values, got a list; remove the dashes
venuecast.yml:7:19: audio.channels: want a whole number, got "two"
venuecast.yml:7:37: audio.sample_rate: want a whole number, got 44.1
venuecast.yml:8:13: broadcast.destinations: want a list, got a section; begin each item with a dash, such as - url: ...
venuecast.yml:8:51: broadcast.max_latency: want a duration such as 5s or 500ms, got a section or a list`},

	{"more wrong types", `
name: true
camera:
  source: exec
  width: "1920"
  fps: "30"
  file: {loop: yes}
  exec: {command: ffmpeg -i x}
  bitrate: false
audio: {channels: 2.0}
`, `
venuecast.yml:2:7: name: want text, got true; put the word in quotes, if it is meant as text
venuecast.yml:5:10: camera.width: want a whole number, got "1920"; remove the quotes
venuecast.yml:6:8: camera.fps: want a number, got "30"; remove the quotes
venuecast.yml:7:16: camera.file.loop: want true or false, got "yes"
venuecast.yml:8:19: camera.exec.command: want a list, got text; write [program, argument, ...]; for a shell's features, [sh, -c, "..."]
venuecast.yml:9:12: camera.bitrate: want bits a second such as 6M, 800k or 6000000, got false
venuecast.yml:10:19: audio.channels: want a whole number, got 2.0`},

	{"no values", "name:\ncamera:\n  width: ~\n  exec: {command: [a, null]}\nbroadcast: {destinations: [null]}\n", `
venuecast.yml:1:1: name: no value; write one behind the colon, or remove the line
venuecast.yml:3:3: camera.width: no value; write one behind the colon, or remove the line
venuecast.yml:4:23: camera.exec.command[1]: an item without a value; remove its dash, or write the value behind it
venuecast.yml:5:28: broadcast.destinations[0]: an item without a value; remove its dash, or write the value behind it`},

	{"no space behind the colon", "camera:\n  width:1280\n", `
venuecast.yml:2:3: camera: want a section of keys and values, got text; put a space behind the colon`},

	{"not a configuration", "hello\n", `
venuecast.yml:1:1: want keys and values, such as camera:, got text`},

	{"a list", "- name: x\n", `
venuecast.yml:1:1: want keys and values, such as camera:, got a list`},

	{"a tab", "camera:\n\twidth: 1280\n", `
venuecast.yml:2:1: not valid YAML: found character '\t' that cannot start any token; indent with spaces, not with tabs`},

	{"an open quote", "name: \"Main hall\nlog: {level: info}\n", `
venuecast.yml:1:7: not valid YAML: could not find end character of double-quoted text; the quote that opens here is never closed`},

	{"an open bracket", "camera: {width: 640\naudio: {channels: 2}\n", `
venuecast.yml:2:1: not valid YAML: ',' or '}' must be specified; a bracket that opens before this is not closed`},

	{"a colon in a value", "name: Main hall: left\n", `
venuecast.yml:1:7: not valid YAML: mapping value is not allowed in this context; put a value with a colon in it into quotes; or is the next line indented too far?`},

	{"ragged indentation", "camera:\n  width: 640\n height: 320\n", `
venuecast.yml:3:2: not valid YAML: value is not allowed in this context; the indentation matches no line above`},

	{"a reserved character", "name: @venue\n", `
venuecast.yml:1:7: not valid YAML: '@' is a reserved character; put the value in quotes`},

	{"two documents", "name: a\n---\nname: b\n", `
venuecast.yml:3:1: a second YAML document begins here; keep one, without --- lines`},

	{"Latin-1", "name: a\nlog: {level: \xe9}\n", `
venuecast.yml:2:14: not UTF-8 text; save the file as UTF-8`},

	{"a control character", "name: a\x00b\n", `
venuecast.yml:1:8: control character U+0000; remove it`},

	{"an escaped NUL", `camera: {exec: {command: ["a\0"]}}`, `
venuecast.yml:1:27: camera.exec.command[0]: want text without NUL characters`},

	{"too large", strings.Repeat("# \n", 30000), `
venuecast.yml: larger than 64 KiB; is this the configuration file?`},

	{"aliases and tags", "name: *lost\nlog: {level: !!str info}\ncamera: &c {file: *c}\n", `
venuecast.yml:1:7: name: no anchor of this name stands above; a value that begins with * is a YAML alias: quote it, if that is not meant
venuecast.yml:2:14: log.level: YAML tags are not supported; a value that begins with ! is a YAML tag: remove the tag, or quote the value
venuecast.yml:3:19: camera.file: no anchor of this name stands above; a value that begins with * is a YAML alias: quote it, if that is not meant`},

	{"choices", "log: {level: INFO, format: xml}\ncamera: {source: webcam}\naudio: {source: alsa, sample_rate: 22050, channels: 6}\n", `
venuecast.yml:1:14: log.level: "INFO" is none of panic, fatal, error, warn, warning, info, debug or trace; did you mean info?
venuecast.yml:1:28: log.format: "xml" is none of text or json
venuecast.yml:2:18: camera.source: "webcam" is none of testcard, exec or file
venuecast.yml:3:17: audio.source: "alsa" is none of silence, exec or camera
venuecast.yml:3:36: audio.sample_rate: 22050 is none of 32000, 44100 or 48000
venuecast.yml:3:53: audio.channels: 6 is none of 1 or 2`},

	{"units", "camera: {keyframe_interval: 2, bitrate: 6 Mbps}\nbroadcast: {max_latency: 4 s, timeouts: {dns: 5, dial: -5s, tls: 9999999h, write: 0}}\n", `
venuecast.yml:1:29: camera.keyframe_interval: want a duration such as 5s or 500ms, got 2; add its unit, such as s or ms
venuecast.yml:1:41: camera.bitrate: want bits a second such as 6M, 800k or 6000000, got "6 Mbps"
venuecast.yml:2:26: broadcast.max_latency: want a duration such as 5s or 500ms, got "4 s"
venuecast.yml:2:47: broadcast.timeouts.dns: want a duration such as 5s or 500ms, got 5; add its unit, such as s or ms
venuecast.yml:2:56: broadcast.timeouts.dial: want a duration such as 5s or 500ms, got "-5s"
venuecast.yml:2:66: broadcast.timeouts.tls: want a duration such as 5s or 500ms, got "9999999h"
venuecast.yml:2:83: broadcast.timeouts.write: want a duration such as 5s or 500ms, got 0; add its unit, such as s or ms`},

	{"ranges", `
camera: {source: exec, exec: {command: [a]}, width: 4098, height: 14, fps: 0.5, bitrate: 6, keyframe_interval: 11s}
broadcast:
  max_latency: 100ms
  timeouts: {command: 0s}
  backoff: {initial: 3s, rejected_max: 0ms}
`, `
venuecast.yml:2:53: camera.width: 4098 is outside 16 to 4096
venuecast.yml:2:67: camera.height: 14 is outside 16 to 4096
venuecast.yml:2:76: camera.fps: 0.5 is outside 1 to 240 (or 0)
venuecast.yml:2:90: camera.bitrate: 6 is outside 100k to 100M
venuecast.yml:2:112: camera.keyframe_interval: 11s is outside 100ms to 10s
venuecast.yml:4:16: broadcast.max_latency: 100ms is outside 500ms to 1m
venuecast.yml:5:23: broadcast.timeouts.command: 0s: must be more than 0
venuecast.yml:6:22: broadcast.backoff.initial: 3s is more than broadcast.backoff.max, 2s
venuecast.yml:6:40: broadcast.backoff.rejected_max: 0s: must be more than 0`},

	{"odd sides", "camera: {width: 1279, height: 719}\n", `
venuecast.yml:1:17: camera.width: 1279 is odd; H.264 in 4:2:0 has even sides only
venuecast.yml:1:31: camera.height: 719 is odd; H.264 in 4:2:0 has even sides only`},

	{"too much for the test card", "camera: {width: 3840, height: 2160, fps: 120}\n", `
venuecast.yml:1:17: camera.width: 3840 is more than the test card's 1920; the test card is drawn and encoded on this box, in software
venuecast.yml:1:31: camera.height: 2160 is more than the test card's 1080; the test card is drawn and encoded on this box, in software
venuecast.yml:1:42: camera.fps: 120 is more than the test card's 60; the test card is drawn and encoded on this box, in software`},

	{"rare keyframes", "camera: {keyframe_interval: 5s}\n", `
warning: venuecast.yml:1:29: camera.keyframe_interval: 5s is more than the 4s that YouTube asks for at most; use 2s`},

	{"no command", "camera: {source: exec}\n", `
venuecast.yml:1:1: camera.exec.command: must be set when camera.source is exec; write exec: {command: [program, argument, ...]}`},

	{"a nameless command", "camera: {source: exec, exec: {command: [\"\", a]}}\n", `
venuecast.yml:1:41: camera.exec.command[0]: the program has no name`},

	{"no clip", "camera: {source: file}\n", `
venuecast.yml:1:1: camera.file.path: must be set when camera.source is file; write file: {path: clip.h264}`},

	{"another kind of clip", "camera: {source: file, file: {path: clips/a.mkv}}\n", `
venuecast.yml:1:37: camera.file.path: "a.mkv" is no kind of clip known here; the name must end in .h264, .264, .flv, .mp4, .m4v or .mov`},

	{"an audio command that is missing", "audio: {source: exec, offset: 2001ms}\n", `
venuecast.yml:1:1: audio.exec.command: must be set when audio.source is exec; write exec: {command: [program, argument, ...]}
venuecast.yml:1:31: audio.offset: 2.001s is outside -2s to 2s`},

	{"an audio command without a name", "audio: {source: exec, exec: {command: [' ', a]}, offset: -3s}\n", `
venuecast.yml:1:40: audio.exec.command[0]: the program has no name
venuecast.yml:1:58: audio.offset: -3s is outside -2s to 2s`},

	{"an offset without a unit", "audio: {offset: -100}\n", `
venuecast.yml:1:17: audio.offset: want a duration such as 5s or 500ms, got -100; add its unit, such as s or ms`},

	{"sound of a picture alone", "audio:\n  source: camera\n", `
venuecast.yml:2:11: audio.source: camera.source testcard carries no sound; use camera.source: file with a clip in .flv, .mp4, .m4v or .mov, or another audio.source`},

	{"sound of a command's picture", "camera: {source: exec, exec: {command: [a]}}\naudio: {source: camera}\n", `
venuecast.yml:2:17: audio.source: camera.source exec carries no sound; use camera.source: file with a clip in .flv, .mp4, .m4v or .mov, or another audio.source`},

	{"sound of a raw clip", "camera: {source: file, file: {path: clips/a.h264}}\naudio: {source: camera}\n", `
venuecast.yml:2:17: audio.source: "a.h264" carries no sound; use camera.source: file with a clip in .flv, .mp4, .m4v or .mov, or another audio.source`},

	{"sound of a camera that is wrong itself", "camera: {source: file}\naudio: {source: camera}\n", `
venuecast.yml:1:1: camera.file.path: must be set when camera.source is file; write file: {path: clip.h264}`},

	{"names", "name: \"a\\nb\"\nbroadcast:\n  destinations:\n    - {name: x, url: rtmp://h/live, key_env: K}\n    - {name: x, url: rtmp://h/live, key_env: K}\n    - {name: ' y', url: rtmp://h/live, key_env: K}\n", `
venuecast.yml:1:7: name: has characters that cannot be printed
venuecast.yml:5:14: broadcast.destinations[1].name: the same as that of destination 1; logs and status need to tell them apart
venuecast.yml:6:14: broadcast.destinations[2].name: begins or ends with a space`},

	{"destinations", `
broadcast:
  destinations:
    - name: a
    - {url: "a.rtmps.youtube.com/live2", key_file: k}
    - {url: "https://h/live", key_file: k}
    - {url: "rtmp://h", key_file: k, key_env: K}
    - {url: "rtmp://h/live", key_env: $K}
    - {ulr: "rtmp://h/live", key-file: k}
    - {url: "rtmp://h/live", key_file: "rtmp://h/live", tls: {ca_file: "https://h/ca.pem"}}
    - rtmp://h/live
`, `
venuecast.yml:4:7: broadcast.destinations[0].url: the ingest's address is missing; write its address up to the app, such as rtmps://a.rtmps.youtube.com/live2
venuecast.yml:4:7: broadcast.destinations[0].key_file: the stream key's file is missing; put the key into a file and set key_file: FILE, or set key_env: VARIABLE
venuecast.yml:5:13: broadcast.destinations[1].url: no scheme, want rtmps:// or rtmp:// in front; write its address up to the app, such as rtmps://a.rtmps.youtube.com/live2
venuecast.yml:6:13: broadcast.destinations[2].url: scheme "https", want rtmp or rtmps; write its address up to the app, such as rtmps://a.rtmps.youtube.com/live2
venuecast.yml:7:13: broadcast.destinations[3].url: rtmp://h: no app, want rtmp://h/app; write its address up to the app, such as rtmps://a.rtmps.youtube.com/live2
venuecast.yml:7:47: broadcast.destinations[3].key_env: key_file is set, too; keep one of them
venuecast.yml:8:39: broadcast.destinations[4].key_env: not the name of an environment variable; write the name alone, such as VENUECAST_STREAM_KEY, without $ or value
venuecast.yml:9:8: broadcast.destinations[5].ulr: unknown key; did you mean url?
venuecast.yml:9:30: broadcast.destinations[5].key-file: unknown key; did you mean key_file?
venuecast.yml:10:40: broadcast.destinations[6].key_file: want the path of a file, got a URL; put the key into a file of its own and write that file's name here
venuecast.yml:10:72: broadcast.destinations[6].tls.ca_file: want the path of a file, got a URL
venuecast.yml:11:7: broadcast.destinations[7]: want a url and a key_file, got text; write - url: rtmps://HOST/APP and, below url, key_file: FILE`},
}

// report is what an operator reads about a configuration.
func report(warnings []Problem, err error) string {
	var lines []string
	for _, w := range warnings {
		lines = append(lines, "warning: "+w.String())
	}
	if err != nil {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

func TestBadConfigs(t *testing.T) {
	for _, test := range badConfigs {
		t.Run(test.name, func(t *testing.T) {
			_, warnings, err := Parse([]byte(test.src), "venuecast.yml", nil)
			if got, want := report(warnings, err), strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestTooManyAliases(t *testing.T) {
	src := "name: x\nbroadcast:\n  destinations:\n    - &d {url: rtmp://h/live, key_env: K}\n" + strings.Repeat("    - *d\n", maxAliases+1)
	_, _, err := Parse([]byte(src), "venuecast.yml", nil)
	if err == nil || !strings.Contains(err.Error(), "more than 100 YAML aliases; write the values out") {
		t.Error(err)
	}
}

func TestErrorCarriesProblems(t *testing.T) {
	_, _, err := Parse([]byte("camera: {width: 0}"), "venuecast.yml", nil)
	var problems *Error
	if !errors.As(err, &problems) || len(problems.Problems) != 1 {
		t.Fatalf("error = %#v", err)
	}
	want := Problem{File: "venuecast.yml", Line: 1, Column: 17, Path: "camera.width", Message: "0 is outside 16 to 4096"}
	if got := problems.Problems[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEnvironment(t *testing.T) {
	const keyed = "broadcast: {destinations: [{url: rtmp://h/live, key_env: VENUECAST_STREAM_KEY}]}"
	for _, test := range []struct {
		name, src string
		environ   []string
		want      string            // the report
		check     func(Config) bool // of what has no report
	}{
		{
			"over the file", "camera: {width: 640}", []string{"VENUECAST_CAMERA__WIDTH=320", "PATH=/bin", "venuecast_name=x"}, "",
			func(c Config) bool { return c.Camera.Width == 320 },
		},
		{
			"every kind of value", "",
			[]string{
				"VENUECAST_NAME=a=b", "VENUECAST_CAMERA__FPS=29.97", "VENUECAST_CAMERA__BITRATE=800k", "VENUECAST_CAMERA__FILE__LOOP=true",
				"VENUECAST_BROADCAST__MAX_LATENCY=3s", "VENUECAST_BROADCAST__BACKOFF__REJECTED_MAX=1m",
				"VENUECAST_AUDIO__OFFSET=-250ms",
			},
			"",
			func(c Config) bool {
				return c.Name == "a=b" && c.Camera.FPS == 29.97 && c.Camera.Bitrate == 800e3 && c.Camera.File.Loop &&
					c.Audio.Offset == -250*time.Millisecond && c.Broadcast.MaxLatency == 3e9 && c.Broadcast.Backoff.RejectedMax == 60e9
			},
		},
		{
			"empty is unset, the first counts", "name: a", []string{"VENUECAST_NAME=", "VENUECAST_LOG__LEVEL=warn", "VENUECAST_LOG__LEVEL=debug"}, "",
			func(c Config) bool { return c.Name == "a" && c.Log.Level == "warn" },
		},
		{"a stream key", keyed, []string{"VENUECAST_STREAM_KEY=k"}, "", func(Config) bool { return true }},
		{
			"unknown", "", []string{"VENUECAST_CORPUS=x", "VENUECAST_LOG_LEVEL=x", "VENUECAST_NMAE=x"}, `
warning: VENUECAST_CORPUS: sets no key of the configuration
warning: VENUECAST_LOG_LEVEL: sets no key of the configuration; did you mean VENUECAST_LOG__LEVEL?
warning: VENUECAST_NMAE: sets no key of the configuration; did you mean VENUECAST_NAME?`, nil,
		},
		{
			"unknown with levels", "", []string{"VENUECAST_CAMERA__WIDHT=x", "VENUECAST_PREVIEW__LISTEN=x", "VENUECAST_CAMERA__EXEC=x"}, `
VENUECAST_CAMERA__EXEC: sets no key of the configuration
VENUECAST_CAMERA__WIDHT: sets no key of the configuration; did you mean VENUECAST_CAMERA__WIDTH?
VENUECAST_PREVIEW__LISTEN: sets no key of the configuration`, nil,
		},
		{
			"lists", "", []string{"VENUECAST_CAMERA__EXEC__COMMAND=x", "VENUECAST_BROADCAST__DESTINATIONS__0__URL=x"}, `
VENUECAST_BROADCAST__DESTINATIONS__0__URL: broadcast.destinations: a list cannot be set from the environment; set it in the file
VENUECAST_CAMERA__EXEC__COMMAND: camera.exec.command: a list cannot be set from the environment; set it in the file`, nil,
		},
		{
			"bad values", "name: \"\\n\"\ncamera: {height: 720}",
			[]string{"VENUECAST_BROADCAST__MAX_LATENCY=3", "VENUECAST_CAMERA__WIDTH=wide", "VENUECAST_CAMERA__HEIGHT=721", "VENUECAST_CAMERA__FILE__LOOP=1", "VENUECAST_CAMERA__FPS=NaN"}, `
venuecast.yml:1:7: name: has characters that cannot be printed
VENUECAST_BROADCAST__MAX_LATENCY: broadcast.max_latency: want a duration such as 5s or 500ms, got 3; add its unit, such as s or ms
VENUECAST_CAMERA__FILE__LOOP: camera.file.loop: want true or false, got 1
VENUECAST_CAMERA__FPS: camera.fps: want a number, got NaN
VENUECAST_CAMERA__HEIGHT: camera.height: 721 is odd; H.264 in 4:2:0 has even sides only
VENUECAST_CAMERA__WIDTH: camera.width: want a whole number, got wide`, nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, warnings, err := Parse([]byte(test.src), "venuecast.yml", test.environ)
			if got, want := report(warnings, err), strings.TrimPrefix(test.want, "\n"); got != want {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
			if test.check != nil && !test.check(cfg) {
				t.Errorf("got %+v", cfg)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range badConfigs {
		if len(test.src) < 4096 {
			f.Add([]byte(test.src))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 4096 {
			return // the parser is too slow on some
		}
		cfg, warnings, err := Parse(src, "/etc/venuecast.yml", nil)
		for line := range strings.Lines(report(warnings, err)) {
			if !strings.Contains(line, "venuecast.yml:") {
				t.Errorf("a line without a place: %q", line)
			}
		}
		if err != nil {
			return
		}
		var printed strings.Builder
		if err := cfg.Print(&printed); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(printed.String(), redacted) {
			return
		}
		again, _, err := Parse([]byte(printed.String()), "/etc/venuecast.yml", nil)
		if err != nil {
			t.Fatalf("printed configuration: %v\n%s", err, printed.String())
		}
		if d := diff(cfg, again); d != "" {
			t.Errorf("printed and read back (-want +got):\n%s\n%s", d, printed.String())
		}
	})
}
