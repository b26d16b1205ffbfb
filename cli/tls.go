package cli

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fortunadws/fortuna/edge/tls"
)

// hstsMax is two years, in seconds: what the preload lists of browsers ask for.
const hstsMax = 2 * 365 * 24 * 60 * 60

// tlsTable is [tls] of fortuna.toml; its paths are relative to the file.
type tlsTable struct {
	Cert, Key     string
	More          []tls.Files // of [[tls.certificates]]
	ClientCA      string
	ClientAuth    string // a key of clientAuths, or empty
	Redirect      *int   // port for http that sends everybody to https; nil: none; 0: a free one
	HSTS          int    // seconds; 0: not said
	HandshakesMax int    // 0: the default of edge/tls
	ACME          acmeTable
	at            value // for errors about files
}

var clientAuths = map[string]tls.ClientAuth{"request": tls.RequestClient, "require": tls.RequireClient}

// certificates sets [[tls.certificates]].
func (t *tlsTable) certificates(v value) error {
	list, ok := v.v.([]any)
	if !ok {
		return v.expected("tables [[tls.certificates]] with cert and key")
	}
	t.More, t.at = nil, v
	for _, item := range list {
		table, ok := item.(map[string]any)
		if !ok {
			return v.expected("tables [[tls.certificates]] with cert and key")
		}
		var f tls.Files
		for key, x := range table {
			inner := value{v.doc, append(slices.Clone(v.path), key), x}
			var err error
			switch key {
			case "cert":
				f.Cert, err = inner.text()
			case "key":
				f.Key, err = inner.text()
			default:
				err = inner.wrong("known keys: cert, key", "unknown key %q", inner.key())
			}
			if err != nil {
				return err
			}
		}
		if f.Cert == "" || f.Key == "" {
			return v.wrong("", "%s needs cert and key, each the name of a PEM file", v.key())
		}
		t.More = append(t.More, f)
	}
	return nil
}

func (t *tlsTable) clientAuth(v value) (err error) {
	t.at = v
	if t.ClientAuth, err = v.text(); err == nil && clientAuths[t.ClientAuth] == tls.NoClientAuth {
		err = v.expected(`"request" or "require"`)
	}
	return err
}

// configured reports whether there is a certificate.
func (t *tlsTable) configured() bool { return t.Cert != "" || t.Key != "" || len(t.More) > 0 }

// options are what edge/tls needs for the certificates of the table, whose files are relative to root.
func (t *tlsTable) options(root string) (tls.Config, error) {
	c := tls.Config{Protocols: []string{"h2", "http/1.1"}, HandshakesMax: t.HandshakesMax, ClientAuth: clientAuths[t.ClientAuth]}
	if t.Cert != "" || t.Key != "" {
		if t.Cert == "" || t.Key == "" {
			return c, t.at.wrong("", "[tls] needs both cert and key, each the name of a PEM file")
		}
		c.Certificates = append(c.Certificates, tls.Files{Cert: absolute(root, t.Cert), Key: absolute(root, t.Key)})
	}
	for _, f := range t.More {
		c.Certificates = append(c.Certificates, tls.Files{Cert: absolute(root, f.Cert), Key: absolute(root, f.Key)})
	}
	switch {
	case t.ClientCA != "":
		c.ClientCA = absolute(root, t.ClientCA)
		if t.ClientAuth == "" {
			c.ClientAuth = tls.RequireClient
		}
	case t.ClientAuth != "":
		return c, t.at.wrong(`client_ca = "clients.pem"`, "tls.client_auth needs tls.client_ca, the authorities that sign client certificates")
	}
	return c, nil
}

// open opens the certificates of the table, whose files are relative to root, and those of more, with its protocols.
func (t *tlsTable) open(root string, log *slog.Logger, more tls.Config) (*tls.Server, error) {
	c, err := t.options(root)
	if err != nil {
		return nil, err
	}
	c.Certificates, c.Protocols = append(c.Certificates, more.Certificates...), append(c.Protocols, more.Protocols...)
	c.Source, c.Log = more.Source, log
	s, err := tls.Open(c)
	if err != nil {
		return nil, t.wrong(err)
	}
	return s, nil
}

// hsts is how long browsers shall use https only.
func (t *tlsTable) hsts() time.Duration { return time.Duration(t.HSTS) * time.Second }

// String is what the table says, so that two can be compared.
func (t *tlsTable) String() string {
	redirect := -1
	if t.Redirect != nil {
		redirect = *t.Redirect
	}
	return fmt.Sprint(t.Cert, t.Key, t.More, t.ClientCA, t.ClientAuth, redirect, t.HSTS, t.HandshakesMax, t.ACME)
}

// wrong is an error about a file of the table.
func (t *tlsTable) wrong(err error) error {
	if t.at.doc == nil {
		return refused("", "--https: %v", err)
	}
	return t.at.wrong("", "%v", err)
}
