package rig

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// now is CLOCK_MONOTONIC: the same in every process, and no step of the wall
// clock moves it.
func now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // it has no errors for this clock
	}
	return time.Duration(ts.Nano())
}

// sleepUntil sleeps in the kernel: Go's timers wait in epoll, in whole
// milliseconds, and a pause of 1 ms would be one of up to 2.
func sleepUntil(at time.Duration) {
	ts := unix.NsecToTimespec(int64(at))
	for errors.Is(unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil), unix.EINTR) {
	}
}
