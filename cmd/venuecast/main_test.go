package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"venuecast/h264"
	"venuecast/slate"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"venuecast": func() {
			ctx, stop := withSignals(context.Background())
			code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"card": writeCard},
	})
}

// writeCard is the script command «card FILE»: a second of the test card, as a
// camera would write it.
func writeCard(ts *testscript.TestScript, _ bool, args []string) {
	enc, err := slate.NewEncoder(slate.Config{Width: 320, Height: 180})
	ts.Check(err)
	var au h264.AccessUnit
	var stream []byte
	for i := range 30 {
		enc.Encode(&au, int64(i), time.Unix(int64(i), 0), i == 0)
		for _, n := range au.NALUs {
			stream = append(append(stream, 0, 0, 0, 1), n...)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), stream, 0o600))
}
