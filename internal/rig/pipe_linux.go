package rig

import (
	"os"

	"golang.org/x/sys/unix"
)

// enlarge gives a pipe the size that venuecast asks for, so that subjects
// differ in what they do and not in what they are given.
func enlarge(pipe *os.File) {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20)
	})
}
