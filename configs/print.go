package configs

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"venuecast/rtmp"
)

// Print writes the whole configuration in effect as YAML, defaults and
// resolved paths included. Parse reads it back to the same values, unless a
// URL goes on behind its app: what stands there may be a secret, and is
// written as ***.
func (c Config) Print(w io.Writer) error {
	c.Broadcast.Destinations = slices.Clone(c.Broadcast.Destinations)
	for i := range c.Broadcast.Destinations {
		dest := &c.Broadcast.Destinations[i]
		dest.URL = redactURL(dest.URL)
		dest.KeyFile = redactKey(dest.KeyFile)
		dest.KeyEnv = redactKey(dest.KeyEnv)
	}
	var b bytes.Buffer
	printSection(&b, reflect.ValueOf(c), "")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return nil
}

// printSection writes the keys of v, each line behind indent. (goccy's encoder
// leaves text plain that its parser then reads as something else: a leading
// tab, for one.)
func printSection(b *bytes.Buffer, v reflect.Value, indent string) {
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		b.WriteString(indent + f.name + ":")
		switch {
		case isSection(f.typ):
			b.WriteByte('\n')
			printSection(b, value, indent+"  ")
		case f.typ.Kind() == reflect.Slice:
			printList(b, value, indent+"  ")
		default:
			b.WriteString(" " + printScalar(value) + "\n")
		}
	}
}

func printList(b *bytes.Buffer, v reflect.Value, indent string) {
	if v.Len() == 0 {
		b.WriteString(" []\n")
		return
	}
	b.WriteByte('\n')
	for i := range v.Len() {
		item := v.Index(i)
		if !isSection(item.Type()) {
			b.WriteString(indent + "- " + printScalar(item) + "\n")
			continue
		}
		// The item's first key stands behind the dash.
		from := b.Len()
		printSection(b, item, indent+"  ")
		copy(b.Bytes()[from:], indent+"- ")
	}
}

// plainText needs no quotes, unless it is one of YAML's words.
var plainText = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.+-]*(://[A-Za-z0-9_/.+:?=&-]*[A-Za-z0-9])?$`)

func printScalar(v reflect.Value) string {
	if v.Kind() != reflect.String {
		return display(v.Interface())
	}
	s := v.String()
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n": // the latter for YAML 1.1
		return strconv.Quote(s)
	}
	if plainText.MatchString(s) {
		return s
	}
	return strconv.Quote(s) // whose escapes are YAML's, too
}

const redacted = "***"

func redactURL(s string) string {
	if s == "" {
		return ""
	}
	u, err := rtmp.ParseURL(s)
	if err != nil || hasKey(s, u, err) {
		return redacted // Load lets none through, but a Config may come from elsewhere
	}
	if shown := u.String(); strings.Contains(shown, redacted) {
		return shown
	}
	return s
}

func redactKey(s string) string {
	if looksLikeKey(s) {
		return redacted
	}
	return s
}
