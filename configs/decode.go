package configs

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decode reads src over the defaults. It walks the parser's tree itself,
// because goccy's own decoder stops at the first problem and quotes the lines
// around it, stream keys and all.
func (d *document) decode(src []byte) {
	if !d.isPlainText(src) {
		return
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))             // Windows editors put it there
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n")) // and these
	file, err := parseYAML(src)
	if err != nil {
		d.syntaxError(err)
		return
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if isNothing(doc.Body) {
			continue
		}
		if _, isDirective := doc.Body.(*ast.DirectiveNode); isDirective {
			continue // %YAML 1.2
		}
		if body != nil {
			d.failAt(placeOf(doc.Body), "", "a second YAML document begins here", "keep one, without --- lines")
			return
		}
		body = doc.Body
	}
	if body == nil {
		return
	}
	dec := decoder{document: d, aliased: map[*ast.AliasNode]ast.Node{}}
	dec.linkAliases(body, map[string]ast.Node{})
	dec.value(body, reflect.ValueOf(&d.cfg).Elem(), "", placeOf(body))
}

// isPlainText refuses what no editor would have written, before the parser
// makes something of it.
func (d *document) isPlainText(src []byte) bool {
	if len(src) > maxFileSize {
		d.failAt(place{}, "", fmt.Sprintf("larger than %d KiB", maxFileSize>>10), "is this the configuration file?")
		return false
	}
	at := place{line: 1, column: 1}
	for len(src) > 0 {
		r, size := utf8.DecodeRune(src)
		switch {
		case r == utf8.RuneError && size == 1:
			d.failAt(at, "", "not UTF-8 text", "save the file as UTF-8")
			return false
		case r == '\n':
			at = place{line: at.line + 1}
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			d.failAt(at, "", fmt.Sprintf("control character %U", r), "remove it")
			return false
		}
		at.column++
		src = src[size:]
	}
	return true
}

// parseYAML turns a panic of the parser into an error: no input may take the
// process down, and somebody may yet find one that does.
func parseYAML(src []byte) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("not understood as YAML")
		}
	}()
	// Repeated keys are reported here, with the rest.
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

// syntaxHints say to an operator what the parser's words mean, by a part of
// them.
var syntaxHints = []struct{ part, hint string }{
	{`'\t'`, "indent with spaces, not with tabs"},
	{"cannot start any token", "indent with spaces, not with tabs"},
	{"mapping value is not allowed", "put a value with a colon in it into quotes; or is the next line indented too far?"},
	{"map key-value is pre-defined", "is this line indented too far?"},
	{"value is not allowed in this context", "the indentation matches no line above"},
	{"non-map value", "write key: value, with a space behind the colon"},
	{"unexpected key name", "write key: value, with a space behind the colon"},
	{"end character of", "the quote that opens here is never closed"},
	{"reserved character", "put the value in quotes"},
	{"directive value", "put the value in quotes"},
	{"must be specified", "a bracket that opens before this is not closed"},
	{"not found", "close the bracket that opens here"},
}

// longQuote is text that the parser quotes from the file: anything longer than
// the characters and escapes it names could be a secret.
var longQuote = regexp.MustCompile(`"(?:[^"\\]|\\.){3,}"`)

func (d *document) syntaxError(err error) {
	message := err.Error()
	var at place
	// Its Error method would quote the lines around.
	if syntax := yaml.Error(nil); errors.As(err, &syntax) {
		message = syntax.GetMessage()
		at = placeOfToken(syntax.GetToken())
	}
	message = longQuote.ReplaceAllString(message, "text")
	message = strings.ReplaceAll(message, "\t", `\t`)
	hint := ""
	for _, h := range syntaxHints {
		if strings.Contains(message, h.part) {
			hint = h.hint
			break
		}
	}
	d.failAt(at, "", "not valid YAML: "+message, hint)
}

// A decoder sets a Config from a tree of YAML nodes.
type decoder struct {
	*document

	// aliased is what each alias stands for. A node becomes known under its
	// anchor only when it has ended, so nothing contains itself.
	aliased map[*ast.AliasNode]ast.Node
	aliases int // followed so far
}

// maxAliases keeps a file of aliases to one big section from growing without
// bounds. No configuration has that much to repeat.
const maxAliases = 100

func (d *decoder) linkAliases(n ast.Node, known map[string]ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, entry := range n.Values {
			d.linkAliases(entry, known)
		}
	case *ast.MappingValueNode:
		d.linkAliases(n.Key, known)
		d.linkAliases(n.Value, known)
	case *ast.SequenceNode:
		for _, item := range n.Values {
			d.linkAliases(item, known)
		}
	case *ast.TagNode:
		d.linkAliases(n.Value, known)
	case *ast.AnchorNode:
		d.linkAliases(n.Value, known)
		known[n.Name.GetToken().Value] = n.Value
	case *ast.AliasNode:
		if target, ok := known[n.Value.GetToken().Value]; ok {
			d.aliased[n] = target
		}
	}
}

// resolve looks behind anchors and aliases. It returns false for what it has
// reported as an error.
func (d *decoder) resolve(n ast.Node, path string, at place) (ast.Node, bool) {
	for {
		switch node := n.(type) {
		case *ast.AnchorNode:
			n = node.Value
		case *ast.AliasNode:
			target, ok := d.aliased[node]
			if !ok {
				d.failAt(at, path, "no anchor of this name stands above", "a value that begins with * is a YAML alias: quote it, if that is not meant")
				return nil, false
			}
			if d.aliases++; d.aliases > maxAliases {
				d.failAt(at, path, fmt.Sprintf("more than %d YAML aliases", maxAliases), "write the values out")
				return nil, false
			}
			n = target
		case *ast.TagNode:
			d.failAt(at, path, "YAML tags are not supported", "a value that begins with ! is a YAML tag: remove the tag, or quote the value")
			return nil, false
		default:
			return n, true
		}
	}
}

// value sets v, which stands at path, from n. The place is that of the key,
// for nodes that have none of their own.
func (d *decoder) value(n ast.Node, v reflect.Value, path string, at place) {
	if hasOwnPlace(n) {
		at = placeOf(n)
	}
	n, ok := d.resolve(n, path, at)
	if !ok {
		return
	}
	d.origin.at[path] = at
	switch {
	case isSection(v.Type()):
		d.section(n, v, path, at)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path, at)
	default:
		text, kind := scalar(n)
		if message, hint := setScalar(v, text, kind, keys[keyPath(path)]); message != "" {
			d.failAt(at, path, message, hint)
		}
	}
}

func (d *decoder) section(n ast.Node, v reflect.Value, path string, at place) {
	entries, ok := entriesOf(n)
	if !ok {
		if isNothing(n) {
			return // a heading whose keys are all commented out
		}
		d.failAt(at, path, d.wantSection(path)+", got "+describe(n), sectionHint(n, path))
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]place{}
	for _, entry := range entries {
		name, keyAt := d.keyOf(entry.Key, path)
		if name == "" {
			continue
		}
		var known *field
		for i := range fields {
			if fields[i].name == name {
				known = &fields[i]
			}
		}
		if known == nil {
			d.unknownKey(name, path, keyAt, v.Type())
			continue
		}
		child := joinPath(path, name)
		if first, again := seen[name]; again {
			d.failAt(keyAt, child, fmt.Sprintf("stands here for a second time, after line %d", first.line), "keep one of them")
			continue
		}
		seen[name] = keyAt
		d.value(entry.Value, v.Field(known.index), child, keyAt)
	}
}

func (d *decoder) wantSection(path string) string {
	switch keyPath(path) {
	case "":
		return "want keys and values, such as camera:"
	case "broadcast.destinations[]":
		return "want a url and a key_file"
	}
	return "want a section of keys and values"
}

var colonInside = regexp.MustCompile(`^[a-z_]+:\S`)

func sectionHint(n ast.Node, path string) string {
	text, kind := scalar(n)
	switch {
	case kind == kindText && colonInside.MatchString(text) && !isURL(text):
		return "put a space behind the colon"
	case keyPath(path) == "broadcast.destinations[]":
		return "write - url: rtmps://HOST/APP and, below url, key_file: FILE"
	case path == "":
		return ""
	}
	if n, ok := n.(*ast.SequenceNode); ok && !n.IsFlowStyle {
		return "remove the dashes"
	}
	return "put its keys below it, indented by two spaces"
}

// keyOf returns the name that a key node spells, or "" after reporting why not.
func (d *decoder) keyOf(n ast.MapKeyNode, path string) (string, place) {
	at := placeOf(n)
	switch n.(type) {
	case *ast.MergeKeyNode:
		d.failAt(at, joinPath(path, "<<"), "merge keys are not supported", "repeat the values, or use an alias for a whole section")
		return "", at
	case *ast.MappingKeyNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.failAt(at, path, "a key must be a plain word", "write key: value")
		return "", at
	}
	name := n.GetToken().Value
	if name == "" {
		d.failAt(at, path, "a key must be a plain word", "write key: value")
	}
	return name, at
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string, at place) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if isNothing(n) {
			return
		}
		hint := "write [one, two], or each item on a line of its own behind a dash"
		if isSection(v.Type().Elem()) {
			hint = "begin each item with a dash, such as - url: ..."
		} else if _, kind := scalar(n); kind == kindText {
			hint = "write [program, argument, ...]; for a shell's features, [sh, -c, \"...\"]"
		}
		d.failAt(at, path, "want a list, got "+describe(n), hint)
		return
	}
	if len(seq.Values) == 0 {
		v.SetZero() // [] is the same as nothing
		return
	}
	items := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	v.Set(items)
	for i, item := range seq.Values {
		child := path + "[" + strconv.Itoa(i) + "]"
		itemAt := at
		if entries, ok := entriesOf(item); ok && len(entries) > 0 {
			itemAt = placeOf(entries[0].Key)
		}
		if isNothing(item) {
			d.failAt(placeOf(item), child, "an item without a value", "remove its dash, or write the value behind it")
			continue
		}
		d.value(item, items.Index(i), child, itemAt)
	}
}

// A kind is how a single value is written.
type kind int

const (
	kindNone kind = iota // no single value
	kindText             // also anything quoted
	kindInt
	kindFloat
	kindBool
	kindNull
	kindVariable // from the environment, which knows only text
)

// scalar returns a single value as it is written.
func scalar(n ast.Node) (string, kind) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "", kindNull
	case *ast.StringNode:
		return n.Value, kindText
	case *ast.LiteralNode:
		return n.Value.Value, kindText
	case *ast.IntegerNode:
		return n.Token.Value, kindInt
	case *ast.FloatNode:
		return n.Token.Value, kindFloat
	case *ast.InfinityNode:
		return n.Token.Value, kindFloat
	case *ast.NanNode:
		return n.Token.Value, kindFloat
	case *ast.BoolNode:
		return n.Token.Value, kindBool
	}
	return "", kindNone
}

// durationPattern is what time.ParseDuration takes, less signs and a bare 0;
// signedDurationPattern is for the few that may be negative.
const (
	durationPattern       = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
	signedDurationPattern = `^[+-]?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
)

var (
	durationRegexp       = regexp.MustCompile(durationPattern)
	signedDurationRegexp = regexp.MustCompile(signedDurationPattern)
	decimalRegexp        = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
)

// setScalar sets v, the value of k, from text. It returns what is wrong with it,
// or "", and repeats no text that is secret.
func setScalar(v reflect.Value, text string, kind kind, k key) (message, hint string) {
	got := ", got "
	switch {
	case kind == kindNone:
		hint := ""
		if v.Kind() == reflect.String {
			// [ffmpeg, -c:v] is a list with a section in it, to the parser.
			hint = `if it is meant as text, put it in quotes, such as "-c:v"`
		}
		return "want " + wanted(v.Type()) + ", got a section or a list", hint
	case kind == kindNull:
		return "no value", "write one behind the colon, or remove the line"
	case k.secret || looksLikeSecret(text):
		got += "something else"
	case kind == kindText:
		got += strconv.Quote(shorten(text))
	default:
		got += shorten(text)
	}
	mismatch := "want " + wanted(v.Type()) + got
	isQuotedNumber := kind == kindText && decimalRegexp.MatchString(text)
	switch {
	case v.Type() == durationType:
		pattern := durationRegexp
		if k.signed() {
			pattern = signedDurationRegexp
		}
		if !pattern.MatchString(text) {
			if decimalRegexp.MatchString(text) {
				hint = "add its unit, such as s or ms"
			}
			return mismatch, hint
		}
		duration, err := time.ParseDuration(text)
		if err != nil {
			return mismatch, "" // out of range
		}
		v.SetInt(int64(duration))
	case isText(v.Type()):
		if kind == kindBool {
			return mismatch, ""
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return mismatch, ""
		}
	case v.Kind() == reflect.String:
		if kind == kindBool {
			return mismatch, "put the word in quotes, if it is meant as text"
		}
		if strings.ContainsRune(text, 0) {
			return "want text without NUL characters", ""
		}
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" || kind == kindText {
			if kind == kindText && (text == "true" || text == "false") {
				hint = "remove the quotes"
			}
			return mismatch, hint
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil || kind != kindInt && kind != kindVariable {
			if err == nil && isQuotedNumber {
				hint = "remove the quotes"
			}
			return mismatch, hint
		}
		v.SetInt(int64(n))
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !decimalRegexp.MatchString(text) || kind == kindText || kind == kindBool {
			if err == nil && isQuotedNumber {
				hint = "remove the quotes"
			}
			return mismatch, hint
		}
		v.SetFloat(f)
	default:
		panic("configs: a key of type " + v.Type().String()) // a struct in the code, found by every test
	}
	return "", ""
}

// wanted names what a value of type t looks like.
func wanted(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 5s or 500ms"
	case isText(t):
		return "bits a second such as 6M, 800k or 6000000"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	}
	return "text"
}

// describe says what n is, without its text.
func describe(n ast.Node) string {
	switch _, kind := scalar(n); kind {
	case kindText:
		return "text"
	case kindInt, kindFloat:
		return "a number"
	case kindBool:
		return "true or false"
	case kindNull:
		return "nothing"
	}
	if _, ok := n.(*ast.SequenceNode); ok {
		return "a list"
	}
	return "a section"
}

func entriesOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// hasOwnPlace reports whether an operator would look for n where its token is.
// Sections have that of their first colon, lists of their first dash, and
// nothing that of whatever comes next.
func hasOwnPlace(n ast.Node) bool {
	switch n.(type) {
	case nil, *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return false
	}
	return true
}

func isNothing(n ast.Node) bool {
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return true
	case *ast.MappingNode:
		return len(n.Values) == 0
	}
	return false
}

func placeOf(n ast.Node) place {
	if n == nil {
		return place{}
	}
	if entries, ok := entriesOf(n); ok && len(entries) > 0 {
		n = entries[0].Key
	}
	return placeOfToken(n.GetToken())
}

func placeOfToken(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{line: t.Position.Line, column: t.Position.Column}
}
