package file

// Config says which file to play.
type Config struct {
	Path string `yaml:"path"` // .h264, .264 or .flv
	Loop bool   `yaml:"loop"` // from the start again at its end, until stopped
}
