package audio

import "time"

// The sources that Config.Source names.
const (
	SourceSilence = "silence"
	SourceExec    = "exec"
	SourceCamera  = "camera" // what the camera's source carries beside its pictures
)

// MaxOffset is how far sound can be shifted, either way.
const MaxOffset = 2 * time.Second

// Config is the audio section of the configuration.
type Config struct {
	Source string `yaml:"source"`

	// What silence is, until there has been real sound; from then on it is like
	// that, so that nothing changes for those who listen.
	SampleRate int `yaml:"sample_rate"` // in Hz
	Channels   int `yaml:"channels"`

	// Offset shifts real sound against the picture; positive: later.
	Offset time.Duration `yaml:"offset"`

	Exec ExecConfig `yaml:"exec"`
}

// ExecConfig says which command to run.
type ExecConfig struct {
	Command []string `yaml:"command"` // ADTS on stdout; stderr goes to the log
}
