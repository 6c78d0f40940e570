//go:build !linux

package rtmp

import "net"

// Other systems have no such evidence, or none in a common form: publishing
// goes on without.

func tuneSocket(net.Conn) {}

func kernelAcked(net.Conn) (int64, bool) { return 0, false }

func kernelQueued(net.Conn) (int64, bool) { return 0, false }
