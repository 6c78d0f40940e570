package rtmp

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/yutopp/go-rtmp/handshake"
)

// A shaker adapts a connection to the handshake package, which writes in
// little pieces and does not look at the version.
type shaker struct {
	w       *bufio.Writer
	r       *bufio.Reader
	version bool // was read
}

func (s *shaker) Write(p []byte) (int, error) { return s.w.Write(p) }

// Read sends what was written first: the peer waits for it.
func (s *shaker) Read(p []byte) (int, error) {
	if s.w.Buffered() > 0 {
		if err := s.w.Flush(); err != nil {
			// Who closed on us may have left the reason: a TLS 1.3 alert.
			if _, rerr := s.r.Read(p); isRemoteAlert(rerr) {
				return 0, rerr
			}
			return 0, err
		}
	}
	n, err := s.r.Read(p)
	if n > 0 && !s.version {
		s.version = true
		if p[0] != 3 { // section 5.2.2
			return 0, versionError(p[0])
		}
	}
	return n, err
}

// A versionError is the first byte of one who does not speak RTMP version 3.
type versionError byte

func (e versionError) Error() string {
	switch {
	case e == 0x15 || e == 0x16:
		return "answered in TLS"
	case e == 'H':
		return "answered in HTTP"
	}
	return fmt.Sprintf("version %d, want 3", byte(e))
}

func (e versionError) Is(target error) bool { return target == errProtocol }

// clientHandshake shakes hands with a server (section 5.2). It does not ask
// for an echo of our random bytes: not all servers send one.
func clientHandshake(br *bufio.Reader, w io.Writer) error {
	s := &shaker{w: bufio.NewWriter(w), r: br}
	if err := handshake.HandshakeWithServer(s, s, &handshake.Config{SkipHandshakeVerification: true}); err != nil {
		return err
	}
	return s.w.Flush()
}

// signatureSize is how long C1, S1, C2 and S2 are (sections 5.2.3 and 5.2.4).
const signatureSize = 1536

// serverHandshake is clientHandshake's other side. br must hold 1537 bytes.
//
// Flash and what imitates it sign C1, and put their version where the
// specification wants zeros: the "complex" handshake. Most then go on in the
// plain way with a server whose version is zero: ffmpeg checks a server's
// signature only to play, librtmp only behind a version. Clients made after
// the first libavformat check it always, so who signs gets a signed answer.
func serverHandshake(br *bufio.Reader, w io.Writer) error {
	version, err := br.Peek(1)
	if err != nil {
		return err
	}
	if version[0] != 3 { // section 5.2.2
		return versionError(version[0])
	}
	hello, err := br.Peek(1 + signatureSize)
	if err != nil {
		return err
	}
	if c1 := hello[1:]; binary.BigEndian.Uint32(c1[4:]) != 0 {
		if digest, place := findDigest(c1, playerKey[:playerName]); digest != nil {
			return signedHandshake(br, w, digest, place)
		}
	}
	s := &shaker{w: bufio.NewWriter(w), r: br}
	if err := handshake.HandshakeWithClient(s, s, &handshake.Config{SkipHandshakeVerification: true}); err != nil {
		return err
	}
	return s.w.Flush()
}

// The keys that every implementation of the signed handshake has. S1 and C1
// are signed with the name alone, S2 with all of it.
const (
	serverName = len("Genuine Adobe Flash Media Server 001")
	playerName = len("Genuine Adobe Flash Player 001")

	keyRest = "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" +
		"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"
)

var (
	serverKey = []byte("Genuine Adobe Flash Media Server 001" + keyRest)
	playerKey = []byte("Genuine Adobe Flash Player 001" + keyRest)

	// signedVersion is what connect's fmsVer says, too.
	signedVersion = [4]byte{3, 0, 1, 123}
)

// digestPlaces are where the four bytes stand whose sum says where, within the
// 728 bytes behind them, a digest begins. Clients use either.
var digestPlaces = [...]int{8, 772}

func digestOffset(c1 []byte, place int) int {
	sum := 0
	for _, b := range c1[place : place+4] {
		sum += int(b)
	}
	return place + 4 + sum%728
}

// findDigest returns the digest in c1 if there is one by key, and its place.
func findDigest(c1, key []byte) (digest []byte, place int) {
	for _, place := range digestPlaces {
		at := digestOffset(c1, place)
		digest := c1[at : at+sha256.Size]
		if hmac.Equal(digest, sign(key, c1[:at], c1[at+sha256.Size:])) {
			return digest, place
		}
	}
	return nil, 0
}

func sign(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// signedHandshake answers a C1 with that digest: with an S1 that has its own
// in the same place, and an S2 that only who knows the digest can sign.
func signedHandshake(br *bufio.Reader, w io.Writer, digest []byte, place int) error {
	answer := make([]byte, 1+2*signatureSize)
	rand.Read(answer)
	answer[0] = 3
	s1, s2 := answer[1:1+signatureSize], answer[1+signatureSize:]
	binary.BigEndian.PutUint32(s1, uint32(time.Now().UnixMilli()))
	copy(s1[4:], signedVersion[:])
	at := digestOffset(s1, place)
	copy(s1[at:], sign(serverKey[:serverName], s1[:at], s1[at+sha256.Size:]))
	end := signatureSize - sha256.Size
	copy(s2[end:], sign(sign(serverKey, digest), s2[:end]))
	if _, err := w.Write(answer); err != nil {
		return err
	}
	// Then C2, which is as little looked at as without signatures.
	_, err := br.Discard(1 + 2*signatureSize)
	return err
}
