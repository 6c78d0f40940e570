//go:build !linux

package rig

import "time"

// now is the wall clock, which is at least the same in every process.
func now() time.Duration { return time.Duration(time.Now().UnixNano()) }

func sleepUntil(at time.Duration) { time.Sleep(at - now()) }
