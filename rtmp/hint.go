package rtmp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// isRemoteAlert reports whether err is the peer's refusal, by a TLS alert.
// crypto/tls has no exported type for it.
func isRemoteAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// alertText is what the peer's alert says, for an error that isRemoteAlert.
func alertText(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Err == nil {
		return ""
	}
	return strings.TrimPrefix(op.Err.Error(), "tls: ")
}

// describeTLS says in an operator's words why there is no TLS session.
func describeTLS(err error, now time.Time) string {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		roots   x509.SystemRootsError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &host):
		return "the certificate is for another host name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil && now.Before(invalid.Cert.NotBefore):
		return "the certificate is not valid yet"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired"
	case errors.As(err, &invalid):
		return "the certificate is not valid"
	case errors.As(err, &unknown):
		return "the certificate is from an authority this system does not know"
	case errors.As(err, &roots):
		return "this system has no certificates of authorities"
	case errors.As(err, &record):
		return "the peer does not speak TLS on this port"
	case isRemoteAlert(err):
		return "the peer refused our TLS: " + alertText(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the peer closed the connection instead of answering in TLS"
	}
	return ""
}

// Hint returns one sentence on what an operator can do.
func (e *Error) Hint() string {
	switch e.Kind {
	case KindDNS:
		var d *net.DNSError
		if errors.As(e.Err, &d) && d.IsNotFound {
			return "Check the host name in the URL."
		}
		return "Check this box's network and its DNS server."
	case KindRefused:
		return "Check host and port of the URL: the machine is there, but takes no connections on that port."
	case KindUnreachable:
		return "Check this box's network: cable or Wi-Fi, address, default route."
	case KindTimeout:
		switch e.Phase {
		case PhaseDNS:
			return "Check this box's network and its DNS server."
		case PhaseDial:
			return "Check this box's network, and whether a firewall lets out connections to that port."
		case PhaseTLS, PhaseHandshake:
			return "Check scheme and port of the URL (rtmps is 443, rtmp is 1935), and whether a proxy or firewall interferes."
		}
		return "The ingest took the connection but does not answer; retry, and use its backup if that lasts."
	case KindTLS:
		return e.hintTLS()
	case KindRejected:
		if e.Phase == PhaseConnect {
			return "Check the app in the URL, such as live2: the ingest does not take it."
		}
		return "Check that the event has not ended, and that the account may stream."
	case KindBadName:
		return "Check the stream key, and that nothing else is publishing with it."
	case KindClosed:
		switch {
		case e.Phase < PhaseConnect:
			return "Check scheme and port of the URL: what listens there seems not to speak RTMP, or only over TLS."
		case e.Phase == PhaseConnect:
			return "Check the app in the URL, such as live2."
		case errors.Is(e.Err, syscall.ECONNRESET), errors.Is(e.Err, syscall.EPIPE):
			return "The network, or the ingest, cut the connection: if this repeats, try another network, or the ingest's backup."
		case e.Phase < PhaseLive:
			return "Check the stream key: many ingests answer a wrong one by closing."
		}
		return "If this repeats within a minute of each start, check the stream key and whether the event has ended; else the network dropped the connection."
	case KindStalled:
		return "The uplink stopped taking data: check the network, and lower the bitrate if this repeats."
	case KindProtocol:
		if errors.Is(e.Err, versionError(0x15)) || errors.Is(e.Err, versionError(0x16)) {
			return "Use rtmps:// in the URL: the ingest wants TLS on this port."
		}
		return "Check host and port of the URL: what listens there does not speak RTMP."
	}
	return ""
}

func (e *Error) hintTLS() string {
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		roots   x509.SystemRootsError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return "Check this box's clock first, then tell the ingest's operator."
	case errors.As(e.Err, &host):
		return "Use the host name from the ingest's own instructions; if it is that, someone intercepts the connection."
	case errors.As(e.Err, &unknown), errors.As(e.Err, &roots):
		return "Install the ca-certificates package, or name a private authority's certificate in tls.ca_file; if they are there, a proxy may be intercepting TLS."
	case errors.As(e.Err, &record):
		return "Use rtmp:// for this port, or rtmps:// with the port for TLS, which is 443 on YouTube."
	case isRemoteAlert(e.Err):
		return "Check the host name in the URL; if it is right, the ingest wants a TLS we do not offer."
	}
	return "Check scheme and port of the URL, and whether a proxy or firewall interferes."
}
