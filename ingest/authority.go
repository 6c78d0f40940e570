package ingest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	caCertFile = "ca.pem"
	caKeyFile  = "ca.key"

	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 90 * 24 * time.Hour // made anew at each start
	backdated  = 24 * time.Hour      // for boxes whose clock is behind

	// renewCA is how long before its end an authority is replaced.
	renewCA = 30 * 24 * time.Hour
)

// Whoever has the key of an authority that a machine trusts can be anybody to
// that machine. This one can be no more than what a rehearsal talks to: names
// below these, this machine's own, and addresses that are not of the internet.
var (
	caNames    = []string{"localhost", "local", "lan", "internal", "home.arpa", "test"}
	caNetworks = []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
		"::1/128", "fc00::/7", "fe80::/10",
	}
)

// SelfSigned returns a certificate for hosts, names and addresses, that is
// signed by an authority kept in dir, and the file with the authority's own
// certificate, for whoever is to trust it. Authority and folder are made at the
// first call and used again later, so that it has to be trusted once. Its key
// is readable by its owner alone.
func SelfSigned(dir string, hosts []string, now time.Time) (cert tls.Certificate, caFile string, err error) {
	caFile = filepath.Join(dir, caCertFile)
	ca, key, err := loadCA(caFile, filepath.Join(dir, caKeyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		ca, key, err = makeCA(dir, now)
	case err == nil && now.Add(renewCA).After(ca.NotAfter):
		err = fmt.Errorf("%s ends on %s; remove %s, and a new authority is made, which has to be trusted again",
			caFile, ca.NotAfter.Format(time.DateOnly), dir)
	}
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("self-signed certificate: %w", err)
	}
	cert, err = issue(ca, key, hosts, now)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("self-signed certificate: %w", err)
	}
	return cert, caFile, nil
}

func loadCA(certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && (exists(certFile) || exists(keyFile)) {
			return nil, nil, fmt.Errorf("one of %s and %s is missing; remove the other", certFile, keyFile)
		}
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, nil, fmt.Errorf("%s is no authority of venuecast's; choose another folder", certFile)
	}
	return pair.Leaf, key, nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func makeCA(dir string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- the authority's certificate is for others to read
		return nil, nil, err
	}
	host, _ := os.Hostname()
	template, err := newTemplate("venuecast rehearsal authority of "+host, now, caLife)
	if err != nil {
		return nil, nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = slices.Clone(caNames)
	if host != "" {
		template.PermittedDNSDomains = append(template.PermittedDNSDomains, host)
	}
	for _, network := range caNetworks {
		_, ipnet, err := net.ParseCIDR(network)
		if err != nil {
			return nil, nil, err
		}
		template.PermittedIPRanges = append(template.PermittedIPRanges, ipnet)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	ca, err := sign(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	if err := writePEM(filepath.Join(dir, caKeyFile), "PRIVATE KEY", der, 0o600); err != nil {
		return nil, nil, err
	}
	if err := writePEM(filepath.Join(dir, caCertFile), "CERTIFICATE", ca.Raw, 0o644); err != nil {
		return nil, nil, err
	}
	return ca, key, nil
}

// issue makes a certificate for those of hosts that ca may vouch for. Its key
// is nowhere but in memory.
func issue(ca *x509.Certificate, caKey *ecdsa.PrivateKey, hosts []string, now time.Time) (tls.Certificate, error) {
	template, err := newTemplate("venuecast rehearsal ingest", now, serverLife)
	if err != nil {
		return tls.Certificate{}, err
	}
	if template.NotAfter.After(ca.NotAfter) {
		template.NotAfter = ca.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			if slices.ContainsFunc(ca.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(net.IP(ip.AsSlice())) }) {
				template.IPAddresses = append(template.IPAddresses, net.IP(ip.WithZone("").AsSlice()))
			}
		} else if slices.ContainsFunc(ca.PermittedDNSDomains, func(d string) bool { return within(host, d) }) {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(template.IPAddresses)+len(template.DNSNames) == 0 {
		return tls.Certificate{}, fmt.Errorf("%s: no host name or address of a private network; get a certificate for it, and use --tls-cert and --tls-key", strings.Join(hosts, ", "))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := sign(template, ca, &key.PublicKey, caKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw, ca.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// within reports whether host is the domain, or below it.
func within(host, domain string) bool {
	host, domain = strings.ToLower(host), strings.ToLower(domain)
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func newTemplate(name string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(life),
	}, nil
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// writePEM writes a file that was not there.
func writePEM(name, kind string, der []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) // #nosec G304 -- in the folder that the operator named
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Close())
}
