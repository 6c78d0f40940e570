// Package rig measures what a broadcaster adds to a camera's picture: how much
// later it arrives, whether it arrives, and with what time.
//
// A [Feed] describes a camera. [FeedMain], in a process of its own, plays it:
// it writes H.264 to stdout on an absolute schedule and logs, on CLOCK_MONOTONIC,
// when each picture was written to its last byte. A [Sink] is the ingest at the
// other end, and stamps what arrives on the same clock. [Join] finds each
// picture again by its content, and says what has become of it. [Measure] puts
// a program between the two: [Venuecast], or [FFmpeg] to compare it with.
//
// All traffic is on the loopback.
package rig
