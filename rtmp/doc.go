// Package rtmp publishes to an RTMP ingest and takes in what RTMP encoders
// publish. It carries messages: what is inside an audio or video payload (an
// FLV tag's body) is its caller's business.
//
// To publish, start at [ParseURL] and [Dial], then [Client.WriteMessage]. To
// be published to, start at [Server]. What goes wrong between a client and its
// ingest is an [*Error]: its Kind and Phase are for the program, its text and
// Hint for the operator.
//
// The stream key is a [StreamKey] from end to end. No log line, error or String
// method of this package holds it, even where the peer repeats it to us.
//
// The plain handshake is go-rtmp's and AMF0 is written by go-amf0. Chunks, and
// the reading of AMF0, are our own: go-rtmp's message package reads by way of
// go-amf0, whose reader takes the length of what it allocates from the peer and
// descends as deep as the peer says, so that a few bytes end the process; and its
// chunk writer takes a Write for each 128 bytes.
//
// Section numbers in comments are those of Adobe's "Real Time Messaging
// Protocol (RTMP) specification" 1.0, of December 21, 2012.
package rtmp
