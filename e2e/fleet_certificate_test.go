package e2e

import (
	cryptotls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Nodes have one certificate signed together, whichever of them the authority asks; a client resumes at one what it began at
// another; and a node that starts while the store is away has the certificate.
func TestFleet_certificate(t *testing.T) {
	f := newFleet(t, 2)
	plain := freeAddresses(t, 2)
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	silent := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	signer := ca.New(silent, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "test"}})
	asked := va.New(silent, portOf(t, plain[1]), portOf(t, f.nodes[1].listen), false, "", store) // the second node, while the first is faster
	front := wfe.New(silent, store, asked, signer, []string{"pebble.test"}, false, false, 1, 1)
	pebble := httptest.NewTLSServer(front.Handler())
	defer pebble.Close()
	for i, n := range f.nodes {
		for name, text := range map[string]string{
			"roots.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pebble.Certificate().Raw})),
			"fortuna.toml": fmt.Sprintf("[tls]\nredirect = %d\n[tls.acme]\nhosts = ['localhost']\ndirectory = '%s'\nroots = 'roots.pem'\n",
				portOf(t, plain[i]), pebble.URL+wfe.DirectoryPath),
		} {
			if err := os.MkdirAll(n.data, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(n.data, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.start()
	trusted := x509.NewCertPool()
	trusted.AddCert(signer.GetRootCert(0).Cert)
	config := &cryptotls.Config{RootCAs: trusted, ServerName: "localhost", ClientSessionCache: cryptotls.NewLRUClientSessionCache(1)}
	visit := func(n *fleetNode) (state cryptotls.ConnectionState, err error) {
		c, err := cryptotls.Dial("tcp", n.listen, config)
		if err != nil {
			return state, err
		}
		defer c.Close()
		// Tickets come behind the handshake: whoever has read an answer has them.
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			return state, err
		}
		_, err = io.Copy(io.Discard, c)
		return c.ConnectionState(), err
	}
	var first *x509.Certificate
	for _, n := range f.nodes {
		soon(t, func() error {
			s, err := visit(n)
			switch {
			case err != nil:
				return err
			case first == nil:
				first = s.PeerCertificates[0]
			case !s.DidResume && !s.PeerCertificates[0].Equal(first):
				return fmt.Errorf("%s has another certificate", n.name)
			}
			return nil
		})
	}
	soon(t, func() error { // keys are exchanged after the start
		for i := range 2 {
			s, err := visit(f.nodes[i])
			if err != nil || i == 1 && !s.DidResume {
				return fmt.Errorf("%s resumes what was begun at the other: %v, %v", f.nodes[i].name, s.DidResume, err)
			}
		}
		return nil
	})
	pebble.Close()
	for _, n := range f.nodes {
		n.crash()
	}
	config.ClientSessionCache = nil
	f.nodes[1].start()
	soon(t, func() error {
		s, err := visit(f.nodes[1])
		if err == nil && !s.PeerCertificates[0].Equal(first) {
			err = fmt.Errorf("it has another certificate")
		}
		return err
	})
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return a.Port
}
