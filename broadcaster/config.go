package broadcaster

import (
	"time"

	"venuecast/rtmp"
)

// Config is the broadcast section of the configuration.
type Config struct {
	// MaxLatency is how old the oldest tag in a destination's queue may grow
	// before whole groups of pictures are dropped.
	MaxLatency   time.Duration       `yaml:"max_latency"`
	Destinations []DestinationConfig `yaml:"destinations"`
	Backoff      BackoffConfig       `yaml:"backoff"`
	Timeouts     rtmp.Timeouts       `yaml:"timeouts"`
}

// DestinationConfig is one ingest and the key to it.
type DestinationConfig struct {
	Name    string    `yaml:"name"`
	URL     string    `yaml:"url"`
	KeyFile string    `yaml:"key_file"`
	KeyEnv  string    `yaml:"key_env"`
	TLS     TLSConfig `yaml:"tls"`
}

// TLSConfig adds to how an rtmps ingest is verified; it is always verified.
type TLSConfig struct {
	CAFile string `yaml:"ca_file"` // PEM certificates trusted beside the system's
}

// BackoffConfig bounds the waits between two attempts; each wait is drawn
// between nothing and the bound (full jitter).
type BackoffConfig struct {
	Initial     time.Duration `yaml:"initial"`      // doubles at each failure,
	Max         time.Duration `yaml:"max"`          // up to this;
	RejectedMax time.Duration `yaml:"rejected_max"` // up to this when the ingest said no
}
