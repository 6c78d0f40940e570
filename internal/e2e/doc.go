// Package e2e holds the tests that drive the venuecast program from outside,
// as a user would: a configuration file, a child process, ingests that others
// wrote (nginx-rtmp, ffmpeg), and what those recorded. It has no code of its
// own.
//
// The tests want Linux, ffmpeg with libx264, ffprobe and nginx with its RTMP
// module. Without one of them a test skips and says so; with
// VENUECAST_NO_SKIP=1 it fails instead. VENUECAST_CORPUS names a folder of
// .h264 and .264 files to be sent as well. All traffic stays on 127.0.0.1.
package e2e
