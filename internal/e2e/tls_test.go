//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An authority signs certificates, and is thrown away with the test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "venuecast e2e"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// issue signs a certificate for a host name that is valid up to then.
func (a *authority) issue(t *testing.T, host string, until time.Time) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{host},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func (a *authority) file(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})))
	return file
}

// A front stands before an ingest and does to each connection what it is told
// to.
type front struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	serve func(net.Conn)
	conns map[net.Conn]struct{}
}

func startFront(t *testing.T, serve func(net.Conn)) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{listener: l, serve: serve, conns: map[net.Conn]struct{}{}}
	f.wg.Go(f.accept)
	t.Cleanup(func() {
		_ = l.Close()
		f.mu.Lock()
		for c := range f.conns {
			_ = c.Close()
		}
		f.conns = nil
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func (f *front) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		if f.conns == nil {
			f.mu.Unlock()
			_ = c.Close()
			return
		}
		f.conns[c] = struct{}{}
		serve := f.serve
		f.mu.Unlock()
		f.wg.Go(func() {
			serve(c)
			_ = c.Close()
			f.mu.Lock()
			delete(f.conns, c)
			f.mu.Unlock()
		})
	}
}

func (f *front) become(serve func(net.Conn)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve = serve
}

func (f *front) port() int { return f.listener.Addr().(*net.TCPAddr).Port }

// terminate is TLS in front of addr.
func terminate(config *tls.Config, addr string) func(net.Conn) {
	return func(nc net.Conn) {
		c := tls.Server(nc, config)
		if c.Handshake() != nil {
			return
		}
		forward(c, addr)
	}
}

func forward(c net.Conn, addr string) {
	up, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer up.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(c, up)
		_ = c.Close()
	})
	_, _ = io.Copy(up, c)
	_ = up.(*net.TCPConn).CloseWrite()
	wg.Wait()
}

// secure is the YAML of a destination by rtmps, or by another scheme.
func secure(t *testing.T, dir, name, scheme string, port int, ca string) string {
	d := destination(t, dir, name, fmt.Sprintf("%s://localhost:%d/live", scheme, port))
	return strings.Replace(d, "}\n", fmt.Sprintf(", tls: {ca_file: %q}}\n", ca), 1)
}

// By rtmps to nginx-rtmp, with an authority of one's own. TLS is nginx's, where
// it has its stream module, and else that of Go.
func TestRTMPS(t *testing.T) {
	need(t, "ffmpeg")
	nginxRTMP(t)
	t.Parallel()
	ca := newAuthority(t)
	config := ca.issue(t, "localhost", time.Now().Add(time.Hour))
	plainPort, tlsPort := freePort(t), freePort(t)
	var in *nginx
	if load, ok := nginxModule(t, "ngx_stream_module.so", `--with-stream( |$)`); ok {
		cert, key := pemFiles(t, config.Certificates[0])
		in = startNginxWith(t, plainPort, load, fmt.Sprintf(
			"stream { server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; proxy_pass 127.0.0.1:%d; } }\n",
			tlsPort, cert, key, plainPort))
		eventually(t, 5*time.Second, "nginx listens for TLS", func() bool { return listening(tlsPort) })
	} else {
		t.Log("nginx has no stream module here (Debian: libnginx-mod-stream): TLS is terminated in Go")
		in = startNginx(t, plainPort)
		tlsPort = startFront(t, terminate(config, fmt.Sprintf("127.0.0.1:%d", plainPort))).port()
	}
	file := filepath.Join(t.TempDir(), "clip.h264")
	encodeH264(t, file, encode{size: "320x180", fps: 30, seconds: 2, profile: "main", params: bFrames})
	want := frames(t, file)
	dir := t.TempDir()
	p := broadcast(t, dir, fmt.Sprintf("camera: {source: file, file: {path: %q}}", file),
		[]string{secure(t, dir, "venue", "rtmps", tlsPort, ca.file(t))})
	if code := p.wait(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	rec := in.recorded(t)
	requireFrames(t, "the recording", frames(t, rec), want)
	requireMonotonic(t, "the recording", readFLV(t, rec))
}

// pemFiles writes a certificate and its key for others to read.
func pemFiles(t *testing.T, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return cert, key
}

// What is wrong with a peer's TLS is said in words, and what was wrong is
// forgotten when it is put right.
func TestTLSFaults(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	file := ca.file(t)
	hour := time.Now().Add(time.Hour)
	in := startIngest(t, 0)
	good := terminate(ca.issue(t, "localhost", hour), in.addr)
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	// What OpenSSL answers to what is no TLS: a fatal alert, protocol_version.
	alert := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1537))
		_, _ = c.Write([]byte{0x15, 3, 1, 0, 2, 2, 70})
		_, _ = io.Copy(io.Discard, c)
	}
	cases := []struct {
		name, scheme string
		serve        func(net.Conn)
		says, hint   string
	}{
		{"other-host", "rtmps", terminate(ca.issue(t, "other.example", hour), in.addr),
			"the certificate is for another host name", "Use the host name from the ingest's own instructions"},
		{"expired", "rtmps", terminate(ca.issue(t, "localhost", time.Now().Add(-time.Hour)), in.addr),
			"the certificate has expired", "Check this box's clock first"},
		{"unknown-ca", "rtmps", terminate(stranger.issue(t, "localhost", hour), in.addr),
			"the certificate is from an authority this system does not know", "ca-certificates"},
		{"plain-rtmp", "rtmps", func(c net.Conn) { forward(c, in.addr) },
			"the peer closed the connection instead of answering in TLS", "Check scheme and port of the URL"},
		{"plain-http", "rtmps", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
			"the peer does not speak TLS on this port", "Use rtmp:// for this port"},
		{"silent", "rtmps", silent, "TLS handshake with", "whether a proxy or firewall interferes"},
		{"tls-port", "rtmp", alert, "answered in TLS", "Use rtmps:// in the URL"},
	}
	dir := t.TempDir()
	var fronts []*front
	var destinations []string
	for _, c := range cases {
		f := startFront(t, c.serve)
		fronts = append(fronts, f)
		destinations = append(destinations, secure(t, dir, c.name, c.scheme, f.port(), file))
	}
	p := broadcast(t, dir, "camera: {source: testcard, width: 160, height: 96, fps: 10, bitrate: 200k, keyframe_interval: 1s}", destinations)
	for _, c := range cases {
		line := p.says(t, 5*time.Second, "destination="+c.name, "level=warning")
		t.Log(line)
		for _, want := range []string{c.says, c.hint} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: the log does not say %q:\n%s", c.name, want, line)
			}
		}
	}
	if n := len(p.lines("on air")); n != 0 {
		t.Errorf("%d times on the air by a peer that is not to be trusted", n)
	}
	if n := len(in.got()); n != 0 {
		t.Errorf("%d sessions with a peer that is not to be trusted", n)
	}
	for i, c := range cases {
		if c.scheme == "rtmps" {
			fronts[i].become(good)
		} else {
			fronts[i].become(func(c net.Conn) { forward(c, in.addr) })
		}
	}
	for _, c := range cases {
		// A wait, an attempt that still runs into its timeout, and a margin.
		p.says(t, 5*time.Second, "destination="+c.name, "on air")
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t, 5*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// A fault that lasts is logged once and not at each attempt, also where its
// text has a port or the time of day in it: a box has one memory card.
func TestFaultIsLoggedOnce(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	expired := ca.issue(t, "localhost", time.Now().Add(-time.Hour))
	var mu sync.Mutex
	attempts := 0
	slams := startFront(t, func(c net.Conn) {
		mu.Lock()
		attempts++
		mu.Unlock()
		_, _ = c.Read(make([]byte, 1)) // closing with input unread resets
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "venuecast.yml")
	write(t, file, smallCard+"\nbroadcast:\n  backoff: {initial: 100ms, max: 300ms}\n  destinations:\n"+
		secure(t, dir, "expired", "rtmps", startFront(t, terminate(expired, "127.0.0.1:1")).port(), ca.file(t))+
		destination(t, dir, "slams", fmt.Sprintf("rtmp://127.0.0.1:%d/live", slams.port())))
	p := venuecast(t, environment(), "run", "--config", file)
	eventually(t, 10*time.Second, "a dozen attempts", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return attempts >= 12
	})
	for _, name := range []string{"expired", "slams"} {
		if lines := p.lines("destination="+name, "level=warning"); len(lines) != 1 {
			t.Errorf("%s: %d warnings about one fault, want one:\n%s", name, len(lines), strings.Join(lines[:min(len(lines), 3)], "\n"))
		}
	}
}
