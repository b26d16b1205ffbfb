package artifact

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// Token is what somebody shows to be let in, and signs with. The node that made it keeps neither: of the password it keeps
// the hash, of the signing key the public half.
type Token struct {
	ID       string
	Password string             // proves to a node who asks; it goes over TLS, or does not leave the machine
	Key      ed25519.PrivateKey // signs what is deployed; it never leaves who deploys
	Root     ed25519.PublicKey  // of the cluster that it is for: so a client knows its nodes
}

const tokenPrefix = "fortuna_"

// NewToken makes a token for a cluster, and its text, which is shown once.
func NewToken(root ed25519.PublicKey) (Token, string) {
	var secret [32]byte
	rand.Read(secret[:])
	text := tokenPrefix + strings.ToLower(rand.Text()[:10]) + "." + base64.RawURLEncoding.EncodeToString(secret[:]) + "." + base64.RawURLEncoding.EncodeToString(root)
	t, err := ParseToken(text)
	if err != nil {
		panic(err) // it has just been written
	}
	return t, text
}

// ParseToken reads the text of a token. The error does not quote it.
func ParseToken(text string) (Token, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), tokenPrefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 || !idName.MatchString(parts[0]) {
		return Token{}, errToken
	}
	secret, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(secret) != 32 {
		return Token{}, errToken
	}
	root, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(root) != ed25519.PublicKeySize {
		return Token{}, errToken
	}
	return Token{
		ID: parts[0], Password: hex.EncodeToString(derived(secret, "password")), Key: ed25519.NewKeyFromSeed(derived(secret, "sign")), Root: root,
	}, nil
}

var errToken = errors.New("it is no token: one is like " + tokenPrefix + "abc..., whole and without spaces")

// derived is one of two secrets that a token stands for: from neither can the other be found.
func derived(secret []byte, what string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "fortuna token "+what, 32)
	if err != nil {
		panic(err) // of a length that SHA-256 cannot give
	}
	return key
}

// Role is what a grant allows.
type Role string

// The roles.
const (
	Deploy Role = "deploy" // versions and releases of its apps, and their logs
	Admin  Role = "admin"  // everything: nodes and grants too
)

// Roles are all of them.
var Roles = []Role{Deploy, Admin}

// Grant is what the holder of a token may do. The root key of the cluster signs it, so that who can write to the store
// cannot make one.
type Grant struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"` // for people: "ci", "ada"
	Role     Role              `json:"role"`
	Apps     string            `json:"apps"` // a name, one that ends in "*" for all that begin so, or "*"
	Password string            `json:"password"`
	Public   ed25519.PublicKey `json:"public"`
	Created  time.Time         `json:"created"`
	Expires  time.Time         `json:"expires"` // zero: never

	Revoked time.Time `json:"-"` // when it was ended; zero: it was not
}

// NewGrant is that of a token, for so long; 0 is for ever.
func NewGrant(t Token, name string, role Role, apps string, life time.Duration) Grant {
	sum := sha256.Sum256([]byte(t.Password))
	g := Grant{
		ID: t.ID, Name: name, Role: role, Apps: apps, Password: hex.EncodeToString(sum[:]),
		Public: t.Key.Public().(ed25519.PublicKey), Created: time.Now().UTC().Truncate(time.Second),
	}
	if life > 0 {
		g.Expires = g.Created.Add(life)
	}
	return g
}

// Knows reports whether a password is that of the token.
func (g *Grant) Knows(password string) bool {
	sum := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(g.Password)) == 1
}

// Valid reports whether it is, or was, in force at a time.
func (g *Grant) Valid(at time.Time) bool {
	return (g.Expires.IsZero() || at.Before(g.Expires)) && (g.Revoked.IsZero() || at.Before(g.Revoked))
}

// Covers reports whether it is for an app.
func (g *Grant) Covers(app string) bool {
	prefix, open := strings.CutSuffix(g.Apps, "*")
	return g.Role == Admin || g.Apps == app || open && strings.HasPrefix(app, prefix)
}
