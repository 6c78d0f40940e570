package child

import (
	"os"

	"golang.org/x/sys/unix"
)

func pipeSizeOf(f *os.File) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := conn.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0) }); e != nil {
		return 0, e
	}
	return n, err
}
