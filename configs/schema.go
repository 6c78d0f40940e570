package configs

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Schema returns the JSON Schema (draft 2020-12) of the configuration file,
// for editors. It knows keys, types, choices, numeric limits, defaults and
// descriptions; what depends on several keys at once only [Load] checks.
func Schema() []byte {
	root := schemaOf(reflect.ValueOf(defaults()), "")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "venuecast configuration"
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic("configs: schema: " + err.Error()) // plain maps, slices, text and numbers
	}
	return b.Bytes()
}

type schema = map[string]any

// schemaOf describes the key at path, whose default is v.
func schemaOf(v reflect.Value, path string) schema {
	k := keys[path]
	s := schema{}
	if k.doc != "" {
		s["description"] = describeKey(k)
	}
	t := v.Type()
	switch {
	case isSection(t):
		s["type"] = []string{"object", "null"} // null: all keys commented out
		s["additionalProperties"] = false
		properties := schema{}
		var required []string
		for _, f := range fieldsOf(t) {
			child := joinPath(path, f.name)
			properties[f.name] = schemaOf(v.Field(f.index), child)
			if keys[child].required {
				required = append(required, f.name)
			}
		}
		s["properties"] = properties
		if required != nil {
			s["required"] = required
		}
		var oneOf []schema
		for _, name := range k.oneOf {
			oneOf = append(oneOf, schema{"required": []string{name}})
		}
		if oneOf != nil {
			s["oneOf"] = oneOf
		}
		if strings.HasSuffix(path, "[]") {
			s["type"] = "object"
		}
		return s
	case t.Kind() == reflect.Slice:
		s["type"] = []string{"array", "null"}
		s["default"] = []any{}
		if isSection(t.Elem()) {
			s["items"] = schemaOf(reflect.Zero(t.Elem()), path+"[]")
		} else {
			s["items"] = schema{"type": []string{"string", "number"}}
		}
		return s
	case t == durationType:
		s["type"] = "string"
		s["pattern"] = durationPattern
		if k.signed() {
			s["pattern"] = signedDurationPattern
		}
	case isText(t):
		s["type"] = []string{"string", "number"}
	case t.Kind() == reflect.String:
		s["type"] = []string{"string", "number"} // a number is the text it is written as
	case t.Kind() == reflect.Bool:
		s["type"] = "boolean"
	case t.Kind() == reflect.Int:
		s["type"] = "integer"
	case t.Kind() == reflect.Float64:
		s["type"] = "number"
	default:
		panic("configs: schema of type " + t.String()) // a struct in the code, found by every test
	}
	if k.pattern != "" {
		s["pattern"] = k.pattern
	}
	if k.enum != nil {
		s["enum"] = k.enum
		if t.Kind() == reflect.String {
			s["type"] = "string"
		}
	}
	if s["type"] == "integer" || s["type"] == "number" {
		limits(s, k)
	}
	if !k.dynamic && !k.required {
		s["default"] = plain(v)
	}
	return s
}

// limits states the range of a number.
func limits(s schema, k key) {
	if k.even {
		s["multipleOf"] = 2
	}
	if k.max != nil {
		s["maximum"] = k.max
	}
	if k.min == nil {
		return
	}
	if !k.zero {
		s["minimum"] = k.min
		return
	}
	s["anyOf"] = []schema{{"const": 0}, {"minimum": k.min}}
}

// describeKey adds to a key's description the limits that no schema expresses.
func describeKey(k key) string {
	if low, ok := number(k.min); ok && k.max != nil && low != 0 {
		r := display(k.min) + " to " + display(k.max)
		if k.zero {
			r += ", or 0"
		}
		return k.doc + " Allowed: " + r + "."
	}
	return k.doc
}

// plain is v as JSON has it: durations and bit rates as text.
func plain(v reflect.Value) any {
	if v.Type() == durationType || isText(v.Type()) {
		return display(v.Interface())
	}
	return v.Interface()
}
