//go:build linux || darwin

package acme_test

import (
	"context"
	cryptotls "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/acme"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/tls"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// authority is Let's Encrypt's test server in this process, which looks for hosts at the ports given.
func authority(t *testing.T, httpPort, tlsPort int) (s *httptest.Server, roots, issued *x509.CertPool) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	silent := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	signer := ca.New(silent, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "test"}})
	front := wfe.New(silent, store, va.New(silent, httpPort, tlsPort, false, "", store), signer, []string{"pebble.test"}, false, false, 1, 1)
	s = httptest.NewTLSServer(front.Handler())
	t.Cleanup(s.Close)
	roots, issued = x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(s.Certificate())
	issued.AddCert(signer.GetRootCert(0).Cert)
	return s, roots, issued
}

var hello = exchange.HandlerFunc(func(x exchange.Exchange) {
	x.Head(200, nil)
	_ = x.Write([]byte("hello")) // fails only when the client is gone
	x.End()
})

func listen(t *testing.T, c edge.Config) *edge.Server {
	c.Addr, c.Loops, c.Log = "127.0.0.1:0", 1, quiet
	s, err := edge.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // it has no error
	return s
}

func port(s *edge.Server) int { return s.Addr().(*net.TCPAddr).Port }

// Both ways to prove that a host is ours, on our own servers, and again from the storage alone.
func TestIssuer(t *testing.T) {
	for _, way := range []string{"HTTP-01", "TLS-ALPN-01"} {
		t.Run(way, func(t *testing.T) {
			n := startNode(t)
			plain, secure := n.plain, n.secure
			pebble, roots, issued := authority(t, port(plain), port(secure))
			c := acme.Config{
				Hosts: []string{"localhost"}, Directory: pebble.URL + wfe.DirectoryPath, Roots: roots,
				Storage: acme.Folder(t.TempDir()), Listen: "127.0.0.1", Log: quiet,
			}
			if way == "HTTP-01" {
				c.HTTPPort = port(plain)
			} else {
				c.TLSPort = port(secure)
			}
			open := func() *acme.Issuer {
				i, err := acme.Open(c)
				if err != nil {
					t.Fatal(err)
				}
				n.issuer.Store(i)
				return i
			}
			before := open()
			first := served(t, secure, issued)
			before.Close()
			pebble.Close()
			defer open().Close()
			if again := served(t, secure, issued); !again.Equal(first) {
				t.Error("the stored certificate is not used")
			}
		})
	}
}

// served is the certificate that a client is shown who trusts roots, once there is one.
func served(t *testing.T, s *edge.Server, roots *x509.CertPool) *x509.Certificate {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		d := cryptotls.Dialer{Config: &cryptotls.Config{RootCAs: roots, ServerName: "localhost"}}
		nc, err := d.DialContext(ctx, "tcp", s.Addr().String())
		if err == nil {
			defer nc.Close()
			return nc.(*cryptotls.Conn).ConnectionState().PeerCertificates[0]
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no certificate: %v", err)
		case <-time.After(20 * time.Millisecond): // a bound on how often is asked
		}
	}
}

// Nodes that share a storage have one certificate signed, whichever of them the authority asks, and it outlives the storage.
func TestShared(t *testing.T) {
	for _, way := range []string{"HTTP-01", "TLS-ALPN-01"} {
		t.Run(way, func(t *testing.T) {
			safe := &folder{Storage: acme.Folder(t.TempDir())}
			var nodes [2]*acmeNode
			for i := range nodes {
				nodes[i] = startNode(t)
			}
			asked := nodes[1] // while the first may be the one that wants it
			pebble, roots, issued := authority(t, port(asked.plain), port(asked.secure))
			var copies [2]string
			open := func(i int) *acme.Issuer {
				n := nodes[i]
				c := acme.Config{
					Hosts: []string{"localhost"}, Directory: pebble.URL + wfe.DirectoryPath, Roots: roots,
					Storage: acme.Shared(safe, copies[i]), Listen: "127.0.0.1", Log: quiet,
				}
				if way == "HTTP-01" {
					c.HTTPPort = port(n.plain)
				} else {
					c.TLSPort = port(n.secure)
				}
				issuer, err := acme.Open(c)
				if err != nil {
					t.Fatal(err)
				}
				n.issuer.Store(issuer)
				return issuer
			}
			for i := range nodes {
				copies[i] = t.TempDir()
				open(i)
				defer func() { nodes[i].issuer.Load().Close() }()
			}
			first := served(t, nodes[0].secure, issued)
			if other := served(t, nodes[1].secure, issued); !other.Equal(first) {
				t.Error("each node has its own certificate")
			}
			// A question that nobody waits for is the app's.
			a, err := http.Get(fmt.Sprintf("http://localhost:%d/.well-known/acme-challenge/x", port(nodes[0].plain)))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Body.Close()
			if body, err := io.ReadAll(a.Body); err != nil || string(body) != "hello" {
				t.Errorf("got %q, %v", body, err)
			}
			safe.away.Store(true)
			pebble.Close()
			for i := range nodes {
				nodes[i].issuer.Load().Close()
				open(i)
				if again := served(t, nodes[i].secure, issued); !again.Equal(first) {
					t.Error("the copy is not used")
				}
			}
		})
	}
}

// folder is a directory as what nodes keep together, which can be away.
type folder struct {
	acme.Storage
	away atomic.Bool
}

func (f *folder) Load(ctx context.Context, name string) (value []byte, written time.Time, err error) {
	if f.away.Load() {
		return nil, written, errors.New("away")
	}
	if value, err = f.Storage.Load(ctx, name); err != nil {
		return nil, written, err
	}
	info, err := f.Storage.Stat(ctx, name)
	return value, info.Modified, err
}

func (f *folder) List(ctx context.Context, dir string) ([]string, error) {
	return f.Storage.List(ctx, dir, true)
}

// acmeNode is a server by https and one by http, whose certificates come from an issuer that may be replaced.
type acmeNode struct {
	issuer        atomic.Pointer[acme.Issuer]
	secure, plain *edge.Server
}

func startNode(t *testing.T) *acmeNode {
	t.Helper()
	n := &acmeNode{}
	server, err := tls.Open(tls.Config{
		Source: func(h *cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
			if i := n.issuer.Load(); i != nil {
				return i.Certificate(h)
			}
			return nil, errors.New("it has only begun")
		},
		Protocols: []string{"http/1.1", acme.Protocol}, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	n.secure = listen(t, edge.Config{Handler: hello, TLS: server})
	n.plain = listen(t, edge.Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if i := n.issuer.Load(); i != nil {
			i.Answer(x, hello)
		} else {
			hello(x)
		}
	})})
	return n
}

func TestOpen_errors(t *testing.T) {
	for _, tt := range []struct {
		c    acme.Config
		want string
	}{
		{acme.Config{TLSPort: 1}, "no host is named"},
		{acme.Config{Hosts: []string{"*.a.test"}, TLSPort: 1}, "without wildcards"},
		{acme.Config{Hosts: []string{"a b"}, TLSPort: 1}, "no certificate can be had"},
		{acme.Config{Hosts: []string{"a.test"}}, "cannot reach us"},
	} {
		if _, err := acme.Open(tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want it to say %q", err, tt.want)
		}
	}
}
