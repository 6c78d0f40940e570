package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func readSchema(t *testing.T) schema {
	t.Helper()
	var s schema
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// schemaAt finds the schema of the key at path.
func schemaAt(s schema, path string) schema {
	for name := range strings.SplitSeq(path, ".") {
		name, isItem := strings.CutSuffix(name, "[]")
		s, _ = s["properties"].(schema)[name].(schema)
		if isItem && s != nil {
			s, _ = s["items"].(schema)
		}
		if s == nil {
			return nil
		}
	}
	return s
}

func TestEveryKeyIsDescribed(t *testing.T) {
	root := readSchema(t)
	known := map[string]bool{}
	eachKey(reflect.TypeFor[Config](), "", func(path string, typ reflect.Type) {
		known[path] = true
		s := schemaAt(root, path)
		if s == nil {
			t.Errorf("%s: not in the schema", path)
			return
		}
		if s["description"] == nil || s["type"] == nil {
			t.Errorf("%s: no description or type: %v", path, s)
		}
		_, hasDefault := s["default"]
		if k := keys[path]; !isSection(typ) && !hasDefault && !k.dynamic && !k.required {
			t.Errorf("%s: no default", path)
		}
		if doc := keys[path].doc; !strings.HasSuffix(doc, ".") && !strings.Contains(doc, "://") {
			t.Errorf("%s: %q is no sentence", path, doc)
		}
	})
	for path := range keys {
		if !known[path] {
			t.Errorf("%s: described, but no key", path)
		}
	}
}

// Every key stands in the example, those commented out twice included.
func TestEveryKeyIsInTheExample(t *testing.T) {
	_, uncommented := readExample(t)
	uncommented = regexp.MustCompile(`(?m)^( +)#([a-z_]+:)`).ReplaceAll(uncommented, []byte("$1$2"))
	var tree any
	if err := yaml.Unmarshal(uncommented, &tree); err != nil {
		t.Fatal(err)
	}
	for path := range keys {
		at := tree
		for name := range strings.SplitSeq(path, ".") {
			name, isItem := strings.CutSuffix(name, "[]")
			section, _ := at.(map[string]any)
			var ok bool
			if at, ok = section[name]; !ok {
				t.Errorf("%s: not in %s", path, exampleFile)
				break
			}
			if isItem {
				at = at.([]any)[0]
			}
		}
	}
}

// check returns what of s the value v breaks. It knows the keywords that
// Schema writes, and fails on any other.
func check(s schema, v any, path string) []string {
	var broken []string
	fail := func(format string, args ...any) {
		broken = append(broken, path+": "+fmt.Sprintf(format, args...))
	}
	number := func(v any) float64 {
		r := reflect.ValueOf(v)
		switch {
		case r.CanInt():
			return float64(r.Int())
		case r.CanUint():
			return float64(r.Uint())
		}
		return r.Float()
	}
	types := map[string]func(any) bool{
		"object":  func(v any) bool { _, ok := v.(map[string]any); return ok },
		"array":   func(v any) bool { _, ok := v.([]any); return ok },
		"string":  func(v any) bool { _, ok := v.(string); return ok },
		"boolean": func(v any) bool { _, ok := v.(bool); return ok },
		"null":    func(v any) bool { return v == nil },
		"number": func(v any) bool {
			k := reflect.ValueOf(v)
			return k.IsValid() && (k.CanInt() || k.CanUint() || k.CanFloat())
		},
		"integer": func(v any) bool { k := reflect.ValueOf(v); return k.IsValid() && (k.CanInt() || k.CanUint()) },
	}
	if rule, ok := s["type"]; ok {
		names, isList := rule.([]any)
		if !isList {
			names = []any{rule}
		}
		if !slices.ContainsFunc(names, func(name any) bool { return types[name.(string)](v) }) {
			fail("type is not %v", rule)
			return broken
		}
	}
	for keyword, rule := range s {
		switch keyword {
		case "type", "$schema", "title", "description", "default", "items", "properties":
		case "enum":
			if !slices.ContainsFunc(rule.([]any), func(allowed any) bool { return fmt.Sprint(allowed) == fmt.Sprint(v) }) {
				fail("not in %v", rule)
			}
		case "const":
			if fmt.Sprint(rule) != fmt.Sprint(v) {
				fail("not %v", rule)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(rule.(string)).MatchString(text) {
				fail("does not match %v", rule)
			}
		case "minimum":
			if number(v) < rule.(float64) {
				fail("less than %v", rule)
			}
		case "maximum":
			if number(v) > rule.(float64) {
				fail("more than %v", rule)
			}
		case "multipleOf":
			if int(number(v))%int(rule.(float64)) != 0 {
				fail("not a multiple of %v", rule)
			}
		case "anyOf", "oneOf":
			matches := 0
			for _, sub := range rule.([]any) {
				if check(sub.(schema), v, path) == nil {
					matches++
				}
			}
			if matches == 0 || keyword == "oneOf" && matches > 1 {
				fail("%d of %s match", matches, keyword)
			}
		case "required":
			for _, name := range rule.([]any) {
				if _, ok := v.(map[string]any)[name.(string)]; !ok {
					fail("%s is missing", name)
				}
			}
		case "additionalProperties":
			section, _ := v.(map[string]any)
			properties := s["properties"].(schema)
			for name, value := range section {
				if sub, ok := properties[name]; ok {
					broken = append(broken, check(sub.(schema), value, joinPath(path, name))...)
				} else {
					fail("%s is unknown", name)
				}
			}
		default:
			fail("keyword %s is new to this test", keyword)
		}
	}
	if list, ok := v.([]any); ok {
		for i, item := range list {
			broken = append(broken, check(s["items"].(schema), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	slices.Sort(broken)
	return broken
}

func TestSchemaTakesWhatParseTakes(t *testing.T) {
	root := readSchema(t)
	_, example := readExample(t)
	for _, src := range []string{
		string(example),
		"log:\ncamera: {exec: {command: [ffmpeg, -r, 30]}, bitrate: 6000000, fps: 0, keyframe_interval: 1s500ms}\n",
		"name: 7\ncamera: {bitrate: 2.5M, fps: 59.94, width: 640}\nbroadcast: {destinations: }\n",
		destination("name: x"),
		"audio: {source: exec, offset: -1s500ms, exec: {command: [a, 1]}}\n",
		"audio: {offset: +20ms}\n",
	} {
		if _, _, err := Parse([]byte(src), "venuecast.yml", nil); err != nil {
			t.Fatal(err)
		}
		if broken := validateText(t, root, src); broken != nil {
			t.Errorf("%s\nabout\n%s", strings.Join(broken, "\n"), src)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	root := readSchema(t)
	for src, want := range map[string]string{
		"preview: {}":                           "preview is unknown",
		"camera: {width: 1279}":                 "camera.width: not a multiple of 2",
		"camera: {width: wide}":                 "camera.width: type is not integer",
		"camera: {width: 8}":                    "camera.width: less than 16",
		"camera: {fps: 0.5}":                    "camera.fps: 0 of anyOf match",
		"camera: {source: webcam}":              "camera.source: not in",
		"camera: {bitrate: 6 Mbps}":             "camera.bitrate: does not match",
		"camera: {keyframe_interval: 2}":        "camera.keyframe_interval: type is not string",
		"broadcast: {max_latency: 4 s}":         "broadcast.max_latency: does not match",
		"audio: {channels: 6}":                  "audio.channels: not in",
		"audio: {offset: -2}":                   "audio.offset: type is not string",
		"audio: {offset: --2s}":                 "audio.offset: does not match",
		"camera: {file: {loop: \"yes\"}}":       "camera.file.loop: type is not boolean",
		"broadcast: {destinations: [{}]}":       "broadcast.destinations[0]: url is missing",
		destination("key_env: K"):               "broadcast.destinations[0]: 2 of oneOf match",
		destination("key: K"):                   "broadcast.destinations[0]: key is unknown",
		"broadcast: {destinations: [{url: h}]}": "broadcast.destinations[0].url: does not match",
	} {
		if broken := validateText(t, root, src); !strings.Contains(strings.Join(broken, "\n"), want) {
			t.Errorf("%s: %q, want %s", src, broken, want)
		}
		if _, _, err := Parse([]byte(src), "venuecast.yml", nil); err == nil {
			t.Errorf("%s: Parse takes it", src)
		}
	}
}

func validateText(t *testing.T, root schema, src string) []string {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal([]byte(src), &tree); err != nil {
		t.Fatal(err)
	}
	return check(root, tree, "")
}
