//go:build !linux

package child

import (
	"os"
	"syscall"
)

func enlarge(*os.File) {}

func groupAttr() *syscall.SysProcAttr { return nil }

func signalGroup(pid int, signal syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Signal(signal)
	}
}

// Buffered is how many bytes are in the pipe; it cannot be told here.
func Buffered(*os.File) int { return 0 }
