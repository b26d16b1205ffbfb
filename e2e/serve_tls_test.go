package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// writeCertificate writes a certificate for 127.0.0.1 with this serial number, and its key, to one file.
func writeCertificate(t *testing.T, path string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, like, like, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	part := path + ".part"
	if err := os.WriteFile(part, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, path); err != nil { // as renewal tools do
		t.Fatal(err)
	}
}

// A certificate that is replaced under load is shown soon, and no request fails.
func TestServe_certificateSwap(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "both.pem")
	writeCertificate(t, file, 1)
	logged := make(chan string, 100_000)
	_, url := startServe(t, fmt.Sprintf("[tls]\ncert = %q\nkey = %q\n[log]\naccess = false\n", file, file), `export default () => new Response("ok");`, logged)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var serial, answered atomic.Int64
	ended := make(chan error, 4)
	for i := range cap(ended) {
		go func() {
			config := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { // it is the server's own
				serial.Store(s.PeerCertificates[0].SerialNumber.Int64())
				return nil
			}}
			// Half of them begin a connection for each request; the others keep theirs.
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: i%2 == 0, ForceAttemptHTTP2: true}}
			for ctx.Err() == nil {
				answer, err := client.Get(url)
				if err != nil {
					ended <- err
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if err != nil || answer.StatusCode != 200 {
					ended <- fmt.Errorf("%s: %w", answer.Status, err)
					return
				}
				answered.Add(1)
			}
			ended <- nil
		}()
	}
	for next := int64(2); next <= 3; next++ {
		writeCertificate(t, file, next)
		for deadline := time.Now().Add(patience); serial.Load() != next; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the certificate shown is number %d, want %d", serial.Load(), next)
			}
		}
	}
	stop()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d requests", answered.Load())
}
