// Package slate draws flat pictures and encodes them as H.264, without a
// stored clip and without a codec library: the test card.
//
// NewEncoder makes the test card's access units. Behind it lie three layers
// that know nothing of each other's business. A canvas is a picture made of
// flat cells, 4x4 luma samples each, and remembers what has changed. A coder
// turns a canvas into one slice: the decoded picture equals the canvas sample
// for sample, so nothing drifts and nothing has to be reconstructed. A card
// lays bars, texts and the moving mark out on a canvas of any size.
//
// Clauses in brackets are those of Rec. ITU-T H.264.
package slate
