package tls

import (
	cryptotls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Files name a certificate and its key, both PEM. The certificate's file holds the server's own first and then those
// that lead to an authority.
type Files struct {
	Cert, Key string
}

// load reads a certificate that can be used now.
func (f Files) load(now time.Time) (*cryptotls.Certificate, error) {
	chain, err := readPEM("certificate", f.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readPEM("key", f.Key)
	if err != nil {
		return nil, err
	}
	if blocks := blocksOf(chain); !blocks["CERTIFICATE"] {
		return nil, fmt.Errorf("certificate %q: the file holds %s and no certificate%s", f.Cert, blocks, swapped(blocks.key()))
	}
	if blocks := blocksOf(key); !blocks.key() {
		return nil, fmt.Errorf("key %q: the file holds %s and no private key%s", f.Key, blocks, swapped(blocks["CERTIFICATE"]))
	}
	if encrypted(key) {
		return nil, fmt.Errorf("key %q: the key is encrypted, and nobody is there to type its password: write it without one by openssl pkey -in %s -out plain.pem", f.Key, f.Key)
	}
	c, err := cryptotls.X509KeyPair(chain, key)
	if err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, fmt.Errorf("key %q: it is not the key of the first certificate in %q: give the pair that was made together, the server's own certificate first", f.Key, f.Cert)
		}
		return nil, fmt.Errorf("certificate %q with key %q: %s", f.Cert, f.Key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	switch leaf := c.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("certificate %q: it expired on %s: renew it", f.Cert, date(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("certificate %q: it is not valid before %s and the clock says %s: set the clock or wait", f.Cert, date(leaf.NotBefore), date(now))
	}
	return &c, nil
}

// readPEM reads a file; what names it in errors.
func readPEM(what, file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s %q: there is no such file", what, file)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s %q: this user may not read it", what, file)
	case err != nil:
		return nil, fmt.Errorf("%s %q: %w", what, file, err)
	}
	return text, nil
}

// blocks are the kinds of PEM blocks of a file.
type blocks map[string]bool

func blocksOf(text []byte) blocks {
	kinds := blocks{}
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		kinds[b.Type] = true
	}
	return kinds
}

// key reports whether one of them is a private key.
func (b blocks) key() bool {
	for kind := range b {
		if strings.HasSuffix(kind, "PRIVATE KEY") {
			return true
		}
	}
	return false
}

func (b blocks) String() string {
	switch {
	case len(b) == 0:
		return "no PEM"
	case b.key():
		return "a private key"
	case b["CERTIFICATE"]:
		return "a certificate"
	default:
		return "other PEM"
	}
}

func swapped(is bool) string {
	if is {
		return ": are the two files swapped?"
	}
	return ""
}

func encrypted(key []byte) bool {
	for b, rest := pem.Decode(key); b != nil; b, rest = pem.Decode(rest) {
		if b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// hosts are the names a certificate is for, in lower case.
func hosts(leaf *x509.Certificate) []string {
	names := make([]string, 0, len(leaf.DNSNames))
	for _, n := range leaf.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	return names
}
