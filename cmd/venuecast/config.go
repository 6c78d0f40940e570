package main

import (
	"errors"
	"fmt"
	"io"
	osexec "os/exec"

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
	if cfg.Camera.Source == camera.SourceExec {
		if _, err := osexec.LookPath(cfg.Camera.Exec.Command[0]); err != nil {
			return fmt.Errorf("the camera's command cannot be run: %w; install it, or correct camera.exec.command", err)
		}
	}
	_, err = fmt.Fprintln(e.stdout, "ready to broadcast")
	return err
}

// validate loads the configuration and looks at the keys it names. What is
// wrong is printed, or is the error.
func validate(f configFile, e *env) (configs.Config, error) {
	cfg, warnings, err := f.load(e)
	printWarnings(e.stderr, warnings)
	if err != nil {
		return cfg, err
	}
	var wrong []error
	for _, p := range cfg.CheckKeys() {
		if p.Warning {
			printWarnings(e.stderr, []configs.Problem{p})
			continue
		}
		wrong = append(wrong, errors.New(p.String()))
	}
	if len(wrong) > 0 {
		return cfg, usageError{errors.Join(wrong...)}
	}
	return cfg, nil
}

func printWarnings(w io.Writer, warnings []configs.Problem) {
	for _, p := range warnings {
		fmt.Fprintln(w, "warning:", p)
	}
}
