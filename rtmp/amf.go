package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/yutopp/go-amf0"
)

// Our own AMF0 reader, since go-amf0 panics on some input, knows neither
// undefined nor long strings, and has no bounds. Input is trusted in nothing.

const (
	maxAMFDepth    = 16
	maxAMFValues   = 4096     // in a command; a connect has some twenty
	maxCommandSize = 64 << 10 // in bytes; a connect has some 500
)

var errAMF = errors.New("malformed AMF0")

// A command is the body of a command message (section 7.1.1).
type command struct {
	Name        string
	Transaction float64
	Args        []any // the command object first
}

// parseCommand reads a command. Args end where they stop making sense: peers
// put all kinds of things behind what matters.
func parseCommand(m Message) (command, error) {
	p := m.Payload
	if len(p) > maxCommandSize {
		return command{}, fmt.Errorf("command of %d bytes: %w", len(p), errAMF)
	}
	if m.Type == CommandAMF3 {
		// Flash puts a 0 before a body that is AMF0 after all.
		if len(p) == 0 || p[0] != 0 {
			return command{}, fmt.Errorf("AMF3 command: %w", errAMF)
		}
		p = p[1:]
	}
	r := amfReader{p: p}
	var c command
	name, err := r.value(0)
	if err != nil {
		return command{}, err
	}
	var ok bool
	if c.Name, ok = name.(string); !ok {
		return command{}, fmt.Errorf("command name is no string: %w", errAMF)
	}
	// onStatus and the like come without a transaction from some.
	txn, err := r.value(0)
	if err != nil {
		return c, nil
	}
	c.Transaction, _ = txn.(float64)
	for len(r.p) > 0 {
		v, err := r.value(0)
		if err != nil {
			break
		}
		c.Args = append(c.Args, v)
	}
	return c, nil
}

// arg returns argument i, nil if there is none.
func (c command) arg(i int) any {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return nil
}

// str returns argument i if it is a string.
func (c command) str(i int) string {
	s, _ := c.arg(i).(string)
	return s
}

// info returns the information object of a response or status: the last
// argument that is an object and says a code, else any that is an object.
func (c command) info() (level, code, description string) {
	for i := len(c.Args) - 1; i >= 0; i-- {
		o, ok := c.Args[i].(map[string]any)
		if !ok {
			continue
		}
		if s, ok := o["code"].(string); ok && s != "" {
			level, _ = o["level"].(string)
			description, _ = o["description"].(string)
			return level, s, description
		}
	}
	for _, a := range c.Args {
		if o, ok := a.(map[string]any); ok {
			level, _ = o["level"].(string)
			if description, _ = o["description"].(string); description != "" {
				return level, "", description
			}
		}
		if s, ok := a.(string); ok { // an _error with nothing but words
			description = s
		}
	}
	return level, "", description
}

// An amfReader reads AMF0 values off the front of p.
type amfReader struct {
	p      []byte
	values int
}

// value reads one value: nil, bool, float64, string, []any or map[string]any.
// Undefined, references and unsupported come out as nil.
func (r *amfReader) value(depth int) (any, error) {
	if r.values++; r.values > maxAMFValues || depth > maxAMFDepth {
		return nil, fmt.Errorf("too much of it: %w", errAMF)
	}
	marker, err := r.take(1)
	if err != nil {
		return nil, err
	}
	switch amf0.Marker(marker[0]) {
	case amf0.MarkerNumber:
		return r.number()
	case amf0.MarkerBoolean:
		b, err := r.take(1)
		if err != nil {
			return nil, err
		}
		return b[0] != 0, nil
	case amf0.MarkerString:
		return r.string(2)
	case amf0.MarkerLongString, amf0.MarkerXMLDocument:
		return r.string(4)
	case amf0.MarkerNull, amf0.MarkerUndefined, amf0.MarkerUnsupported:
		return nil, nil
	case amf0.MarkerReference:
		_, err := r.take(2)
		return nil, err
	case amf0.MarkerEcmaArray:
		if _, err := r.take(4); err != nil { // a count, which some get wrong
			return nil, err
		}
		return r.object(depth)
	case amf0.MarkerTypedObject:
		if _, err := r.string(2); err != nil {
			return nil, err
		}
		return r.object(depth)
	case amf0.MarkerObject:
		return r.object(depth)
	case amf0.MarkerStrictArray:
		n, err := r.take(4)
		if err != nil {
			return nil, err
		}
		var a []any
		for range binary.BigEndian.Uint32(n) {
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			a = append(a, v)
		}
		return a, nil
	case amf0.MarkerDate:
		v, err := r.number()
		if err != nil {
			return nil, err
		}
		_, err = r.take(2) // the time zone, reserved
		return v, err
	}
	return nil, fmt.Errorf("marker %#x: %w", marker[0], errAMF)
}

func (r *amfReader) object(depth int) (any, error) {
	o := make(map[string]any)
	for {
		key, err := r.string(2)
		if err != nil {
			return nil, err
		}
		if key == "" && len(r.p) > 0 && amf0.Marker(r.p[0]) == amf0.MarkerObjectEnd {
			r.p = r.p[1:]
			return o, nil
		}
		if o[key], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
}

func (r *amfReader) number() (any, error) {
	b, err := r.take(8)
	if err != nil {
		return nil, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// string reads a string whose length has size bytes, 2 or 4.
func (r *amfReader) string(size int) (string, error) {
	b, err := r.take(size)
	if err != nil {
		return "", err
	}
	n := uint64(0)
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	if n > uint64(len(r.p)) {
		return "", fmt.Errorf("cut short: %w", errAMF)
	}
	b, err = r.take(int(n))
	return string(b), err
}

func (r *amfReader) take(n int) ([]byte, error) {
	if n > len(r.p) {
		return nil, fmt.Errorf("cut short: %w", errAMF)
	}
	b := r.p[:n]
	r.p = r.p[n:]
	return b, nil
}

// An undefined is AMF0's value of that name, which encodeAMF can write.
type undefined struct{}

// encodeAMF returns values one after the other in AMF0. Structs become
// objects by their amf0 tags. It only fails on what go-amf0 has no form for.
func encodeAMF(values ...any) ([]byte, error) {
	var b bytes.Buffer
	e := amf0.NewEncoder(&b)
	for _, v := range values {
		if _, ok := v.(undefined); ok {
			b.WriteByte(byte(amf0.MarkerUndefined))
		} else if err := e.Encode(v); err != nil {
			return nil, fmt.Errorf("encode AMF0: %w", err)
		}
	}
	return b.Bytes(), nil
}
