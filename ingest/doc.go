// Package ingest is a rehearsal ingest: it takes in what any RTMP encoder
// publishes, judges it as YouTube would, by YouTube's own names, and on request
// behaves as badly as real ingests do.
//
// Start at [Listen] and [Ingest.Run]. What happens comes as [Event]s, one at a
// time; what stands comes from [Ingest.Sessions]. [ParseFaults] reads what is to
// go wrong, [LoadKeys] the keys that are accepted, and [SelfSigned] makes what
// RTMPS needs.
//
// Nothing of a stream key is in any text, event or file name of this package,
// and what a peer calls itself is made fit for a terminal before it is handed
// on.
package ingest
