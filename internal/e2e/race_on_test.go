//go:build linux && race

package e2e

// raceEnabled: the program is built as the tests are.
const raceEnabled = true
