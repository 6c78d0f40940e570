package h264

import "time"

// An AccessUnit is one coded picture with the NAL units that belong to it.
type AccessUnit struct {
	// NALUs in the order of the stream, among them whatever parameter sets,
	// SEI and delimiters stood with the picture. The bytes belong to whoever
	// delivered the access unit and are valid until the call that delivered
	// it returns.
	NALUs []NALU

	// DTS and PTS are on the capture's monotonic clock; PTS is not before DTS.
	DTS, PTS time.Duration

	// Keyframe says that a decoder may start here: an IDR picture, or an I
	// picture with a recovery point SEI of recovery_frame_cnt 0.
	Keyframe bool
}
