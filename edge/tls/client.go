package tls

import (
	"crypto/sha256"
	cryptotls "crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// ClientAuth says whether clients are asked for a certificate.
type ClientAuth uint8

// The ways to ask.
const (
	NoClientAuth  ClientAuth = iota // never
	RequestClient                   // asked, and served with a bad one or without; the handler judges
	RequireClient                   // only a client with a certificate of a known authority is served
)

// loadAuthorities reads those whose client certificates count.
func loadAuthorities(file string) (*x509.CertPool, error) {
	text, err := readPEM("client CA", file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client CA %q: the file holds %s and no certificate", file, blocksOf(text))
	}
	return pool, nil
}

// ask makes c ask for certificates. They are checked here and not by crypto/tls, so that one that is only requested
// may be bad, and so that a resumed session is checked against the authorities of today.
func ask(c *cryptotls.Config, how ClientAuth, roots *x509.CertPool) {
	c.ClientCAs = roots
	c.ClientAuth = cryptotls.RequestClientCert
	if how == RequireClient {
		c.ClientAuth = cryptotls.RequireAnyClientCert
		c.VerifyConnection = func(state cryptotls.ConnectionState) error {
			return verify(state.PeerCertificates, roots)
		}
	}
}

// verify reports why a client's chain does not lead to one of roots.
func verify(chain []*x509.Certificate, roots *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("the client shows no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
}

// clientOf is what a client showed of itself, or nil.
func (s *Server) clientOf(state cryptotls.ConnectionState) *exchange.Client {
	chain := state.PeerCertificates
	if len(chain) == 0 {
		return nil
	}
	sum := sha256.Sum256(chain[0].Raw)
	return &exchange.Client{
		Subject: chain[0].Subject.String(), Issuer: chain[0].Issuer.String(),
		Fingerprint: hex.EncodeToString(sum[:]), Verified: verify(chain, s.current.Load().ClientCAs) == nil,
	}
}
