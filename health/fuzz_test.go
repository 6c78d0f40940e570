package health

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"venuecast/flv"
	"venuecast/slate"
)

// packed writes messages as the fuzzer reads them: type, timestamp, ms since
// the one before, length, body.
func packed(all []message) (b []byte) {
	var last time.Duration
	for _, m := range all {
		body := m.body[:min(len(m.body), 512)]
		b = append(b, byte(m.kind))
		b = binary.BigEndian.AppendUint32(b, m.stamp)
		b = binary.BigEndian.AppendUint16(b, uint16((m.at-last)/time.Millisecond))
		b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
		b = append(b, body...)
		last = m.at
	}
	return b
}

// FuzzTake: whatever comes, the Judge neither panics nor contradicts itself.
func FuzzTake(f *testing.F) {
	f.Add(packed(card(f, slate.Config{Width: 64, Height: 48}, time.Second)))
	for _, s := range []stream{
		good(),
		change(func(s *stream) { s.fields, s.fieldPics = true, true }),
		change(func(s *stream) { s.fourCC, s.audioFourCC = "hvc1", "Opus" }),
		change(func(s *stream) { s.recovery, s.leading, s.gop = true, true, 200*time.Millisecond }),
		change(func(s *stream) { s.audioCodec, s.videoCodec = 2, 4 }),
		change(func(s *stream) { s.noMetadata, s.noHeaders = true, true }),
	} {
		s.bitrate, s.audioBitrate = 10_000, 8_000
		f.Add(packed(s.messages(0, time.Second)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j := NewJudge(Config{})
		at := epoch
		for len(b) >= 9 {
			kind, stamp := flv.TagType(b[0]), binary.BigEndian.Uint32(b[1:])
			at = at.Add(time.Duration(binary.BigEndian.Uint16(b[5:])) * time.Millisecond)
			size := min(int(binary.BigEndian.Uint16(b[7:])), len(b)-9)
			j.Take(kind, stamp, b[9:9+size], at)
			b = b[9+size:]
		}
		for _, after := range []time.Duration{0, time.Second, 6 * time.Second, time.Hour} {
			r := j.Report(at.Add(after))
			want := StatusGood
			for _, is := range r.Issues {
				if is.Severity == SeverityError {
					want = StatusBad
				} else if is.Severity == SeverityWarning && want == StatusGood {
					want = StatusOK
				}
				if is.Measured == "" || is.Limit == "" || is.Since.Before(epoch) || is.Since.After(r.At) {
					t.Errorf("%+v", is)
				}
			}
			if r.Status != want && (r.Status != StatusNoData || len(r.Issues) > 0) {
				t.Errorf("status %s with %v", r.Status, r.Issues)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			Compare(r, r)
		}
	})
}
