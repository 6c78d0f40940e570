//go:build !linux

package rig

import (
	"errors"
	"time"
)

func cpuTime(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

func peakRSS(int) (int64, error) { return 0, errors.ErrUnsupported }
