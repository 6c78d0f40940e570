package ingest

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

func setReceiveBuffer(fd uintptr, size int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size))
}

// reserve takes a port without listening on it: the kernel then refuses
// connections, and gives the port to nobody else.
func reserve(addr string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	family := unix.AF_INET
	var sa unix.Sockaddr
	if ip4 := a.IP.To4(); ip4 != nil || a.IP == nil {
		v4 := &unix.SockaddrInet4{Port: a.Port}
		copy(v4.Addr[:], ip4)
		sa = v4
	} else {
		family = unix.AF_INET6
		v6 := &unix.SockaddrInet6{Port: a.Port}
		copy(v6.Addr[:], a.IP)
		if ifi, err := net.InterfaceByName(a.Zone); err == nil {
			v6.ZoneId = uint32(ifi.Index) // #nosec G115 -- the kernel's own, an int there
		}
		sa = v6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	bound, err := bind(fd, sa)
	if err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	a.Port = bound
	return newClosedPort(a, func() error { return unix.Close(fd) }), nil
}

// bind gives the port that fd is bound to.
func bind(fd int, sa unix.Sockaddr) (port int, err error) {
	if err := unix.Bind(fd, sa); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch sa := name.(type) {
	case *unix.SockaddrInet4:
		port = sa.Port
	case *unix.SockaddrInet6:
		port = sa.Port
	}
	return port, nil
}
