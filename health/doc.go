// Package health judges a stream of FLV tags by the names of YouTube's health
// panel, from what is on the wire and never from what a configuration hoped for.
//
// A [Judge] takes the messages of one RTMP session as they arrive, or as they
// are written, and gives a [Report] at any time: a status, what is wrong by
// name, since when, and what to do about it. [Compare] and [Pair] judge a
// primary ingest against its backup. [Rules] is the table of all names with
// their limits and where each limit comes from.
//
// None of the limits was tried against YouTube itself; those that no page of
// YouTube's states are marked as unverified in the table.
package health
