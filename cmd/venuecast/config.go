package main

import (
	"errors"
	"fmt"
	"io"
	osexec "os/exec"
	"time"

	"venuecast/audio"
	"venuecast/camera"
	"venuecast/configs"
)

// configFile is the flag that names the configuration.
type configFile struct {
	Config string `required:"" placeholder:"FILE" help:"The configuration file."`
}

// load reads the configuration. Its warnings are for whoever calls; everything
// that is wrong is one error, a problem a line.
func (f configFile) load(e *env) (configs.Config, []configs.Problem, error) {
	cfg, warnings, err := configs.Load(f.Config, e.environ)
	if err != nil {
		return cfg, warnings, usageError{err}
	}
	return cfg, warnings, nil
}

type configCmd struct {
	Print    configPrintCmd    `cmd:"" help:"Print the configuration in force, defaults and environment included."`
	Validate configValidateCmd `cmd:"" help:"Say everything that is wrong with the configuration."`
	Schema   configSchemaCmd   `cmd:"" help:"Print the configuration's JSON Schema, for an editor."`
}

type configPrintCmd struct{ configFile }

func (c configPrintCmd) Run(e *env) error {
	cfg, _, err := c.load(e)
	if err != nil {
		return err
	}
	return cfg.Print(e.stdout)
}

type configValidateCmd struct{ configFile }

func (c configValidateCmd) Run(e *env) error {
	if _, err := validate(c.configFile, e); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.stdout, "the configuration is valid")
	return err
}

type configSchemaCmd struct{}

func (configSchemaCmd) Run(e *env) error {
	_, err := e.stdout.Write(configs.Schema())
	return err
}

type checkCmd struct{ configFile }

func (c checkCmd) Run(e *env) error {
	cfg, err := validate(c.configFile, e)
	if err != nil {
		return err
	}
	var wrong []error
	look := func(what, key string, command []string) {
		if _, err := osexec.LookPath(command[0]); err != nil {
			wrong = append(wrong, fmt.Errorf("the %s command cannot be run: %w; install it, or correct %s", what, err, key))
		}
	}
	if cfg.Camera.Source == camera.SourceExec {
		look("camera's", "camera.exec.command", cfg.Camera.Exec.Command)
	}
	if cfg.Audio.Source == audio.SourceExec {
		look("audio", "audio.exec.command", cfg.Audio.Exec.Command)
	}
	if cfg.Camera.Source == camera.SourceFile {
		log := newLog(cfg.Log, io.Discard)
		if source, err := camera.Open(cfg.Camera, cfg.Name, time.Now(), log); err != nil {
			wrong = append(wrong, err)
		} else if err := camera.Check(source); err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	_, err = fmt.Fprintln(e.stdout, "ready to broadcast")
	return err
}

// validate loads the configuration and looks at the keys it names. What is
// wrong is printed, or is the error.
func validate(f configFile, e *env) (configs.Config, error) {
	cfg, warnings, err := configs.Validate(f.Config, e.environ)
	printWarnings(e.stderr, warnings)
	if err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

func printWarnings(w io.Writer, warnings []configs.Problem) {
	for _, p := range warnings {
		fmt.Fprintln(w, "warning:", p)
	}
}
