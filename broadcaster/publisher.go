package broadcaster

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"venuecast/flv"
	"venuecast/health"
	"venuecast/rtmp"
)

// A Publisher is a live session with an ingest.
type Publisher interface {
	// WriteTag sends a tag. It may block for as long as the network takes
	// bytes, and fails when the session is over. It does not keep the tag.
	WriteTag(tag *flv.Tag) error
	// Done is closed when the session is over, and Err says why.
	Done() <-chan struct{}
	Err() error
	// Close says goodbye, not for longer than ctx. It ends a WriteTag that is
	// under way, and frees what the session holds.
	Close(ctx context.Context) error
	Stats() rtmp.Stats
	// Health is what an ingest would say of what has been written.
	Health(now time.Time) health.Report
}

// A Dialer begins a session. It fails with an *rtmp.Error, or with another that
// has a Hint too.
type Dialer func(ctx context.Context, key rtmp.StreamKey) (Publisher, error)

// NewDialer returns the Dialer for a destination's ingest.
func NewDialer(cfg DestinationConfig, timeouts rtmp.Timeouts, log logrus.FieldLogger) (Dialer, error) {
	url, err := rtmp.ParseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, key rtmp.StreamKey) (Publisher, error) {
		// Read each time, so that a certificate can be put right on the air.
		roots, err := rootCAs(cfg.TLS.CAFile)
		if err != nil {
			return nil, err
		}
		client, err := rtmp.Dial(ctx, rtmp.ClientConfig{URL: url, Key: key, RootCAs: roots, Timeouts: timeouts, Log: log})
		if err != nil {
			return nil, err
		}
		return &rtmpPublisher{Client: client, judge: health.NewJudge(health.Config{})}, nil
	}, nil
}

// rootCAs gives the system's certificates with those of file added, or nil for
// the system's alone.
func rootCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, &caError{err}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &caError{fmt.Errorf("%s: no certificate in it", file)}
	}
	return pool, nil
}

// caError says that the authority's certificate cannot be had.
type caError struct{ err error }

func (e *caError) Error() string { return "read tls.ca_file: " + e.err.Error() }
func (e *caError) Unwrap() error { return e.err }
func (e *caError) Hint() string {
	return "Put the authority's certificate, in PEM, back into the file; it is read at each attempt."
}

// rtmpPublisher frames tags as RTMP messages, and judges what it has sent.
type rtmpPublisher struct {
	*rtmp.Client
	clock flv.Clock
	judge *health.Judge
}

func (p *rtmpPublisher) Health(now time.Time) health.Report { return p.judge.Report(now) }

func (p *rtmpPublisher) WriteTag(tag *flv.Tag) error {
	m := rtmp.Message{Timestamp: p.clock.Timestamp(tag), Payload: tag.Body}
	switch tag.Type {
	case flv.TypeVideo:
		m.Type = rtmp.Video
	case flv.TypeAudio:
		m.Type = rtmp.Audio
	default:
		m.Type, m.Payload = rtmp.DataAMF0, flv.SetDataFrame(tag.Body)
	}
	if err := p.WriteMessage(m); err != nil {
		return err
	}
	p.judge.Take(tag.Type, m.Timestamp, m.Payload, time.Now())
	return nil
}
