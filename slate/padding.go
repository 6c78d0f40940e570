package slate

import "venuecast/h264"

// framing is what a stream spends on a NAL unit besides its bytes: a start
// code or a length.
const framing = 4

// A padder fills pictures up to a constant bit rate, with an SEI message of
// filler payload. Filler data NAL units would have to follow the slice
// [7.4.1.2.3]; here the slice stays the last of its access unit.
type padder struct {
	// The budget is kept in bytes times scale, so that a picture's share of
	// the bit rate is a whole number: bitrate/8 * Den/Num bytes are bitrate *
	// Den, scale being 8 * Num.
	scale  int64
	income int64 // of a picture
	limit  int64 // of debt: a second's income
	budget int64 // below zero after a keyframe that was larger than its share

	sei []byte // all 0xff but for the header, see fill
	set int    // index of its last_payload_size_byte
	end int    // index of its trailing bits
}

// newPadder is for a constant rate of so many bits a second; 0 pads nothing.
func newPadder(bitrate int64, rate Rate) *padder {
	p := &padder{scale: 8 * rate.Num, income: bitrate * rate.Den, limit: bitrate * rate.Num}
	p.sei = make([]byte, 16+p.income/p.scale*256/255)
	for i := range p.sei {
		p.sei[i] = 0xff
	}
	return p
}

// shortestSEI is the length of an SEI NAL unit without its payload and the ff_byte
// of payload_size: header, payload type, last_payload_size_byte, trailing bits.
const shortestSEI = 4

// next takes the size of the next picture, framing included, from the budget
// and returns the SEI NAL unit to send with it, or nil. It is valid until the
// next call.
//
// A picture larger than its share is paid for by the ones that follow. What
// is owed is forgotten beyond a second's worth: a bit rate too low for the
// card itself cannot be kept, and the debt would only grow.
func (p *padder) next(size int) h264.NALU {
	if p.income == 0 {
		return nil
	}
	p.budget = max(p.budget+p.income-int64(size)*p.scale, -p.limit)
	payload := int(p.budget/p.scale) - framing - shortestSEI
	if payload < 0 {
		return nil
	}
	payload -= payload / 256 // a payload of n bytes has n/255 of payload_size before it
	sei := p.fill(payload)
	p.budget -= int64(len(sei)+framing) * p.scale
	return sei
}

// fill makes the SEI NAL unit of a filler payload of n bytes [7.3.2.3.1, D.1.4].
// All of it but a few bytes is 0xff, whatever n is: only these are written, and
// put back the next time. There are no two zeros in it and hence no emulation
// prevention.
func (p *padder) fill(n int) h264.NALU {
	const fillerPayload = 3
	p.sei[p.set], p.sei[p.end] = 0xff, 0xff
	p.set = 2 + n/255
	p.end = p.set + 1 + n
	p.sei[0] = byte(h264.TypeSEI)
	p.sei[1] = fillerPayload
	p.sei[p.set] = byte(n % 255) // last_payload_size_byte
	p.sei[p.end] = 0x80          // rbsp_trailing_bits
	return h264.NALU(p.sei[:p.end+1])
}
