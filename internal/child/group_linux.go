package child

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeSize holds a keyframe of any venue camera: in a pipe of the default
// 64 KiB a writer of 180 KB was seen to stop for over 4 ms within a picture,
// never with this one.
const pipeSize = 1 << 20

// enlarge asks for a pipe of pipeSize; without it everything works, later.
func enlarge(pipe *os.File) {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize)
	})
}

// groupAttr gives the command a process group of its own, so that a signal
// reaches what it starts, and lets it die with us, should we be killed.
func groupAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func signalGroup(pid int, signal syscall.Signal) {
	_ = syscall.Kill(-pid, signal)
}

// Buffered is how many bytes are in the pipe, waiting to be read.
func Buffered(pipe *os.File) int {
	n := 0
	if conn, err := pipe.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) {
			n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		})
	}
	return n
}
