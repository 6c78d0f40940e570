package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// An authority is a throw-away CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// issue makes a certificate for name, valid from and until so far from now.
func (a *authority) issue(t *testing.T, name string, from, until time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

const tlsHost = "ingest.test"

// tlsClient returns a config to reach l as ingest.test.
func tlsClient(t *testing.T, l net.Listener, ca *authority) ClientConfig {
	log, _ := newSecretLog(t)
	u := urlOf(t, l, true)
	u.Host = tlsHost
	return ClientConfig{URL: u, Key: NewStreamKey(testKey), RootCAs: ca.pool, Log: log,
		LookupHost: func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }}
}

// tlsServe puts TLS before l, with a certificate of ca's.
func tlsServe(t *testing.T, l net.Listener, ca *authority) net.Listener {
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, tlsHost, -time.Hour, time.Hour)}})
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	var sni string
	l := tls.NewListener(listen(t), &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		sni = h.ServerName
		c := ca.issue(t, tlsHost, -time.Hour, time.Hour)
		return &c, nil
	}})
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	c, err := Dial(t.Context(), tlsClient(t, l, ca))
	if err != nil {
		t.Fatal(err)
	}
	if sni != tlsHost {
		t.Errorf("SNI %q", sni)
	}
	body := seq(200_000)
	if err := c.WriteMessage(Message{Type: Video, Timestamp: 3, Payload: body}); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	got := sink.wait(t)
	if len(got) != 1 || got[0].Timestamp != 3 || string(got[0].Payload) != string(body) {
		t.Errorf("got %d messages", len(got))
	}
	if sink.endErr != nil {
		t.Errorf("ended with %v", sink.endErr)
	}
}

func TestTLSFailures(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	const h = time.Hour
	serve := func(cfg *tls.Config) func(net.Conn) {
		return func(nc net.Conn) {
			tc := tls.Server(nc, cfg)
			if tc.Handshake() == nil {
				io.Copy(io.Discard, tc)
			}
		}
	}
	cert := func(c tls.Certificate) func(net.Conn) { return serve(&tls.Config{Certificates: []tls.Certificate{c}}) }
	tests := []struct {
		name  string
		serve func(net.Conn)
		phase Phase
		says  string // in the error
		hint  string
	}{
		{"wrong name", cert(ca.issue(t, "elsewhere.test", -h, h)), PhaseTLS, "another host name", "host name"},
		{"expired", cert(ca.issue(t, tlsHost, -2*h, -h)), PhaseTLS, "has expired", "clock"},
		{"not yet valid", cert(ca.issue(t, tlsHost, h, 2*h)), PhaseTLS, "not valid yet", "clock"},
		{"unknown authority", cert(other.issue(t, tlsHost, -h, h)), PhaseTLS, "authority", "ca-certificates"},
		{"plain text", func(nc net.Conn) {
			nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			io.Copy(io.Discard, nc)
		}, PhaseTLS, "does not speak TLS", "rtmp://"},
		{"plain RTMP, which hangs up", func(nc net.Conn) { nc.Read(make([]byte, 1)) }, PhaseTLS, "closed the connection", "port"},
		{"too old a TLS", serve(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, tlsHost, -h, h)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}),
			PhaseTLS, "refused our TLS", "TLS"},
		{"wants a client certificate", serve(&tls.Config{Certificates: []tls.Certificate{ca.issue(t, tlsHost, -h, h)}, ClientAuth: tls.RequireAnyClientCert}),
			PhaseHandshake, "certificate required", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if nc, err := l.Accept(); err == nil {
					defer nc.Close()
					tt.serve(nc)
				}
			}()
			_, err := Dial(t.Context(), tlsClient(t, l, ca))
			e := requireError(t, err, KindTLS, tt.phase)
			if !strings.Contains(e.Error(), tt.says) || !strings.Contains(e.Hint(), tt.hint) {
				t.Errorf("%v; %s", e, e.Hint())
			}
			<-done
		})
	}
}
