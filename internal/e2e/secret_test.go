//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// requireNoKey looks for the key, in clear and as it might get encoded.
func requireNoKey(t *testing.T, where, text, key string) {
	t.Helper()
	quoted := strconv.Quote(key)
	for _, secret := range []string{
		key, quoted[1 : len(quoted)-1], url.QueryEscape(key), url.PathEscape(key), hex.EncodeToString([]byte(key)),
		base64.StdEncoding.EncodeToString([]byte(key)), base64.RawURLEncoding.EncodeToString([]byte(key)),
		key[:len(key)/2], key[len(key)/2:],
	} {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the key is in the %s: ...%s...", where, text[max(0, at-100):min(len(text), at+100)])
			return
		}
	}
}
