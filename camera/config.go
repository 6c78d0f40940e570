package camera

import (
	"time"

	"venuecast/camera/exec"
	"venuecast/camera/file"
)

// The sources that Config.Source names.
const (
	SourceTestcard = "testcard"
	SourceExec     = "exec"
	SourceFile     = "file"
)

// Config is the camera section of the configuration.
type Config struct {
	Source string `yaml:"source"`

	// What the picture shall be. A source that does not encode itself is held
	// to them: a difference warns.
	Width  int     `yaml:"width"`
	Height int     `yaml:"height"`
	FPS    float64 `yaml:"fps"` // 0: what the stream says, else 30

	// What somebody has asked for: where it is the default, no stream needs to
	// be warned about.
	WidthAsked  bool `yaml:"-"`
	HeightAsked bool `yaml:"-"`

	Bitrate          BitRate       `yaml:"bitrate"`
	KeyframeInterval time.Duration `yaml:"keyframe_interval"`

	Exec exec.Config `yaml:"exec"`
	File file.Config `yaml:"file"`
}
