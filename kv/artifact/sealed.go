package artifact

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// Sealed is a statement and who has signed it.
type Sealed struct {
	Body      []byte `json:"body"` // JSON, as it was signed
	Key       string `json:"key"`  // id of the grant that signed; "" is the root
	Signature []byte `json:"signature"`
}

// ErrForged is a statement that nobody entitled has signed as it stands.
var ErrForged = errors.New("artifact: it is not signed by who may")

// kind keeps the signature of one kind of statement from counting for another.
type kind string

const (
	ofGrant   kind = "fortuna grant 1\n"
	ofVersion kind = "fortuna version 1\n"
	ofRelease kind = "fortuna release 1\n"
)

func seal(k kind, body any, id string, key ed25519.PrivateKey) (Sealed, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Sealed{}, fmt.Errorf("sign: %w", err)
	}
	return Sealed{Body: text, Key: id, Signature: ed25519.Sign(key, append([]byte(k), text...))}, nil
}

// open gives the body, if key has signed it.
func (s *Sealed) open(k kind, key ed25519.PublicKey, into any) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(k), s.Body...), s.Signature) {
		return ErrForged
	}
	if err := json.Unmarshal(s.Body, into); err != nil {
		return fmt.Errorf("artifact: what was signed cannot be read: %w", err)
	}
	return nil
}

// Body is what a version is as a text.
func Body(v Version) ([]byte, error) { return json.Marshal(v) }

// SignGrant is a grant as the root says it.
func SignGrant(g Grant, root ed25519.PrivateKey) (Sealed, error) { return seal(ofGrant, g, "", root) }

// SignVersion is a version as the holder of a token says it.
func SignVersion(v Version, t Token) (Sealed, error) { return seal(ofVersion, v, t.ID, t.Key) }

// SignRelease is a release as the holder of a token says it.
func SignRelease(r Release, t Token) (Sealed, error) { return seal(ofRelease, r, t.ID, t.Key) }
