package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpuTime is what a process itself has spent so far; what rusage says would
// have its children in it.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Behind the name, which may have anything in it: state is field 3, utime
	// and stime are 14 and 15 [proc_pid_stat(5)].
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const utime, tick = 14 - 3, 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
	var sum time.Duration
	for _, f := range fields[utime : utime+2] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// peakRSS is the most memory a process has had resident, in bytes.
func peakRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("read memory of process %d: no VmHWM", pid)
}
