// Package broadcaster keeps the picture on the air: a [Pump] turns the camera's
// access units into tags, a [Hub] hands them to whoever wants them, and each
// [Destination] holds one ingest supplied, whatever happens on the way there.
// Real sound reaches the pump beside the pictures; where there is none, the pump
// fills in silence, so that the track is whole.
//
// The three meet only at the hub. A camera that dies ends no session, and a
// session that ends never holds up the camera: a subscriber that cannot keep up
// loses whole groups of pictures, and everybody else nothing.
package broadcaster
