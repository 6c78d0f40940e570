// Package configs reads, checks and prints the configuration of venuecast.
//
// [Load] is the way in: defaults, then the file, then the environment, then
// every check there is. Whatever is wrong is reported together in one [Error],
// each [Problem] with its line, its column and its path, so that an operator
// repairs a file in one go. [Config.CheckKeys] looks at the stream keys, which
// may be missing while the rest already runs. [Config.Print] writes the
// configuration in effect and [Schema] describes all keys to an editor.
//
// # The file
//
// One YAML document. Unknown keys, repeated keys and values of the wrong type
// are errors. A section or list with nothing in it is one left at its
// defaults. Anchors and aliases work; merge keys (<<) and tags (!!str) do not.
// A relative path, wherever it is given, counts from the folder of the
// configuration file, or from the working directory when there is no file.
//
// # The environment
//
// VENUECAST_ and the path in upper case, with __ between levels, sets any
// single value: VENUECAST_BROADCAST__MAX_LATENCY=3s. Lists are set in the file
// only. An empty variable counts as unset.
//
// # Stream keys
//
// A stream key never stands in the file. A destination names the file
// (key_file) or the variable (key_env) that holds it; a key found elsewhere is
// refused, and no message repeats it.
package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"venuecast/audio"
	"venuecast/broadcaster"
	"venuecast/camera"
	"venuecast/rtmp"
)

// Config is the whole configuration. The zero value is of no use; start from
// [Default].
type Config struct {
	Name      string             `yaml:"name"`
	Log       Log                `yaml:"log"`
	Camera    camera.Config      `yaml:"camera"`
	Audio     audio.Config       `yaml:"audio"`
	Broadcast broadcaster.Config `yaml:"broadcast"`

	origin *origin // nil for a Config that nobody parsed
}

// Log is the log section.
type Log struct {
	Level  string `yaml:"level"`  // in logrus's words
	Format string `yaml:"format"` // text or json
}

// maxFileSize bounds the input because the parser's time grows with the square
// of the nesting: 64 KiB of brackets cost it 20 s, and a megabyte would seem to
// hang. The example file has 5 KB.
const maxFileSize = 64 << 10

// Default returns the configuration of an empty file: the test card into the
// hub, under the host's name, with no destination.
func Default() Config {
	c := defaults()
	c.Name = hostName()
	return c
}

// defaults is Default without what only this host knows.
func defaults() Config {
	return Config{
		Log: Log{Level: "info", Format: "text"},
		Camera: camera.Config{
			Source:           camera.SourceTestcard,
			Width:            1920,
			Height:           1080,
			Bitrate:          6e6,
			KeyframeInterval: 2 * time.Second,
		},
		Audio: audio.Config{
			Source:     audio.SourceSilence,
			SampleRate: 44100,
			Channels:   2,
		},
		Broadcast: broadcaster.Config{
			MaxLatency: 4 * time.Second,
			Backoff: broadcaster.BackoffConfig{
				Initial:     250 * time.Millisecond,
				Max:         2 * time.Second,
				RejectedMax: 30 * time.Second,
			},
			Timeouts: rtmp.Timeouts{
				DNS:       5 * time.Second,
				Dial:      5 * time.Second,
				TLS:       5 * time.Second,
				Handshake: 5 * time.Second,
				Command:   5 * time.Second,
				Write:     5 * time.Second,
			},
		},
	}
}

// hostName is the host's name, or venuecast on a host without one.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || checkName(name) != "" {
		return "venuecast"
	}
	return name
}

// Load reads the file at path, applies environ (in the form of [os.Environ])
// and checks the result, including the files it names. An empty path stands
// for no file at all.
//
// The problems returned are warnings, also beside an error. The error is an
// *[Error] when the configuration is at fault, and otherwise says why the file
// could not be read.
func Load(path string, environ []string) (Config, []Problem, error) {
	d, err := load(path, environ)
	if err != nil {
		return Config{}, nil, err
	}
	return d.result()
}

// Validate is [Load] for a configuration that is to be looked at, not to be
// run: what [Config.CheckKeys] finds is among the problems.
func Validate(path string, environ []string) (Config, []Problem, error) {
	d, err := load(path, environ)
	if err != nil {
		return Config{}, nil, err
	}
	d.problems = append(d.problems, d.cfg.checkKeys(func(path string) bool { return d.bad[path] })...)
	return d.result()
}

func load(path string, environ []string) (*document, error) {
	var src []byte
	if path != "" {
		var err error
		if src, err = readFile(path); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
	}
	d := parse(src, path, environ)
	d.checkFiles()
	return d, nil
}

// Parse is [Load] without the file system: src stands for the contents of the
// file called filename, and what the files named in it hold is not checked.
func Parse(src []byte, filename string, environ []string) (Config, []Problem, error) {
	return parse(src, filename, environ).result()
}

// readFile reads path up to just past the size that parse refuses.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- naming the file is the operator's part
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

// A document is a configuration on its way from text to Config.
type document struct {
	cfg      Config
	origin   *origin
	bad      map[string]bool // paths whose values are known wrong: no second complaint about them
	problems []Problem
}

// An origin remembers where the values of a Config came from.
type origin struct {
	file    string
	at      map[string]place // by path; only what was set
	environ map[string]string
}

// A place is a position in the file, or an environment variable.
type place struct {
	line, column int
	variable     string
}

func parse(src []byte, filename string, environ []string) *document {
	d := &document{
		cfg: defaults(),
		origin: &origin{
			file:    filename,
			at:      map[string]place{},
			environ: environMap(environ),
		},
		bad: map[string]bool{},
	}
	d.cfg.origin = d.origin
	d.decode(src)
	d.applyEnvironment()
	d.complete()
	d.validate()
	return d
}

// complete fills in the defaults that depend on other values, and makes
// relative paths absolute.
func (d *document) complete() {
	c := &d.cfg
	if c.Name == "" {
		c.Name = hostName()
	}
	d.resolvePath(&c.Camera.File.Path)
	for i := range c.Broadcast.Destinations {
		dest := &c.Broadcast.Destinations[i]
		d.resolvePath(&dest.TLS.CAFile)
		d.resolvePath(&dest.KeyFile)
	}
	d.nameDestinations()
}

func (d *document) resolvePath(path *string) {
	if *path == "" || filepath.IsAbs(*path) {
		return
	}
	if isURL(*path) || looksLikeKey(*path) {
		return // no path at all: for validate to report as it stands
	}
	dir, err := filepath.Abs(filepath.Dir(d.origin.file)) // of "": the working directory
	if err != nil {
		return // no working directory: the path stays relative to none
	}
	*path = filepath.Join(dir, *path)
}

// result sorts out what became of the document.
func (d *document) result() (Config, []Problem, error) {
	sortProblems(d.problems)
	var warnings, faults []Problem
	for _, p := range d.problems {
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			faults = append(faults, p)
		}
	}
	if faults != nil {
		return Config{}, warnings, &Error{Problems: faults}
	}
	return d.cfg, warnings, nil
}

// fail reports what is wrong with the value at path, once.
func (d *document) fail(path, message, hint string) {
	if d.bad[path] {
		return
	}
	d.bad[path] = true
	d.problems = append(d.problems, d.origin.problem(path, message, hint))
}

// failAt is fail with a place of its own.
func (d *document) failAt(at place, path, message, hint string) {
	d.bad[path] = true
	d.problems = append(d.problems, d.origin.problemAt(at, path, message, hint))
}

// warn reports what will work, but hardly as meant.
func (d *document) warn(path, message, hint string) {
	p := d.origin.problem(path, message, hint)
	p.Warning = true
	d.problems = append(d.problems, p)
}

// problem places message at path or, when nothing was set there, at the
// closest section around it.
func (o *origin) problem(path, message, hint string) Problem {
	if o == nil {
		return Problem{Path: path, Message: message, Hint: hint}
	}
	for p := path; p != ""; {
		if at, ok := o.at[p]; ok {
			return o.problemAt(at, path, message, hint)
		}
		p = p[:max(0, strings.LastIndexAny(p, ".["))]
	}
	return o.problemAt(place{}, path, message, hint)
}

func (o *origin) problemAt(at place, path, message, hint string) Problem {
	p := Problem{File: o.file, Line: at.line, Column: at.column, Path: path, Message: message, Hint: hint}
	if at.variable != "" {
		p.File = at.variable
	}
	return p
}

// Sets reports whether the file or the environment gives a value to the key at
// path, such as camera.width: whether somebody asked for it.
func (c Config) Sets(path string) bool {
	if c.origin == nil {
		return false
	}
	_, ok := c.origin.at[path]
	return ok
}

// lookupEnv finds a variable in the environment that c was loaded with.
func (c Config) lookupEnv(name string) (string, bool) {
	if c.origin == nil {
		return os.LookupEnv(name)
	}
	value, ok := c.origin.environ[name]
	return value, ok
}

// cause is err without the operation and the path that the os package puts in
// front, both of which a Problem already says.
func cause(err error) string {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
