package tls

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFiles_errors(t *testing.T) {
	ca := newIssuer(t, "ca")
	good, other := ca.files("a.test"), ca.files("b.test")
	at := func(when time.Time) Files {
		key := ecKey(t)
		return write(t, t.TempDir(), ca.server(key, when, "a.test"), key)
	}
	text := func(text string) string {
		name := filepath.Join(t.TempDir(), "file.pem")
		replace(t, name, []byte(text))
		return name
	}
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})
	legacy := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("secret"),
	})
	for _, tt := range []struct {
		name string
		f    Files
		want string
	}{
		{"no certificate file", Files{good.Cert + "x", good.Key}, "there is no such file"},
		{"no key file", Files{good.Cert, good.Key + "x"}, "there is no such file"},
		{"a directory", Files{t.TempDir(), good.Key}, "is a directory"},
		{"another's key", Files{good.Cert, other.Key}, "not the key of the first certificate"},
		{"swapped", Files{good.Key, good.Cert}, "holds a private key and no certificate: are the two files swapped?"},
		{"certificate as key", Files{good.Cert, good.Cert}, "holds a certificate and no private key: are the two files swapped?"},
		{"no PEM", Files{text("hello"), good.Key}, "holds no PEM and no certificate"},
		{"encrypted", Files{good.Cert, text(string(locked))}, "the key is encrypted"},
		{"encrypted, old form", Files{good.Cert, text(string(legacy))}, "the key is encrypted"},
		{"broken", Files{text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), good.Key}, "x509"},
		{"expired", at(time.Now().Add(-2 * time.Hour)), "expired on"},
		{"not yet valid", at(time.Now().Add(2 * time.Hour)), "not valid before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(Config{Certificates: []Files{tt.f}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestOpen_errors(t *testing.T) {
	good := newIssuer(t, "ca").files("a.test")
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{}, "no certificate is configured"},
		{Config{Certificates: []Files{good}, ClientAuth: RequireClient}, "without an authority"},
		{Config{Certificates: []Files{good}, ClientAuth: RequestClient, ClientCA: good.Key}, "no certificate"},
		{Config{Certificates: []Files{good}, ClientAuth: RequestClient, ClientCA: "absent"}, "no such file"},
	} {
		if _, err := Open(tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want it to say %q", err, tt.want)
		}
	}
}

func TestAuthority(t *testing.T) {
	a, err := NewAuthority("test", []string{"localhost", "127.0.0.1", "::1", "box"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAuthority(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(again.Hosts(), " "); got != "localhost box 127.0.0.1 ::1" || !again.Valid() {
		t.Errorf("got hosts %s, valid %v", got, again.Valid())
	}
	issued, err := again.Issue()
	if err != nil {
		t.Fatal(err)
	}
	both := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(both, issued, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Files{both, both}.load(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "box"} {
		if err := c.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if err := verifyServer(c.Leaf, a.cert); err != nil {
		t.Error(err)
	}
	// It can sign for nobody else, not even with its key.
	thief := &issuer{t, a.cert, a.key}
	if err := verifyServer(thief.server(ecKey(t), time.Now(), "bank.test"), a.cert); err == nil {
		t.Error("a certificate for another host passes")
	}
	if _, err := ParseAuthority(a.Certificate()); err == nil {
		t.Error("an authority without its key passes")
	}
}
