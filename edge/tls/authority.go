package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour // trusted once, by hand
	issuedLife    = 90 * 24 * time.Hour       // far below the 825 days that Apple's systems accept
	clockSkew     = time.Hour                 // of a client whose clock is behind
)

// Authority signs certificates for hosts that no public authority knows, such as localhost. It is limited to the hosts
// it was made for, so that who steals its key can pretend to be nobody else.
type Authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	hosts []string
}

// NewAuthority makes an authority called name for hosts: names and IP addresses.
func NewAuthority(name string, hosts []string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip == nil {
			t.PermittedDNSDomains = append(t.PermittedDNSDomains, h)
		} else {
			t.PermittedIPRanges = append(t.PermittedIPRanges, wholeAddress(ip))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return newAuthority(der, key)
}

func newAuthority(der []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &Authority{cert: cert, key: key, hosts: cert.PermittedDNSDomains}
	for _, r := range cert.PermittedIPRanges {
		a.hosts = append(a.hosts, r.IP.String())
	}
	return a, nil
}

// wholeAddress is the range that holds ip only.
func wholeAddress(ip net.IP) *net.IPNet {
	if v4 := ip.To4(); v4 != nil {
		ip = v4
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))}
}

// ParseAuthority reads what PEM wrote.
func ParseAuthority(text []byte) (*Authority, error) {
	var der []byte
	var key *ecdsa.PrivateKey
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		switch b.Type {
		case "CERTIFICATE":
			der = b.Bytes
		case "PRIVATE KEY":
			k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
			if err != nil {
				return nil, err
			}
			key, _ = k.(*ecdsa.PrivateKey)
		}
	}
	if der == nil || key == nil {
		return nil, errors.New("it holds no certificate with an ECDSA key")
	}
	a, err := newAuthority(der, key)
	if err == nil && !key.PublicKey.Equal(a.cert.PublicKey) {
		err = errors.New("its key is not that of its certificate")
	}
	return a, err
}

// Hosts are those it can sign for.
func (a *Authority) Hosts() []string { return a.hosts }

// Certificate is what clients have to trust, in PEM.
func (a *Authority) Certificate() []byte { return certificatePEM(a.cert.Raw) }

// PEM is certificate and key: whoever reads it can sign.
func (a *Authority) PEM() ([]byte, error) { return pairPEM(a.key, a.cert.Raw) }

// Valid reports whether it can sign certificates for their whole life.
func (a *Authority) Valid() bool { return time.Now().Add(issuedLife).Before(a.cert.NotAfter) }

// Issue signs a certificate of a server for the hosts of the authority, valid for 90 days, and returns it with its key
// in one PEM text.
func (a *Authority) Issue() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: a.hosts[0]}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(issuedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range a.hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return pairPEM(key, der)
}

func pairPEM(key *ecdsa.PrivateKey, der []byte) ([]byte, error) {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(certificatePEM(der), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
