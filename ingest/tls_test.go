package ingest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"venuecast/rtmp"
)

func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate in %s", file)
	}
	return pool
}

var hosts = []string{"localhost", "127.0.0.1", "::1", "192.168.7.9", "studio.local", "www.example.com", "203.0.113.5"}

func TestSelfSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	now := time.Now()
	cert, caFile, err := SelfSigned(dir, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	pool := roots(t, caFile)
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true, "192.168.7.9": true, "studio.local": true,
		"10.0.0.1": false, "www.example.com": false, "203.0.113.5": false,
	} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: now})
		if (err == nil) != want {
			t.Errorf("%s: %v, want trusted %v", host, err, want)
		}
	}
	for file, most := range map[string]os.FileMode{caKeyFile: 0o600, caCertFile: 0o644} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm()&^most != 0 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}

	// Who trusts the authority once trusts what it signs later.
	later := now.Add(200 * 24 * time.Hour)
	cert, again, err := SelfSigned(dir, []string{"localhost", "10.9.9.9"}, later)
	if err != nil || again != caFile {
		t.Fatal(again, err)
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "10.9.9.9", Roots: pool, CurrentTime: later}); err != nil {
		t.Error(err)
	}

	_, _, err = SelfSigned(dir, hosts, now.Add(caLife))
	if err == nil || !strings.Contains(err.Error(), "a new authority is made") {
		t.Errorf("an authority that ends: %v", err)
	}
	_, _, err = SelfSigned(dir, []string{"www.example.com"}, now)
	if err == nil || !strings.Contains(err.Error(), "use --tls-cert and --tls-key") {
		t.Errorf("a host of the internet: %v", err)
	}
}

// With the authority's key nobody can be a host of the internet.
func TestAuthorityIsConstrained(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	if _, _, err := SelfSigned(dir, hosts, now); err != nil {
		t.Fatal(err)
	}
	ca, caKey, err := loadCA(filepath.Join(dir, caCertFile), filepath.Join(dir, caKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"www.example.com", "203.0.113.5", "2001:db8::1"} {
		template, err := newTemplate("forged", now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = []net.IP{ip}
		} else {
			template.DNSNames = []string{host}
		}
		forged, err := sign(template, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(ca)
		if _, err := forged.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: now}); err == nil {
			t.Errorf("a forged certificate for %s is trusted", host)
		}
	}
}

func TestSelfSignedFolders(t *testing.T) {
	now := time.Now()
	half := t.TempDir()
	if _, _, err := SelfSigned(half, hosts, now); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(half, caKeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := SelfSigned(half, hosts, now); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("half an authority: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := SelfSigned(file, hosts, now); err == nil {
		t.Error("a file passes for a folder")
	}
}

// Over rtmps, and what is told of those who do not trust us, or speak
// otherwise.
func TestRTMPS(t *testing.T) {
	cert, caFile, err := SelfSigned(t.TempDir(), hosts, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := rehearse(t, Config{TLS: serverConfig(cert)})
	c := r.publish("live2", roots(t, caFile))
	describe(t, c, "")
	goodbye(c)
	if e := r.tells(Disconnected); !e.Session.Goodbye {
		t.Errorf("told %+v", e)
	}

	_, err = rtmp.Dial(t.Context(), r.client("live2", x509.NewCertPool()))
	var e *rtmp.Error
	if !errors.As(err, &e) || e.Kind != rtmp.KindTLS {
		t.Errorf("who does not trust us: %v", err)
	}
	if told := r.tells(Refused); !strings.Contains(told.Text, "it does not trust this ingest's certificate (tls: ") {
		t.Errorf("told %q", told.Text)
	}
	if e := refusedBy(t, r); e.Kind != rtmp.KindProtocol && e.Kind != rtmp.KindClosed {
		t.Errorf("who speaks no TLS: %v", e)
	}
	r.stop()
	list := r.told(Refused)
	if len(list) != 2 || !strings.Contains(list[1].Text, "use rtmps://") {
		t.Errorf("told %+v", list)
	}
}

// An ingest that is told to be silent is so before TLS, too.
func TestSilentTLS(t *testing.T) {
	cert, caFile, err := SelfSigned(t.TempDir(), hosts, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := rehearse(t, Config{TLS: serverConfig(cert), Faults: Faults{Silent: true}})
	_, err = rtmp.Dial(t.Context(), r.client("live2", roots(t, caFile)))
	var e *rtmp.Error
	if !errors.As(err, &e) || e.Kind != rtmp.KindTimeout || e.Phase != rtmp.PhaseTLS {
		t.Errorf("the client says %v", err)
	}
}

// Who is no publisher is told of, too.
func TestStrangers(t *testing.T) {
	for _, c := range []struct{ says, told string }{
		{"\x16\x03\x01\x02\x00\x01", "it speaks TLS, and this ingest does not"},
		{"GET / HTTP/1.1\r\n\r\n", "it speaks HTTP, not RTMP"},
		{"\x7f", "something else than RTMP"},
		{"\x03", "no session came of it"},
		{"", "no session came of it"},
	} {
		r := rehearse(t, Config{})
		nc, err := net.Dial("tcp", "127.0.0.1:"+r.port)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, c.says)
		_ = nc.(*net.TCPConn).CloseWrite()
		if e := r.tells(Refused); !strings.Contains(e.Text, c.told) || e.Session.Remote != nc.LocalAddr().String() {
			t.Errorf("%q: told %+v, want %q", c.says, e, c.told)
		}
		nc.Close()
		r.stop()
	}
}
