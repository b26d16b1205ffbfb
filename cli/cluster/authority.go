package cluster

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	nodeLife      = 5 * 365 * 24 * time.Hour // a node that is removed is refused by name, whatever its certificate says
	clockSkew     = time.Hour
	coreName      = "core.fortuna" // of every node that has the store, besides its own name: where any of them will do
)

// newAuthority makes the certificate that those of all nodes lead to.
func newAuthority(root ed25519.PrivateKey) ([]byte, error) {
	now := time.Now()
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: "fortuna cluster"}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return x509.CreateCertificate(rand.Reader, t, t, root.Public(), root)
}

// newRequest makes a key, in PEM, and asks for a certificate of it.
func newRequest(name string) (key, request []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, private)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), request, err
}

// issue signs the certificate of a node. Of the request only its key counts.
func issue(root ed25519.PrivateKey, authority, request []byte, name string, role Role) ([]byte, error) {
	r, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("the request for a certificate: %w", err)
	}
	if k, ok := r.PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		return nil, errors.New("the request for a certificate: its key is not of P-256")
	}
	parent, err := x509.ParseCertificate(authority)
	if err != nil {
		return nil, err
	}
	names := []string{name}
	if role == Core {
		names = append(names, coreName)
	}
	now := time.Now()
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, OrganizationalUnit: []string{string(role)}},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(nodeLife), DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	return x509.CreateCertificate(rand.Reader, t, parent, r.PublicKey, root)
}

// Peer is the node that a verified certificate is of.
func Peer(c *x509.Certificate) (name string, role Role) {
	if len(c.Subject.OrganizationalUnit) == 1 {
		role = Role(c.Subject.OrganizationalUnit[0])
	}
	return c.Subject.CommonName, role
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
