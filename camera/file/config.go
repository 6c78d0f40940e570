package file

// Config says which file to play.
type Config struct {
	Path string `yaml:"path"` // its name ends in one of Extensions
	Loop bool   `yaml:"loop"` // from the start again at its end, until stopped
}
