// Package h264 takes an H.264 elementary stream apart: NAL units from Annex B,
// access units, parameter sets, slice headers, picture order and the AVC
// decoder configuration record.
//
// A pipe's bytes go into a [Framer], which gives back access units; an
// [Orderer] adds the composition times that a stream with B pictures needs;
// [ParameterSets] makes the record that announces the stream to a decoder.
//
// Clauses in brackets are of Rec. ITU-T H.264 (08/2021) unless another
// document is named. Nothing here panics on any input.
package h264
