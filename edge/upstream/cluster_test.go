//go:build linux || darwin

package upstream_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	cryptotls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/forwarded"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/tls"
	"github.com/fortunadws/fortuna/edge/upstream"
)

var quiet = slog.New(slog.DiscardHandler)

// authority signs the certificates of a cluster.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // the certificate, in PEM
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cluster"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue is a certificate for a node, which it shows as server and as client, and its file.
func (a *authority) issue(t testing.TB, name string) (cryptotls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, like, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	file := filepath.Join(t.TempDir(), name+".pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return cryptotls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// config is what a node called name has to connect to others.
func (a *authority) config(t testing.TB, name string) *cryptotls.Config {
	cert, _ := a.issue(t, name)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &cryptotls.Config{Certificates: []cryptotls.Certificate{cert}, RootCAs: roots, MinVersion: cryptotls.VersionTLS13}
}

const bodyBytesMax = 128 << 20

// limits are those of listeners in tests: the body is as large as the tests need.
func limits() edge.Limits {
	h := http1.DefaultLimits()
	h.BodyBytesMax = bodyBytesMax
	return edge.Limits{HTTP: h}
}

// meshLimits are those of a listener for nodes.
func meshLimits() edge.Limits {
	m := limits()
	m.HTTP.HeaderBytesMax += 1 << 10
	m.HTTP.HeaderCountMax += 3
	m.StreamsMax, m.ResetsMax, m.PerIPMax = 1000, -1, -1
	return m
}

// node is one that can be forwarded to.
type node struct {
	*edge.Server
	upstream.Node
}

// startNode starts a node whose app is handler.
func (a *authority) startNode(t testing.TB, name string, handler exchange.Handler) *node {
	t.Helper()
	_, file := a.issue(t, name)
	secure, err := tls.Open(tls.Config{
		Certificates: []tls.Files{{Cert: file, Key: file}}, ClientCA: a.file, ClientAuth: tls.RequireClient,
		Protocols: []string{"h2", "http/1.1"}, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(secure.Close)
	s := start(t, edge.Config{
		Handler: upstream.Receiver(handler), TLS: secure, Limits: meshLimits(),
		Proxies: &forwarded.Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}},
	})
	return &node{s, upstream.Node{Name: name, Address: s.Addr().String(), Seen: time.Now().Add(time.Hour)}} // nobody's heart beats here
}

// start starts a server on a free port of loopback.
func start(t testing.TB, c edge.Config) *edge.Server {
	t.Helper()
	c.Addr, c.Log = "127.0.0.1:0", quiet
	if c.Limits == (edge.Limits{}) {
		c.Limits = limits()
	}
	s, err := edge.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// openPool is a pool with nodes.
func (a *authority) openPool(t testing.TB, c upstream.Config, nodes ...*node) *upstream.Pool {
	t.Helper()
	c.Self, c.TLS, c.Log = "front", a.config(t, "front"), quiet
	p, err := upstream.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for _, n := range nodes {
		if err := p.Update(n.Node); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// forwarding answers nothing itself.
func forwarding(p *upstream.Pool) exchange.Handler {
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		upstream.Strip(x.Request())
		p.Forward(x, "shop", "")
	})
}

// answering answers with body.
func answering(body string) exchange.Handler {
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		x.Head(200, []exchange.Field{{Name: "Content-Type", Value: "text/plain"}})
		_ = x.Write([]byte(body))
		x.End()
	})
}

// front is a pool with nodes behind a public server, whose address it is.
func (a *authority) front(t testing.TB, c upstream.Config, nodes ...*node) (*upstream.Pool, string) {
	t.Helper()
	p := a.openPool(t, c, nodes...)
	return p, start(t, edge.Config{Handler: forwarding(p)}).Addr().String()
}

// ask sends one request, written out, and reads its answer.
func ask(t testing.TB, addr, request string) (*http.Response, string) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	method := request[:3]
	if method == "HEA" {
		method = "HEAD"
	}
	r, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}
