package rtmp

import "time"

// Timeouts bound each phase of a connection by itself. A zero value stands
// for the default of 5 s.
type Timeouts struct {
	DNS       time.Duration `yaml:"dns"`
	Dial      time.Duration `yaml:"dial"`
	TLS       time.Duration `yaml:"tls"`
	Handshake time.Duration `yaml:"handshake"`
	Command   time.Duration `yaml:"command"` // for each command that is answered
	Write     time.Duration `yaml:"write"`   // without one byte taken by the network
}

// A StreamKey is the secret that names a broadcast to its ingest. It prints
// as ***, in every format; only Reveal gives it away.
type StreamKey struct{ key string }

// NewStreamKey hides key.
func NewStreamKey(key string) StreamKey { return StreamKey{key} }

// Reveal returns the key itself, for the wire and nothing else.
func (k StreamKey) Reveal() string { return k.key }

// IsZero reports whether there is no key.
func (k StreamKey) IsZero() bool { return k.key == "" }

func (k StreamKey) String() string { return "***" }

// GoString keeps the key out of %#v.
func (k StreamKey) GoString() string { return "rtmp.StreamKey{***}" }

// MarshalText keeps the key out of JSON and YAML.
func (k StreamKey) MarshalText() ([]byte, error) { return []byte("***"), nil }
