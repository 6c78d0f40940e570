package main

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// ingestHello is what an operator has to type into an encoder.
type ingestHello struct {
	host     string // to listen on, as asked for
	port     string
	tls      bool
	caFile   string // to be trusted; "": the certificate is not ours
	keyFiles []string
	faults   []string
	record   string // the folder
}

func (h *ingestHello) listens(addr net.Addr) {
	_, h.port, _ = net.SplitHostPort(addr.String())
}

// youTubeApp is the app of YouTube's ingests, and backupQuery what their
// second one has behind it.
const (
	youTubeApp  = "live2"
	backupQuery = "?backup=1"
)

// servers are the URLs that encoders can use, the likeliest first.
func (h *ingestHello) servers() []string {
	hosts := []string{h.host}
	if isWildcard(h.host) {
		hosts = localAddresses()
	}
	scheme := "rtmp"
	if h.tls {
		scheme = "rtmps"
	}
	urls := make([]string, len(hosts))
	for i, host := range hosts {
		urls[i] = scheme + "://" + net.JoinHostPort(host, h.port) + "/" + youTubeApp
	}
	return urls
}

func (h *ingestHello) keys() string {
	if len(h.keyFiles) == 0 {
		return "any stream key"
	}
	return "only the stream keys in " + strings.Join(h.keyFiles, ", ")
}

// A labeled text is a line of an explanation. What is lasting is of interest
// once an encoder is connected, too.
type labeled struct {
	label, text string
	lasting     bool
}

// lines explain what to type.
func (h *ingestHello) lines() []labeled {
	servers, first := h.servers(), ""
	if len(servers) > 0 {
		first = servers[0]
	}
	key := "any"
	if len(h.keyFiles) > 0 {
		key = "one of those"
	}
	lines := []labeled{
		{"server", strings.Join(servers, "  "), true},
		{"backup", first + backupQuery, false},
		{"key", h.keys(), true},
		{"OBS", "Settings, Stream, Service: Custom...; Server " + first + "; Stream Key: " + key, false},
		{"venuecast", `destinations: [{url: "` + first + `", key_file: stream.key` + h.trustUs() + `}]`, false},
	}
	if h.caFile != "" {
		lines = append(lines, labeled{"trust", "for others than venuecast, add " + h.caFile + " to the authorities that the encoder's system trusts", false})
	}
	if h.record != "" {
		lines = append(lines, labeled{"record", h.record, false})
	}
	if len(h.faults) > 0 {
		lines = append(lines, labeled{"faults", strings.Join(h.faults, ", "), true})
	}
	return lines
}

func (h *ingestHello) trustUs() string {
	if h.caFile == "" {
		return ""
	}
	file := h.caFile
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	return `, tls: {ca_file: "` + file + `"}`
}

// isWildcard reports whether to listen on host is to listen everywhere.
func isWildcard(host string) bool {
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// localAddresses are this machine's, for others first.
func localAddresses() (list []string) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return []string{"127.0.0.1"}
	}
	var own []string
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || n.IP.IsLinkLocalUnicast(): // which says nothing without its interface
		case n.IP.IsLoopback():
			own = append(own, n.IP.String())
		default:
			list = append(list, n.IP.String())
		}
	}
	return slices.Concat(list, own)
}
