// Package acme has certificates for public hosts signed, and renewed in time, by an authority that speaks ACME
// (RFC 8555). It proves that a host is ours by answers on connections that somebody else accepts, and knows neither
// sockets nor where its storage is.
//
// An authority asks over http for a file (HTTP-01), which Answer gives, or for a certificate with a token in it
// (TLS-ALPN-01, RFC 8737), which Certificate gives.
package acme

import (
	"context"
	cryptotls "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Protocol is what a server's TLS has to offer by ALPN for TLS-ALPN-01.
const Protocol = "acme-tls/1"

// Config says for which hosts, from whom, and how the authority reaches us.
type Config struct {
	Hosts     []string       // names; no wildcards, which only DNS can prove
	Directory string         // URL of the authority; empty: Let's Encrypt
	Email     string         // whom the authority may write to; may be empty
	Roots     *x509.CertPool // who the authority's own certificate leads to; nil: the system's
	Storage   Storage        // nodes that share it obtain each certificate once
	Listen    string         // host that the ports below are on; empty: all addresses
	HTTPPort  int            // on which Answer is asked; 0: no HTTP-01
	TLSPort   int            // on which Certificate is asked; 0: no TLS-ALPN-01
	Log       *slog.Logger   // nil: slog.Default()
}

// Issuer keeps the certificates of its hosts. Its methods may be called from anywhere.
type Issuer struct {
	config *certmagic.Config
	cache  *certmagic.Cache
	proofs proofs
	cancel context.CancelFunc
}

// Open loads the certificates that the storage has and begins to obtain the others, until Close. The ports must be
// listened on already: what nobody listens on would be taken.
func Open(c Config) (*Issuer, error) {
	if len(c.Hosts) == 0 {
		return nil, errors.New("acme: no host is named: give those that certificates are for")
	}
	for _, h := range c.Hosts {
		if strings.Contains(h, "*") || !certmagic.SubjectQualifiesForCert(h) {
			return nil, fmt.Errorf("acme: no certificate can be had for %q: give the full name of a host, without wildcards", h)
		}
	}
	if c.HTTPPort == 0 && c.TLSPort == 0 {
		return nil, errors.New("acme: the authority cannot reach us: give a port for HTTP-01 or TLS-ALPN-01")
	}
	if c.Directory == "" {
		c.Directory = certmagic.LetsEncryptProductionCA
	}
	log := c.Log
	if log == nil {
		log = slog.Default()
	}
	logger := zap.New(&bridge{log: log})
	i := &Issuer{}
	i.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return i.config, nil },
		Logger:           logger,
	})
	i.config = certmagic.New(i.cache, certmagic.Config{Storage: c.Storage, Logger: logger})
	issuer := certmagic.NewACMEIssuer(i.config, certmagic.ACMEIssuer{
		CA: c.Directory, Email: c.Email, Agreed: true, TrustedRoots: c.Roots, ListenHost: c.Listen,
		DisableHTTPChallenge: c.HTTPPort == 0, AltHTTPPort: c.HTTPPort,
		DisableTLSALPNChallenge: c.TLSPort == 0, AltTLSALPNPort: c.TLSPort,
		Logger: logger,
	})
	i.config.Issuers = []certmagic.Issuer{issuer}
	var ctx context.Context
	ctx, i.cancel = context.WithCancel(context.Background())
	i.proofs = newProofs(ctx, issuer, c.Hosts)
	if err := i.config.ManageAsync(ctx, c.Hosts); err != nil {
		i.Close()
		return nil, fmt.Errorf("acme: %w", err)
	}
	return i, nil
}

// Close stops obtaining and renewing.
func (i *Issuer) Close() {
	i.cancel()
	i.cache.Stop()
}

// Certificate is the one for the host that hello names, or that which proves to the authority that the host is ours. It
// does not wait for one that is being obtained.
func (i *Issuer) Certificate(hello *cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
	return i.config.GetCertificate(hello)
}
