package cli

import (
	"context"
	cryptotls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// What [tls.acme] says leads to a certificate from an authority, here Let's Encrypt's test server.
func TestCertifier(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	https, plain := anyPort(t), anyPort(t)
	silent := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	signer := ca.New(silent, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "test"}})
	front := wfe.New(silent, store, va.New(silent, plain, https, false, "", store), signer, []string{"pebble.test"}, false, false, 1, 1)
	pebble := httptest.NewTLSServer(front.Handler())
	defer pebble.Close()

	dir := t.TempDir()
	for name, text := range map[string]string{
		"roots.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pebble.Certificate().Raw})),
		configFile: fmt.Sprintf("[tls]\nredirect = %d\n[tls.acme]\nhosts = ['localhost']\ndirectory = '%s'\nroots = 'roots.pem'\nstorage = 'acme'\n",
			plain, pebble.URL+wfe.DirectoryPath),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := loadConfig(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	c := edge.Config{
		Loops: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Handler: exchange.HandlerFunc(func(x exchange.Exchange) { answer(x, 200, "text/plain", []byte("hello")) }),
	}
	d := door{host: "127.0.0.1", port: https, https: true}
	if d.certifier, err = newCertifier(&config.TLS, dir, nil, os.Getenv, c.Log); err != nil {
		t.Fatal(err)
	}
	if c.TLS, err = config.TLS.open(dir, c.Log, d.certifier.options()); err != nil {
		t.Fatal(err)
	}
	e, err := d.open(c, &config.TLS, func(string, int) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()

	trusted := x509.NewCertPool()
	trusted.AddCert(signer.GetRootCert(0).Cert)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &cryptotls.Config{RootCAs: trusted, ServerName: "localhost"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, e.Addr().String())
		},
	}}
	defer client.CloseIdleConnections()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // between two questions
		r, err := client.Get("https://localhost/")
		if err == nil {
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != "hello" || r.Body.Close() != nil {
				t.Errorf("got %q, %v", body, err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "acme")); err != nil || len(entries) == 0 {
		t.Errorf("nothing is stored: %v", err)
	}
}

// anyPort is one that nobody listens on: the authority has to know it before the server does.
func anyPort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
