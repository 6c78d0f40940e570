package configs

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"venuecast/audio"
	"venuecast/camera"
)

// A key says about one configuration key what its Go type cannot.
type key struct {
	doc string // one sentence in an operator's words

	enum     []any // the only values, of the field's own type
	min, max any   // inclusive, of the field's own type
	even     bool  // not a multiple of two is an error
	zero     bool  // 0 is allowed below min
	secret   bool  // no message repeats the value
	pattern  string
	required bool     // inside a list's item
	oneOf    []string // for a section: exactly one of these keys is set
	dynamic  bool     // the default is worked out, so the schema states none
}

// keys describes every key and section by its path, lists as []. The schema
// and the checks of single values both come from here; checks that look at
// several keys are in validate.go.
var keys = map[string]key{
	"name": {doc: "What this box is called in logs and status. Default: the host name.", dynamic: true},

	"log":        {doc: "What is logged, and how."},
	"log.level":  {doc: "How much is logged.", enum: []any{"panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"}},
	"log.format": {doc: "text for people, json for machines.", enum: []any{"text", "json"}},

	"camera": {doc: "Where the picture comes from."},
	"camera.source": {
		doc:  "What delivers the picture: a test card, a command's H.264 output, or a file.",
		enum: []any{camera.SourceTestcard, camera.SourceExec, camera.SourceFile},
	},
	"camera.width":  {doc: "Picture width in pixels.", min: 16, max: maxSourceSide, even: true},
	"camera.height": {doc: "Picture height in pixels.", min: 16, max: maxSourceSide, even: true},
	"camera.fps":    {doc: "Pictures a second; 0 takes what the stream says, else 30.", min: 1.0, max: 240.0, zero: true},
	"camera.bitrate": {
		doc: "Video bits a second, with k for thousands or M for millions.",
		min: camera.BitRate(100e3), max: camera.BitRate(100e6), pattern: `^\+?[0-9]+(\.[0-9]+)?[kKM]?$`,
	},
	"camera.keyframe_interval": {
		doc: "Time between two keyframes. YouTube asks for 4s at most.",
		min: 100 * time.Millisecond, max: 10 * time.Second,
	},
	"camera.exec":         {doc: "Used when source is exec."},
	"camera.exec.command": {doc: "The program and its arguments, one list item each; it writes H.264 (Annex B) to its standard output."},
	"camera.file":         {doc: "Used when source is file."},
	"camera.file.path":    {doc: "The clip to play: .h264, .264, .flv, .mp4, .m4v or .mov. A relative path counts from this file's folder."},
	"camera.file.loop":    {doc: "Play the clip again and again, rather than once, from when a destination is connected."},

	"audio": {doc: "Where the sound comes from."},
	"audio.source": {
		doc:  "What delivers the sound: nothing, a command's AAC output, or the camera's source. Silence stands in whenever there is none.",
		enum: []any{audio.SourceSilence, audio.SourceExec, audio.SourceCamera},
	},
	"audio.sample_rate": {doc: "Samples a second of silence; real sound has its own.", enum: []any{32000, 44100, 48000}},
	"audio.channels":    {doc: "Of silence, 1 for mono, 2 for stereo; real sound has its own.", enum: []any{1, 2}},
	"audio.offset": {
		doc: "Shifts real sound against the picture; positive: later.",
		min: -audio.MaxOffset, max: audio.MaxOffset,
	},
	"audio.exec":         {doc: "Used when source is exec."},
	"audio.exec.command": {doc: "The program and its arguments, one list item each; it writes AAC (ADTS) to its standard output."},

	"broadcast": {doc: "Where the stream goes."},
	"broadcast.max_latency": {
		doc: "How far a destination may fall behind before pictures are skipped.",
		min: 500 * time.Millisecond, max: 60 * time.Second,
	},
	"broadcast.destinations":   {doc: "The ingests to send to, all at the same time. None is fine."},
	"broadcast.destinations[]": {doc: "One ingest.", oneOf: []string{"key_file", "key_env"}},
	"broadcast.destinations[].name": {
		doc:    "What logs and status call this destination. Default: the host in its url.",
		secret: true, dynamic: true,
	},
	"broadcast.destinations[].url": {
		doc:    "The ingest's address up to the app, without the stream key: rtmps://a.rtmps.youtube.com/live2",
		secret: true, required: true, pattern: `^[rR][tT][mM][pP][sS]?://[^/]+/.+`,
	},
	"broadcast.destinations[].key_file": {
		doc:    "The file that holds the stream key and nothing else. A relative path counts from this file's folder.",
		secret: true,
	},
	"broadcast.destinations[].key_env": {
		doc:    "The environment variable that holds the stream key, instead of key_file.",
		secret: true,
	},
	"broadcast.destinations[].tls": {doc: "For rtmps. The ingest's certificate is always verified."},
	"broadcast.destinations[].tls.ca_file": {
		doc:    "A file of PEM certificates to trust beside the system's. A relative path counts from this file's folder.",
		secret: true,
	},
	"broadcast.backoff":              {doc: "How long to wait before connecting again; each wait is a random part of the bound."},
	"broadcast.backoff.initial":      {doc: "The bound after the first failure; it doubles with each one that follows.", min: time.Nanosecond},
	"broadcast.backoff.max":          {doc: "The highest bound when the network or the ingest fails.", min: time.Nanosecond},
	"broadcast.backoff.rejected_max": {doc: "The highest bound when the ingest refuses the stream.", min: time.Nanosecond},

	"broadcast.timeouts":           {doc: "How long each step of a connection may take."},
	"broadcast.timeouts.dns":       {doc: "To look up the ingest's address.", min: time.Nanosecond},
	"broadcast.timeouts.dial":      {doc: "To open the TCP connection.", min: time.Nanosecond},
	"broadcast.timeouts.tls":       {doc: "To agree on encryption.", min: time.Nanosecond},
	"broadcast.timeouts.handshake": {doc: "To exchange RTMP handshakes.", min: time.Nanosecond},
	"broadcast.timeouts.command":   {doc: "For each RTMP command to be answered.", min: time.Nanosecond},
	"broadcast.timeouts.write":     {doc: "Without the network taking a single byte.", min: time.Nanosecond},
}

// The sides of a picture end here, for the test card and for all other sources.
const (
	maxTestcardWidth  = 1920
	maxTestcardHeight = 1080
	maxTestcardFPS    = 60
	maxSourceSide     = 4096
)

// A field is one key of a section.
type field struct {
	name  string
	index int
	typ   reflect.Type
}

// fieldsOf returns the keys of a section in their order. Every exported field
// of a configuration struct has a yaml tag.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
			fields = append(fields, field{name, i, f.Type})
		}
	}
	return fields
}

var (
	durationType      = reflect.TypeFor[time.Duration]()
	unmarshalTextType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isText reports whether t reads itself from text.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshalTextType) }

// isSection reports whether t is written as keys and values.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct && !isText(t) }

// joinPath appends name to a path.
func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// keyPath is a path with its indices taken out: the path in keys.
func keyPath(path string) string {
	for from := 0; ; {
		open := strings.IndexByte(path[from:], '[')
		if open < 0 {
			return path
		}
		open += from
		shut := open + strings.IndexByte(path[open:], ']')
		path = path[:open+1] + path[shut:]
		from = open + 2
	}
}

// eachKey calls f for every key below type t, sections and lists before what
// is in them. An item of a list has a path that ends in [].
func eachKey(t reflect.Type, path string, f func(path string, t reflect.Type)) {
	if path != "" {
		f(path, t)
	}
	switch {
	case isSection(t):
		for _, fd := range fieldsOf(t) {
			eachKey(fd.typ, joinPath(path, fd.name), f)
		}
	case t.Kind() == reflect.Slice && isSection(t.Elem()):
		eachKey(t.Elem(), path+"[]", f)
	}
}

// eachValue calls f for every single value in v; a list of values is one.
func eachValue(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	switch {
	case isSection(v.Type()):
		for _, fd := range fieldsOf(v.Type()) {
			eachValue(v.Field(fd.index), joinPath(path, fd.name), f)
		}
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		for i := range v.Len() {
			eachValue(v.Index(i), path+"["+strconv.Itoa(i)+"]", f)
		}
	default:
		f(path, v)
	}
}

// number returns the value of v, an int, a float64 or a type of such kind.
func number(v any) (float64, bool) {
	switch r := reflect.ValueOf(v); {
	case !r.IsValid():
		return 0, false
	case r.CanInt():
		return float64(r.Int()), true
	case r.CanFloat():
		return r.Float(), true
	}
	return 0, false
}

// check returns what is wrong with v for the key k, or "".
func (k key) check(v any) string {
	if k.enum != nil {
		for _, allowed := range k.enum {
			if v == allowed {
				return ""
			}
		}
		return fmt.Sprintf("%s is none of %s", quoted(v), orList(k.enum))
	}
	n, ok := number(v)
	if !ok || n == 0 && k.zero {
		return ""
	}
	low, hasLow := number(k.min)
	high, hasHigh := number(k.max)
	if hasLow && n < low || hasHigh && n > high || math.IsNaN(n) {
		switch {
		case hasLow && !hasHigh:
			return fmt.Sprintf("%s: must be more than 0", display(v))
		case k.zero:
			return fmt.Sprintf("%s is outside %s to %s (or 0)", display(v), display(k.min), display(k.max))
		}
		return fmt.Sprintf("%s is outside %s to %s", display(v), display(k.min), display(k.max))
	}
	if k.even && int64(n)%2 != 0 {
		return fmt.Sprintf("%s is odd; H.264 in 4:2:0 has even sides only", display(v))
	}
	return ""
}

// signed reports whether the value may be negative.
func (k key) signed() bool {
	low, ok := number(k.min)
	return ok && low < 0
}

// suggest returns a hint at the choice that v is a slip of the finger away
// from, or "".
func (k key) suggest(v any) string {
	text, ok := v.(string)
	if !ok || k.enum == nil {
		return ""
	}
	var choices []string
	for _, choice := range k.enum {
		choices = append(choices, display(choice))
	}
	if near := nearest(strings.ToLower(text), choices); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// display returns v as it stands in a file.
func display(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return formatDuration(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// quoted is display for text that somebody typed.
func quoted(v any) string {
	if s, ok := v.(string); ok {
		if looksLikeSecret(s) {
			return "this"
		}
		return strconv.Quote(shorten(s))
	}
	return display(v)
}

// shorten keeps a message on one screen line.
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// orList returns "a, b or c".
func orList[T any](items []T) string {
	var b strings.Builder
	for i, item := range items {
		switch {
		case i > 0 && i == len(items)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(display(item))
	}
	return b.String()
}

// formatDuration is d without the zeros that its String ends in: 1m for 1m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
