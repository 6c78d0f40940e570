package exec

// Config says which command to run.
type Config struct {
	Command []string `yaml:"command"` // Annex B on stdout; stderr goes to the log
}
