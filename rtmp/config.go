package rtmp

import (
	"fmt"
	"io"
	"time"
	"unique"
)

// DefaultTimeout stands for every zero value in Timeouts.
const DefaultTimeout = 5 * time.Second

// Timeouts bound each phase of a connection by itself. A zero value stands
// for the default of 5 s.
type Timeouts struct {
	DNS       time.Duration `yaml:"dns"`
	Dial      time.Duration `yaml:"dial"` // for each address the name has
	TLS       time.Duration `yaml:"tls"`
	Handshake time.Duration `yaml:"handshake"`
	Command   time.Duration `yaml:"command"` // for each command that is answered
	Write     time.Duration `yaml:"write"`   // without one byte taken by the network
}

func (t Timeouts) withDefaults() Timeouts {
	for _, d := range []*time.Duration{&t.DNS, &t.Dial, &t.TLS, &t.Handshake, &t.Command, &t.Write} {
		if *d <= 0 {
			*d = DefaultTimeout
		}
	}
	return t
}

// A StreamKey is the secret that names a broadcast to its ingest. It prints
// as ***, in every format; only Reveal gives it away. Keys compare with ==.
type StreamKey struct {
	// A handle prints as an address. fmt calls no methods on what it finds in
	// unexported fields, so a plain string would show in a %+v of a struct
	// that has a StreamKey deep inside.
	key unique.Handle[string]
}

// NewStreamKey hides key.
func NewStreamKey(key string) StreamKey {
	if key == "" {
		return StreamKey{}
	}
	return StreamKey{unique.Make(key)}
}

// Reveal returns the key itself, for the wire and nothing else.
func (k StreamKey) Reveal() string {
	if k.IsZero() {
		return ""
	}
	return k.key.Value()
}

// IsZero reports whether there is no key.
func (k StreamKey) IsZero() bool { return k == StreamKey{} }

// Equal reports whether both are the same key, for go-cmp.
func (k StreamKey) Equal(other StreamKey) bool { return k == other }

func (k StreamKey) String() string { return "***" }

// GoString keeps the key out of %#v.
func (k StreamKey) GoString() string { return "rtmp.StreamKey{***}" }

// Format keeps the key out of every verb: without it %d or %x would walk into
// the struct.
func (k StreamKey) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		io.WriteString(f, k.GoString())
		return
	}
	io.WriteString(f, k.String())
}

// MarshalText keeps the key out of JSON and YAML.
func (k StreamKey) MarshalText() ([]byte, error) { return []byte("***"), nil }
