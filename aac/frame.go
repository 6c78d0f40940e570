package aac

import "time"

// A Frame is one raw_data_block and what is needed to play it.
type Frame struct {
	Config Config

	// Data has neither an ADTS header nor a checksum. It belongs to whoever
	// delivered the frame and is valid until the call that delivered it
	// returns.
	Data []byte

	// DTS is the time of the first sample, on the capture's monotonic clock.
	DTS time.Duration
}
