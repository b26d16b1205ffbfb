package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// token is what a client keeps: its id, and the fence, which is what it has seen: "id.epoch.rev.seen.mac". Only the id is a
// secret. The mac keeps others from making up ids, each of which the store would be asked for, or revisions, each of which
// its leader would.
type token struct {
	id    []byte // idBytes
	epoch uint64 // of the key that signed it
	rev   uint64 // of the entry
	seen  uint64 // of other state
}

const (
	idBytes  = 32
	macBytes = 16
)

var encoding = base64.RawURLEncoding

// sign writes the token.
func (t *token) sign(app string, k key) string {
	b := make([]byte, 0, 128)
	b = encoding.AppendEncode(b, t.id)
	for _, n := range []uint64{k.Epoch, t.rev, t.seen} {
		b = strconv.AppendUint(append(b, '.'), n, 36)
	}
	return string(encoding.AppendEncode(append(b, '.'), mac(app, k.Secret, string(b))))
}

func mac(app string, secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(app + "\x00" + text))
	return h.Sum(nil)[:macBytes]
}

// epochOf is what a token says of the key that signed it; 0 when it says nothing.
func epochOf(s string) uint64 {
	if parts := strings.Split(s, "."); len(parts) == 5 && len(s) <= tokenBytesMax {
		epoch, _ := strconv.ParseUint(parts[1], 36, 64) // 0 is nobody's
		return epoch
	}
	return 0
}

// tokenBytesMax is far above the longest that sign writes.
const tokenBytesMax = 200

// parseToken reads what sign wrote for the same app. secret gives the key of an epoch.
func parseToken(app, s string, secret func(epoch uint64) ([]byte, bool)) (t token, ok bool) {
	at := strings.LastIndexByte(s, '.')
	if at < 0 || len(s) > tokenBytesMax {
		return t, false
	}
	parts := strings.Split(s[:at], ".")
	if len(parts) != 4 {
		return t, false
	}
	var err error
	if t.id, err = encoding.Strict().DecodeString(parts[0]); err != nil || len(t.id) != idBytes {
		return t, false
	}
	for i, n := range []*uint64{&t.epoch, &t.rev, &t.seen} {
		if *n, err = strconv.ParseUint(parts[i+1], 36, 64); err != nil {
			return t, false
		}
	}
	got, err := encoding.Strict().DecodeString(s[at+1:])
	key, known := secret(t.epoch)
	if err != nil || !known {
		return t, false
	}
	return t, hmac.Equal(got, mac(app, key, s[:at]))
}
