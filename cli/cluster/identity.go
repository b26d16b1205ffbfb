// Package cluster is how nodes know each other: a root key, certificates that it signs, tickets by which a new node is let
// in, and the way by which a node without the store reaches it. It does not know what nodes do for each other.
//
// A data directory holds who a node is: node.json, its certificate and key in node.pem, the cluster's authority in
// authority.pem. Nodes that have the store have root.key too: who reads it is the cluster.
package cluster

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
)

// Role is what a node does.
type Role string

// The roles.
const (
	Core     Role = "core"     // it has the store
	Worker   Role = "worker"   // it uses the store of the cores
	Balancer Role = "balancer" // a worker that runs no apps: it gives every request to others
)

// Files of a data directory.
const (
	identityFile  = "node.json"
	PairFile      = "node.pem"      // certificate and key of the node
	AuthorityFile = "authority.pem" // the certificate that those of all nodes lead to
	rootFile      = "root.key"
	SecretsFile   = "secrets.key" // what secrets are encrypted with, the same on every node
)

// Identity is who a node is, which stays for the life of its data directory, and what it has been given to do.
type Identity struct {
	Name string
	Root ed25519.PublicKey // of the cluster

	dir   string
	mu    sync.Mutex
	place Place
}

// Place is what a node does in the cluster, and where it is reached.
type Place struct {
	Role     Role   `json:"role"`
	Listen   string `json:"listen,omitempty"`   // where other nodes come in, if it has the store
	Forward  string `json:"forward,omitempty"`  // where they send requests
	Store    string `json:"store,omitempty"`    // where the stores of other nodes reach its own, if it shares one
	Cores    []Seat `json:"cores,omitempty"`    // the nodes that have the store, as last known
	Promised []Seat `json:"promised,omitempty"` // those that will have it, this one among them, when a promotion is in force
}

// Seat is a node that has the store, and where it is reached.
type Seat struct {
	Name  string `json:"name"`
	Gate  string `json:"gate"`            // where nodes without the store come in
	Store string `json:"store,omitempty"` // where the stores of others reach its own; "" when it is the only one
}

// Shares reports whether the node has the store together with others.
func (p *Place) Shares() bool { return p.Role == Core && len(p.Cores) > 1 }

// Place is what the node does now.
func (id *Identity) Place() Place {
	id.mu.Lock()
	defer id.mu.Unlock()
	p := id.place
	p.Cores, p.Promised = slices.Clone(p.Cores), slices.Clone(p.Promised)
	return p
}

// Role is that of the node now.
func (id *Identity) Role() Role { return id.Place().Role }

// Change changes what the node does, here and on the disk.
func (id *Identity) Change(change func(*Place)) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	next := id.place
	next.Cores, next.Promised = slices.Clone(next.Cores), slices.Clone(next.Promised)
	change(&next)
	if err := id.save(&next); err != nil {
		return err
	}
	id.place = next
	return nil
}

// kept is an identity as its file has it.
type kept struct {
	Name string            `json:"name"`
	Root ed25519.PublicKey `json:"root"`
	Place
}

var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// CheckName says what speaks against the name of a node.
func CheckName(name string) error {
	if !nodeName.MatchString(name) {
		return fmt.Errorf("the name of a node is 1 to 32 lower-case letters, digits and \"-\": got %q", name)
	}
	return nil
}

// Load reads the identity in a data directory. The error is fs.ErrNotExist when there is none.
func Load(dir string) (*Identity, error) {
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("read who the node is: %s: %w", filepath.Join(dir, identityFile), err)
	}
	if len(k.Root) != ed25519.PublicKeySize || CheckName(k.Name) != nil {
		return nil, fmt.Errorf("read who the node is: %s is not whole", filepath.Join(dir, identityFile))
	}
	return &Identity{Name: k.Name, Root: k.Root, place: k.Place, dir: dir}, nil
}

// save writes the identity: last of all its files, so that a directory has all of it or nothing.
func (id *Identity) save(p *Place) error {
	text, err := json.MarshalIndent(kept{id.Name, id.Root, *p}, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(id.dir, identityFile), append(text, '\n'))
}

// Found makes a new cluster, whose only node this is.
func Found(dir, name string) (*Identity, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	public, root, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	id := &Identity{Name: name, Root: public, place: Place{Role: Core}, dir: dir}
	authority, err := newAuthority(root)
	if err != nil {
		return nil, err
	}
	key, request, err := newRequest(name)
	if err != nil {
		return nil, err
	}
	certificate, err := issue(root, authority, request, name, Core)
	if err != nil {
		return nil, err
	}
	err = errors.Join(id.keepRoot(root), id.keep(authority, certificate, key))
	if err != nil {
		return nil, fmt.Errorf("found a cluster: %w", err)
	}
	return id, id.save(&id.place)
}

// keep writes the certificates.
func (id *Identity) keep(authority, certificate []byte, key []byte) error {
	return errors.Join(
		write(filepath.Join(id.dir, AuthorityFile), certificatePEM(authority)),
		write(filepath.Join(id.dir, PairFile), append(append(certificatePEM(certificate), certificatePEM(authority)...), key...)))
}

// authority is the certificate that those of all nodes lead to.
func (id *Identity) authority() ([]byte, error) {
	text, err := os.ReadFile(id.Path(AuthorityFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", id.Path(AuthorityFile))
	}
	return block.Bytes, nil
}

// keepRoot writes the root key.
func (id *Identity) keepRoot(root ed25519.PrivateKey) error {
	secret, err := x509.MarshalPKCS8PrivateKey(root)
	if err != nil {
		return err
	}
	return write(filepath.Join(id.dir, rootFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// RootKey is the root of the cluster, which only cores have. The error is fs.ErrNotExist elsewhere.
func (id *Identity) RootKey() (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join(id.dir, rootFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", filepath.Join(id.dir, rootFile))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	root, ok := key.(ed25519.PrivateKey)
	if !ok || !id.Root.Equal(root.Public()) {
		return nil, fmt.Errorf("%s is not the root key of this cluster", filepath.Join(id.dir, rootFile))
	}
	return root, nil
}

// TLS is how the node shows itself to others and knows them, on either side of a connection. A client has to have a
// certificate of the cluster only if required.
func (id *Identity) TLS(required bool) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(id.dir, PairFile), filepath.Join(id.dir, PairFile))
	if err != nil {
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(id.dir, AuthorityFile))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(id.dir, AuthorityFile))
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: roots, ClientCAs: roots,
		ServerName: coreName, ClientAuth: tls.VerifyClientCertIfGiven,
	}
	if required {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// Path is that of a file in the data directory.
func (id *Identity) Path(name string) string { return filepath.Join(id.dir, name) }

// Dir is the data directory.
func (id *Identity) Dir() string { return id.dir }

// derived is a secret that every core knows without being told.
func derived(root ed25519.PrivateKey, what string) string {
	key, err := hkdf.Key(sha256.New, root.Seed(), nil, "fortuna cluster "+what, 32)
	if err != nil {
		panic(err) // of a length that SHA-256 cannot give
	}
	return hex.EncodeToString(key)
}

// Prove shows that the node has the root key of the cluster, to who has it too: what it gives depends on the question.
func (id *Identity) Prove(question string) (string, error) {
	root, err := id.RootKey()
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, []byte(derived(root, "proof")))
	h.Write([]byte(question))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Exists reports whether a directory holds a node.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// write makes text the content of a file that only its owner may read: others see the old one or the new one, whole, and it
// is on the disk when write returns.
func write(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
