package tls

import (
	cryptotls "crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

func verifyServer(leaf, root *x509.Certificate) error {
	pool := x509.NewCertPool()
	pool.AddCert(root)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool})
	return err
}

func TestNames_choose(t *testing.T) {
	ca := newIssuer(t, "ca")
	rsa := rsaKey(t)
	n, err := loadNames([]Files{
		ca.files("first.test"), ca.files("*.b.test", "b.test"), ca.files("x.b.test"),
		write(t, t.TempDir(), ca.server(rsa, time.Now(), "both.test"), rsa), ca.files("both.test"),
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"": "first.test", "first.test": "first.test", "unknown.test": "first.test",
		"b.test": "*.b.test", "y.b.test": "*.b.test", "Y.B.Test": "*.b.test", "y.b.test.": "*.b.test",
		"x.b.test": "x.b.test", "z.y.b.test": "first.test", "both.test": "both.test",
	} {
		c, err := n.choose(&cryptotls.ClientHelloInfo{
			ServerName: host, SupportedVersions: []uint16{cryptotls.VersionTLS13},
			SignatureSchemes: []cryptotls.SignatureScheme{cryptotls.ECDSAWithP256AndSHA256, cryptotls.PSSWithSHA256},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Leaf.Subject.CommonName; got != want {
			t.Errorf("%q gets the certificate of %s, want %s", host, got, want)
		}
	}
	for scheme, want := range map[cryptotls.SignatureScheme]x509.PublicKeyAlgorithm{
		cryptotls.ECDSAWithP256AndSHA256: x509.ECDSA, cryptotls.PSSWithSHA256: x509.RSA,
	} {
		c, err := n.choose(&cryptotls.ClientHelloInfo{
			ServerName: "both.test", SupportedVersions: []uint16{cryptotls.VersionTLS13},
			SignatureSchemes: []cryptotls.SignatureScheme{scheme},
		})
		if err != nil || c.Leaf.PublicKeyAlgorithm != want {
			t.Errorf("a client that checks %v gets %v (%v)", scheme, c.Leaf.PublicKeyAlgorithm, err)
		}
	}
}
