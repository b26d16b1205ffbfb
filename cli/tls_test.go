package cli

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/tls"
)

func TestTLSTable(t *testing.T) {
	for _, tt := range []struct {
		name, toml string
		certs      int
		auth       tls.ClientAuth
		wrong      string
	}{
		{"one", "cert = 'a'\nkey = 'b'", 1, tls.NoClientAuth, ""},
		{"several", "cert = 'a'\nkey = 'b'\n[[tls.certificates]]\ncert = 'c'\nkey = 'd'\n[[tls.certificates]]\ncert = 'e'\nkey = 'f'", 3, tls.NoClientAuth, ""},
		{"clients", "cert = 'a'\nkey = 'b'\nclient_ca = 'c'", 1, tls.RequireClient, ""},
		{"clients, asked", "cert = 'a'\nkey = 'b'\nclient_ca = 'c'\nclient_auth = 'request'", 1, tls.RequestClient, ""},
		{"no key", "cert = 'a'", 0, 0, "fortuna.toml:2:1: [tls] needs both cert and key"},
		{"no key in several", "[[tls.certificates]]\ncert = 'a'", 0, 0, "fortuna.toml:2:7: tls.certificates needs cert and key"},
		{"unknown key in several", "[[tls.certificates]]\ncert = 'a'\nkye = 'b'", 0, 0, `fortuna.toml:4:1: unknown key "tls.certificates.kye"`},
		{"no list", "certificates = 1", 0, 0, "fortuna.toml:2:1: tls.certificates must be tables"},
		{"no authority", "cert = 'a'\nkey = 'b'\nclient_auth = 'require'", 0, 0, "fortuna.toml:4:1: tls.client_auth needs tls.client_ca"},
		{"another way", "client_auth = 'perhaps'", 0, 0, `must be "request" or "require", got the string "perhaps"`},
		{"another key", "cret = 'a'", 0, 0, `unknown key "tls.cret"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, configFile), []byte("[tls]\n"+tt.toml), 0o600); err != nil {
				t.Fatal(err)
			}
			var got tls.Config
			c, err := loadConfig(dir, "")
			if err == nil {
				got, err = c.TLS.options(dir)
			}
			switch {
			case tt.wrong != "":
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v, want %s", err, tt.wrong)
				}
			case err != nil:
				t.Error(err)
			case len(got.Certificates) != tt.certs || got.ClientAuth != tt.auth || got.Certificates[0].Cert != filepath.Join(dir, "a"):
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	for _, tt := range []struct {
		port         int
		method, host string
		target, want string
	}{
		{443, "GET", "a.test", "/x?y=1", "https://a.test/x?y=1"},
		{443, "POST", "a.test:80", "/", "https://a.test/"},
		{8443, "GET", "a.test:8080", "/", "https://a.test:8443/"},
		{8443, "GET", "[::1]:8080", "/", "https://[::1]:8443/"},
		{8443, "GET", "[::1]", "/", "https://[::1]:8443/"},
		{443, "GET", "a.test", "//evil.test/..", "https://a.test//evil.test/.."},
	} {
		s, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", Loops: 1, Handler: redirect(tt.port)})
		if err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(tt.method, "http://"+tt.host+tt.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nc, nil }}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Header.Get("Location"); answer.StatusCode != 308 || got != tt.want {
			t.Errorf("%s%s: got %d, %s, want %s", tt.host, tt.target, answer.StatusCode, got, tt.want)
		}
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenAuthority(t *testing.T) {
	dir := t.TempDir()
	first, made, err := openAuthority(dir)
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	again, made, err := openAuthority(dir)
	if err != nil || made || string(again.Certificate()) != string(first.Certificate()) {
		t.Errorf("the second time: made %v, %v, or another", made, err)
	}
	if made, err := makeAuthority(filepath.Join(dir, authorityFile)); made || err != nil {
		t.Errorf("over another: made %v, %v", made, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.WriteFile(filepath.Join(dir, authorityFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openAuthority(dir); err == nil || !strings.Contains(err.Error(), "is no certificate authority") {
		t.Errorf("got %v", err)
	}
}
