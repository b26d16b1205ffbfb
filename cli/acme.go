package cli

import (
	cryptotls "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/fortunadws/fortuna/edge/acme"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/tls"
)

// acmeTable is [tls.acme]: hosts whose certificates serve obtains by itself.
type acmeTable struct {
	Hosts     []string
	Email     string
	Directory string // URL of the authority; empty: Let's Encrypt
	Roots     string // PEM file of who the authority's own certificate leads to; empty: the system's
	Storage   string // directory; empty: what the nodes of a cluster share, or one in that of the user's configuration
}

// certifier has the certificates of [tls.acme] signed, once begin was called. A nil one does nothing.
type certifier struct {
	table  *tlsTable
	config acme.Config
	issuer atomic.Pointer[acme.Issuer]
}

// newCertifier is what table asks for, or nil. Paths are relative to root; shared is where nodes keep certificates together, or nil.
func newCertifier(table *tlsTable, root string, shared acme.Storage, getenv func(string) string, log *slog.Logger) (*certifier, error) {
	t := &table.ACME
	if len(t.Hosts) == 0 {
		return nil, nil
	}
	f := &certifier{table: table, config: acme.Config{Hosts: t.Hosts, Directory: t.Directory, Email: t.Email, Log: log}}
	switch {
	case t.Storage != "":
		f.config.Storage = acme.Folder(absolute(root, t.Storage))
	case shared != nil:
		f.config.Storage = shared
	default:
		user, err := userConfigDir(getenv)
		if err != nil {
			return nil, err
		}
		f.config.Storage = acme.Folder(filepath.Join(user, "acme"))
	}
	if t.Roots != "" {
		text, err := os.ReadFile(absolute(root, t.Roots))
		f.config.Roots = x509.NewCertPool()
		if err == nil && !f.config.Roots.AppendCertsFromPEM(text) {
			err = fmt.Errorf("%s holds no certificate", t.Roots)
		}
		if err != nil {
			return nil, table.wrong(fmt.Errorf("tls.acme.roots: %w", err))
		}
	}
	return f, nil
}

// options are what TLS needs for the certificates.
func (f *certifier) options() tls.Config {
	if f == nil {
		return tls.Config{}
	}
	return tls.Config{Source: f.certificate, Protocols: []string{acme.Protocol}}
}

func (f *certifier) certificate(hello *cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
	if i := f.issuer.Load(); i != nil {
		return i.Certificate(hello)
	}
	return nil, errors.New("the server has only begun")
}

// before answers the authority's questions by http, and gives everything else to next.
func (f *certifier) before(next exchange.Handler) exchange.Handler {
	if f == nil {
		return next
	}
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		if i := f.issuer.Load(); i != nil {
			i.Answer(x, next)
		} else {
			next.Serve(x)
		}
	})
}

// begin begins to have the certificates signed, when all of e listens at host.
func (f *certifier) begin(e *entrance, host string) error {
	if f == nil {
		return nil
	}
	c := f.config
	c.Listen, c.TLSPort = host, e.Addr().(*net.TCPAddr).Port
	if e.redirect != nil {
		c.HTTPPort = e.redirect.Addr().(*net.TCPAddr).Port
	}
	i, err := acme.Open(c)
	if err != nil {
		return f.table.wrong(err)
	}
	f.issuer.Store(i)
	return nil
}

func (f *certifier) close() {
	if f == nil {
		return
	}
	if i := f.issuer.Load(); i != nil {
		i.Close()
	}
}
