package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// secured measures the same answer over TLS that the workload hello gets in the clear, from fortuna and nginx in turn, with
// one certificate (ECDSA P-256) for both.
func secured(ctx context.Context, b *bench) ([]figure, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	w := workloadOf("hello")
	var names []string
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.close()
		}
	}()
	for _, p := range []peer{securedFortuna(), securedNginx()} {
		dir, err := b.securedSite(ctx, filepath.Join("secured", p.name), certificate)
		if err != nil {
			return nil, err
		}
		s, err := b.start(ctx, p, dir, b.serverCPU)
		if err != nil {
			return nil, err
		}
		servers, names = append(servers, s), append(names, p.name)
	}
	script, err := b.script(w, 0)
	if err != nil {
		return nil, err
	}
	cpu, p99 := make([][]float64, len(servers)), make([][]float64, len(servers))
	var ratios []float64
	for round := range b.rounds + 1 { // round 0 warms up
		var now [2]float64
		for i, s := range servers {
			before, err := s.cpu()
			if err != nil {
				return nil, err
			}
			l, err := b.press(ctx, "https://"+s.addr()+"/", script, b.connections)
			if err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", s.name, err, s.log())
			}
			after, err := s.cpu()
			if err != nil {
				return nil, err
			}
			now[i] = float64(after-before) / float64(time.Microsecond) / float64(l.requests)
			if round > 0 {
				cpu[i], p99[i] = append(cpu[i], now[i]), append(p99[i], milliseconds(l.p99))
			}
		}
		if round > 0 {
			ratios = append(ratios, now[0]/now[1])
			b.say("secured %d/%d %.1f us CPU/request fortuna, %.1f nginx", round, b.rounds, now[0], now[1])
		}
	}
	figures := []figure{figure{Name: "CPU a request, fortuna / nginx", Goal: 1.3}.over(ratios)}
	for i, name := range names {
		figures = append(figures,
			figure{Name: name + ": CPU a request", Unit: "us"}.over(cpu[i]),
			figure{Name: name + ": p99", Unit: "ms"}.over(p99[i]))
	}
	return figures, nil
}

// securedSite is a folder with hello as the app and the certificate beside it, which fortuna.toml names.
func (b *bench) securedSite(ctx context.Context, name string, certificate []byte) (string, error) {
	source, err := b.bundle(ctx, workloadOf("hello"))
	if err != nil {
		return "", err
	}
	dir, err := b.site(name, source)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "both.pem"), certificate, 0o600); err != nil {
		return "", err
	}
	config := "[tls]\ncert = \"both.pem\"\nkey = \"both.pem\"\n[admin]\nlisten = \"\"\n"
	return dir, os.WriteFile(filepath.Join(dir, "fortuna.toml"), []byte(config), 0o644)
}

func securedFortuna() peer {
	p := fortunaPeer()
	p.args = []string{"serve", ".", "--listen", "127.0.0.1:{{.Port}}", "--log-level", "error", "--ready-file", "ready"}
	return p
}

func securedNginx() peer {
	p := peerOf("nginx")
	p.files = map[string]string{"nginx.conf": "nginx_tls.conf.tmpl"}
	return p
}

// selfSigned is a certificate for 127.0.0.1 with its key, in PEM.
func selfSigned() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

// dialSecured connects by TLS without asking whose certificate it is, which is not the question.
func dialSecured(addr string) (net.Conn, error) {
	return tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
}
