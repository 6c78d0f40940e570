package rtmp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// A URL says where to publish: everything except the stream key.
type URL struct {
	TLS  bool   // rtmps
	Host string // a name or an IP address, IPv6 without brackets
	Port uint16
	App  string // path and query without the leading slash, such as live2?backup=1
}

// ParseURL reads rtmp[s]://host[:port]/app[/more][?query]. The port is 1935 if
// not given, or 443 for rtmps. The query stays part of the app, where ingests
// look for it. User information, fragments and other schemes are refused, and
// for YouTube so is anything behind the app, which could only be the stream
// key. Errors tell no more of s than its scheme and host.
func ParseURL(s string) (URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// url.Error quotes all of s, and the cause may quote any part of it.
		return URL{}, errors.New("rtmp URL: malformed, want rtmp[s]://host[:port]/app")
	}
	var r URL
	switch u.Scheme {
	case "rtmp":
		r.Port = 1935
	case "rtmps":
		r.TLS, r.Port = true, 443
	case "":
		return URL{}, errors.New("rtmp URL: no scheme, want rtmp:// or rtmps://")
	default:
		return URL{}, fmt.Errorf("rtmp URL: scheme %q, want rtmp or rtmps", u.Scheme)
	}
	r.Host = u.Hostname()
	where := u.Scheme + "://" + r.Host
	switch {
	case u.Opaque != "" || r.Host == "":
		return URL{}, fmt.Errorf("rtmp URL: no host, want %s://host/app", u.Scheme)
	case !validHost(r.Host):
		return URL{}, fmt.Errorf("rtmp URL %s: not a host name or IP address", where)
	case u.User != nil:
		return URL{}, fmt.Errorf("rtmp URL %s: user information is not supported", where)
	case u.Fragment != "" || strings.Contains(s, "#"):
		return URL{}, fmt.Errorf("rtmp URL %s: a fragment (#) has no meaning here", where)
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return URL{}, fmt.Errorf("rtmp URL %s: port %s, want 1 to 65535", where, p)
		}
		r.Port = uint16(n)
	} else if strings.HasSuffix(u.Host, ":") {
		return URL{}, fmt.Errorf("rtmp URL %s: a colon but no port", where)
	}
	// The app goes to the ingest as it was written, so keep its escapes.
	r.App = strings.Trim(u.EscapedPath(), "/")
	if r.App == "" {
		return URL{}, fmt.Errorf("rtmp URL %s: no app, want %s/app", where, where)
	}
	if isYouTube(r.Host) && strings.Contains(r.App, "/") {
		return URL{}, fmt.Errorf("rtmp URL %s: the path goes on behind the app; the stream key belongs in key_file, not in the URL", where)
	}
	if u.RawQuery != "" {
		r.App += "?" + u.RawQuery
	}
	if len(r.App) > maxAppLen {
		return URL{}, fmt.Errorf("rtmp URL %s: app of %d bytes, at most %d", where, len(r.App), maxAppLen)
	}
	return r, nil
}

// maxAppLen keeps app and tcUrl within what AMF0 and any ingest take.
const maxAppLen = 4096

// validHost takes what a dialer does. url.Parse lets more through.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.IndexFunc(host, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	}) < 0
}

func isYouTube(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "youtube.com" || strings.HasSuffix(host, ".youtube.com")
}

// Scheme returns rtmp or rtmps.
func (u URL) Scheme() string {
	if u.TLS {
		return "rtmps"
	}
	return "rtmp"
}

// Addr returns host:port, IPv6 hosts in brackets.
func (u URL) Addr() string {
	return net.JoinHostPort(u.Host, strconv.Itoa(int(u.Port)))
}

// base is scheme://host[:port], without a port that is the scheme's own:
// some ingests compare tcUrl with what they were configured to.
func (u URL) base() string {
	host := strings.ReplaceAll(u.Host, "%", "%25") // an IPv6 zone (RFC 6874)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if (u.TLS && u.Port == 443) || (!u.TLS && u.Port == 1935) {
		return u.Scheme() + "://" + host
	}
	return fmt.Sprintf("%s://%s:%d", u.Scheme(), host, u.Port)
}

// TCURL returns the tcUrl of the connect command (section 7.2.1.1):
// scheme://host[:port]/app. It is for the wire: some services have secrets in
// the query. To print a URL, use String.
func (u URL) TCURL() string { return u.base() + "/" + u.App }

// String returns the URL for logs and errors. What follows the app's first
// part could be a stream key or a token, and is shown as ***.
func (u URL) String() string {
	app, hidden := u.splitApp()
	switch {
	case hidden == "":
	case hidden == "?backup=1": // YouTube's second ingest, worth telling apart
		app += hidden
	default:
		app += hidden[:1] + "***"
	}
	return u.base() + "/" + app
}

// splitApp parts App before its first slash or question mark.
func (u URL) splitApp() (app, rest string) {
	if i := strings.IndexAny(u.App, "/?"); i >= 0 {
		return u.App[:i], u.App[i:]
	}
	return u.App, ""
}

// secrets returns what String hides, for scrubbing it from a peer's words.
func (u URL) secrets() []string {
	var s []string
	_, rest := u.splitApp()
	for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("/?&=", r) }) {
		if len(part) >= minURLSecret {
			s = append(s, part)
		}
	}
	return s
}

// minURLSecret keeps scrub from blanking every 1 because of a ?backup=1.
const minURLSecret = 8
