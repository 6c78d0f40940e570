//go:build !linux

package ingest

import (
	"errors"
	"net"
)

// setReceiveBuffer leaves the buffer as it is: a stall takes longer to reach the
// encoder.
func setReceiveBuffer(uintptr, int) error { return nil }

func reserve(string) (net.Listener, error) {
	return nil, errors.New("the fault refuse needs Linux; without it, end this ingest, and nothing listens")
}
