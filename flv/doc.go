// Package flv turns access units and audio frames into the tags that RTMP and
// FLV files carry, and reads and writes such files.
//
// [VideoMuxer] and [AudioMuxer] make tags, [Metadata] the one that describes
// them. [ParseVideo], [ParseAudio] and [ParseMetadata] take bodies apart.
// [Writer] and [Reader] frame tags as a file; a [Clock] gives the tags of a
// connection their milliseconds.
//
// The vocabulary is that of github.com/yutopp/go-flv, whose decoder also checks
// what is written here. Its encoder and its script decoder are not used: the
// first truncates a body of 16 MiB and wraps a long composition time silently
// and takes several allocations a tag; the second ends the process on a few
// hostile bytes, see [ParseMetadata].
//
// Clause numbers are those of the Adobe Flash Video File Format Specification
// 10.1.
package flv
