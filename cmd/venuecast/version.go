package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the release build; otherwise the build's commit stands in.
var version = ""

// buildVersion names the build.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	name := "dev"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			name += "-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			name += "+changes"
		}
	}
	return name
}

type versionCmd struct{}

func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintf(e.stdout, "venuecast %s %s/%s %s\n", buildVersion(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	return err
}
