package tls

import (
	"bytes"
	cryptotls "crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// driver is what drives a session in these tests: it gives it what came in random pieces, and echoes.
type driver struct {
	s      *Session
	nc     net.Conn
	jobs   chan struct{} // progress
	input  chan []byte
	attach int        // after so many bytes of plaintext the session becomes a net.Conn; 0: never; -1: with the first byte
	ended  chan error // why the session ended
	client chan *Session
}

// drive serves one connection with a session of s and returns the client's end.
func drive(t testing.TB, s *Server, attach int) (client net.Conn, d *driver) {
	client, nc := pipe(t)
	d = &driver{
		nc: nc, jobs: make(chan struct{}, 1), input: make(chan []byte), attach: attach,
		ended: make(chan error, 1), client: make(chan *Session, 1),
	}
	d.s = s.Session(client.LocalAddr().(*net.TCPAddr).AddrPort(), func() {
		select {
		case d.jobs <- struct{}{}:
		default:
		}
	})
	quit := make(chan struct{})
	go func() {
		for {
			p := make([]byte, 1+rand.IntN(3000))
			n, err := nc.Read(p)
			select {
			case d.input <- p[:n]:
			case <-quit:
				return
			}
			if err != nil {
				close(d.input)
				return
			}
		}
	}()
	go func() {
		d.ended <- d.run()
		close(quit)
		d.s.Close()
		_ = nc.Close() // the client judges
	}()
	t.Cleanup(func() { _ = client.Close() }) // again, perhaps
	if err := client.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client, d
}

// pipe is a connection, both ends; unlike net.Pipe it holds what nobody reads yet.
func pipe(t testing.TB) (client, server net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func (d *driver) run() error {
	shaken, total := false, 0
	for {
		select {
		case <-d.jobs:
		case p, ok := <-d.input:
			if !ok {
				return io.ErrUnexpectedEOF
			}
			d.s.Feed(p)
			if d.attach < 0 {
				return d.carry()
			}
		}
		if !shaken {
			out, done, err := d.s.Progress()
			if len(out) > 0 {
				if _, err := d.nc.Write(out); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			if shaken = done; !done {
				continue
			}
			d.client <- d.s
		}
		for {
			p := make([]byte, 1+rand.IntN(20000))
			n, err := d.s.Read(p)
			if n > 0 {
				total += n
				out, err := d.s.Seal(nil, p[:n])
				if err == nil {
					_, err = d.nc.Write(out)
				}
				if err != nil {
					return err
				}
			}
			if d.attach > 0 && total >= d.attach {
				return d.carry()
			}
			if errors.Is(err, ErrMore) {
				break
			}
			if err != nil {
				if _, werr := d.nc.Write(d.s.CloseWrite(nil)); werr != nil {
					return werr
				}
				return err
			}
		}
		d.s.Keep()
	}
}

// carry echoes the rest over an ordinary connection.
func (d *driver) carry() error {
	nc, err := d.s.Attach(&socket{d.nc, d.input, nil})
	if err != nil {
		return err
	}
	if _, err := io.Copy(nc, nc); err != nil {
		return err
	}
	return io.EOF
}

// socket reads from what the driver's reader gives.
type socket struct {
	net.Conn
	input chan []byte
	rest  []byte
}

func (s *socket) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		var ok bool
		if s.rest, ok = <-s.input; !ok {
			return 0, io.EOF
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (i *issuer) clientConfig(host string) *cryptotls.Config {
	return &cryptotls.Config{RootCAs: i.pool(), ServerName: host, NextProtos: []string{"h2", "http/1.1"}}
}

func TestSession_echo(t *testing.T) {
	ca := newIssuer(t, "ca")
	s := open(t, Config{Certificates: []Files{ca.files("a.test")}})
	for _, version := range []uint16{cryptotls.VersionTLS12, cryptotls.VersionTLS13} {
		for _, attach := range []int{0, -1, 1, 100_000} {
			t.Run(cryptotls.VersionName(version), func(t *testing.T) {
				nc, d := drive(t, s, attach)
				config := ca.clientConfig("a.test")
				config.MaxVersion = version
				c := cryptotls.Client(nc, config)
				want := make([]byte, 300_000)
				for i := range want {
					want[i] = byte(rand.Int())
				}
				go func() {
					for p := want; len(p) > 0; {
						n := min(len(p), 1+rand.IntN(40_000))
						if _, err := c.Write(p[:n]); err != nil {
							return // the reader judges
						}
						p = p[n:]
					}
				}()
				got := make([]byte, len(want))
				if _, err := io.ReadFull(c, got); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Error("the echo differs")
				}
				if attach < 0 {
					d.client <- d.s
				}
				if p := (<-d.client).Protocol(); p != "http/1.1" {
					t.Errorf("got protocol %q", p)
				}
				if err := c.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				if n, err := c.Read(got); n != 0 || err != io.EOF {
					t.Errorf("after close_notify: got %d bytes, %v", n, err)
				}
				if err := <-d.ended; err != io.EOF {
					t.Errorf("ended with %v", err)
				}
			})
		}
	}
}

func TestSession_oldVersion(t *testing.T) {
	ca := newIssuer(t, "ca")
	nc, _ := drive(t, open(t, Config{Certificates: []Files{ca.files("a.test")}}), 0)
	config := ca.clientConfig("a.test")
	config.MinVersion, config.MaxVersion = cryptotls.VersionTLS10, cryptotls.VersionTLS11
	if err := cryptotls.Client(nc, config).Handshake(); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestSession_garbage(t *testing.T) {
	ca := newIssuer(t, "ca")
	s := open(t, Config{Certificates: []Files{ca.files("a.test")}})
	for _, tt := range []struct {
		name, sent string
		want       error
	}{
		{"HTTP", "GET / HTTP/1.1\r\n", ErrPlain},
		{"no record", "\x00\x01\x02", ErrHello},
		{"too long", "\x16\x03\x01\xff\xff", ErrHello},
		{"no hello", "\x16\x03\x01\x00\x04abcd", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nc, d := drive(t, s, 0)
			go func() { _, _ = io.Copy(io.Discard, nc) }() // an alert, perhaps
			for i := range len(tt.sent) {
				if _, err := io.WriteString(nc, tt.sent[i:i+1]); err != nil {
					break // the verdict came before the end
				}
			}
			if err := <-d.ended; err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("a broken record", func(t *testing.T) {
		nc, d := drive(t, s, 0)
		c := cryptotls.Client(nc, ca.clientConfig("a.test"))
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, nc) }() // the alert
		if _, err := nc.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32))); err != nil {
			t.Fatal(err)
		}
		if err := <-d.ended; err == nil || err == io.EOF || errors.Is(err, ErrMore) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A peer that stops in the middle of its handshake keeps nobody else from theirs, and Close frees it.
func TestSession_stalled(t *testing.T) {
	ca := newIssuer(t, "ca")
	s := open(t, Config{Certificates: []Files{ca.files("a.test")}, HandshakesMax: 1})
	stalled, d := drive(t, s, 0)
	go func() { _ = cryptotls.Client(halfDeaf{stalled}, ca.clientConfig("a.test")).Handshake() }() // never ends well
	buf := make([]byte, 1)
	if _, err := io.ReadFull(stalled, buf); err != nil { // the server's first flight: it waits for the client's
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, stalled) }() // the rest of it
	for range 3 {
		nc, _ := drive(t, s, 0)
		if err := cryptotls.Client(nc, ca.clientConfig("a.test")).Handshake(); err != nil {
			t.Fatal(err)
		}
	}
	_ = stalled.Close() // its deadline would tell otherwise
	<-d.ended
	<-d.s.wire.shake.over
	if _, _, err := d.s.Progress(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want that it was closed", err)
	}
}

// halfDeaf never hears an answer.
type halfDeaf struct{ net.Conn }

func (h halfDeaf) Read([]byte) (int, error) { select {} }

// resumes reports whether a client that has been at first resumes its session at second.
func resumes(t *testing.T, config *cryptotls.Config, first, second *Server) bool {
	config.ClientSessionCache = cryptotls.NewLRUClientSessionCache(1)
	var did bool
	for _, s := range []*Server{first, second} {
		nc, _ := drive(t, s, 0)
		c := cryptotls.Client(nc, config)
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // the tickets come before it
			t.Fatal(err)
		}
		did = c.ConnectionState().DidResume
		_ = nc.Close()
	}
	return did
}

func TestServer_tickets(t *testing.T) {
	ca := newIssuer(t, "ca")
	f := ca.files("a.test")
	a, b := open(t, Config{Certificates: []Files{f}}), open(t, Config{Certificates: []Files{f}})
	if !resumes(t, ca.clientConfig("a.test"), a, a) {
		t.Error("a session is not resumed at the same server")
	}
	if resumes(t, ca.clientConfig("a.test"), a, b) {
		t.Error("a session is resumed at a server with other keys")
	}
	keys := [][32]byte{newTicketKey(), newTicketKey()}
	a.SetTicketKeys(keys[1:])
	b.SetTicketKeys(keys)
	if !resumes(t, ca.clientConfig("a.test"), a, b) {
		t.Error("a session is not resumed at a server that has its key")
	}
	b.rotate(time.Now().Add(10 * ticketKeyAge))
	if !resumes(t, ca.clientConfig("a.test"), a, b) {
		t.Error("keys that were given are rotated by the server itself")
	}
}

func TestServer_ticketsRotate(t *testing.T) {
	ca := newIssuer(t, "ca")
	s := open(t, Config{Certificates: []Files{ca.files("a.test")}})
	for days, want := range []bool{true, true, true, false} {
		config := ca.clientConfig("a.test")
		resumes(t, config, s, s)
		for range days {
			s.rotate(s.tickets.made.Add(ticketKeyAge))
		}
		nc, _ := drive(t, s, 0)
		c := cryptotls.Client(nc, config)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().DidResume; got != want {
			t.Errorf("a ticket is resumed %d rotations later: %v, want %v", days, got, want)
		}
	}
}

func TestServer_clients(t *testing.T) {
	ca, clients, strangers := newIssuer(t, "ca"), newIssuer(t, "clients"), newIssuer(t, "strangers")
	caFile := t.TempDir() + "/clients.pem"
	replace(t, caFile, certificatePEM(clients.cert.Raw))
	good, bad := clients.client("alice"), strangers.client("mallory")
	for _, tt := range []struct {
		name     string
		how      ClientAuth
		cert     *cryptotls.Certificate
		version  uint16
		served   bool
		subject  string
		verified bool
	}{
		{"never asked", NoClientAuth, &good, cryptotls.VersionTLS13, true, "", false},
		{"requested, none", RequestClient, nil, cryptotls.VersionTLS13, true, "", false},
		{"requested, good", RequestClient, &good, cryptotls.VersionTLS13, true, "CN=alice", true},
		{"requested, bad", RequestClient, &bad, cryptotls.VersionTLS13, true, "CN=mallory", false},
		{"required, none", RequireClient, nil, cryptotls.VersionTLS13, false, "", false},
		{"required, good", RequireClient, &good, cryptotls.VersionTLS13, true, "CN=alice", true},
		{"required, good, TLS 1.2", RequireClient, &good, cryptotls.VersionTLS12, true, "CN=alice", true},
		{"required, bad", RequireClient, &bad, cryptotls.VersionTLS13, false, "", false},
		{"required, bad, TLS 1.2", RequireClient, &bad, cryptotls.VersionTLS12, false, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Certificates: []Files{ca.files("a.test")}, ClientAuth: tt.how}
			if tt.how != NoClientAuth {
				c.ClientCA = caFile
			}
			nc, d := drive(t, open(t, c), 0)
			config := ca.clientConfig("a.test")
			config.MaxVersion = tt.version
			if tt.cert != nil {
				config.GetClientCertificate = func(*cryptotls.CertificateRequestInfo) (*cryptotls.Certificate, error) {
					return tt.cert, nil // whatever the server accepts
				}
			}
			client := cryptotls.Client(nc, config)
			_, err := client.Write([]byte("x"))
			if err == nil {
				_, err = io.ReadFull(client, make([]byte, 1))
			}
			if served := err == nil; served != tt.served {
				t.Fatalf("served %v (%v), want %v", served, err, tt.served)
			}
			if !tt.served {
				return
			}
			got := (<-d.client).Client()
			switch {
			case tt.subject == "" && got != nil:
				t.Errorf("got %+v, want nothing", got)
			case tt.subject != "" && (got == nil || got.Subject != tt.subject || got.Verified != tt.verified || len(got.Fingerprint) != 64):
				t.Errorf("got %+v, want %s, %v", got, tt.subject, tt.verified)
			}
		})
	}
}

// Who is no longer trusted does not come back by resuming.
func TestServer_clientsResume(t *testing.T) {
	ca, clients, others := newIssuer(t, "ca"), newIssuer(t, "clients"), newIssuer(t, "others")
	caFile := t.TempDir() + "/clients.pem"
	replace(t, caFile, certificatePEM(clients.cert.Raw))
	s := open(t, Config{
		Certificates: []Files{ca.files("a.test")}, ClientAuth: RequireClient, ClientCA: caFile, PollEvery: time.Hour,
	})
	config := ca.clientConfig("a.test")
	config.Certificates = []cryptotls.Certificate{clients.client("alice")}
	if !resumes(t, config, s, s) {
		t.Fatal("the session is not resumed")
	}
	replace(t, caFile, certificatePEM(others.cert.Raw))
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	nc, _ := drive(t, s, 0)
	c := cryptotls.Client(nc, config)
	_, err := c.Write([]byte("x"))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	if err == nil {
		t.Error("a client of a former authority is served")
	}
}

func TestServer_reload(t *testing.T) {
	ca := newIssuer(t, "ca")
	f := ca.files("a.test")
	log := &lines{got: make(chan string, 16)}
	s := open(t, Config{Certificates: []Files{f}, PollEvery: 5 * time.Millisecond, Log: log.logger()})
	shown := func() *x509.Certificate {
		nc, _ := drive(t, s, 0)
		c := cryptotls.Client(nc, ca.clientConfig("a.test"))
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().PeerCertificates[0]
	}
	first := shown()
	replace(t, f.Cert, []byte("half a file"))
	log.wait(t, "not used")
	if !shown().Equal(first) {
		t.Error("a bad file changes what is shown")
	}
	key := ecKey(t)
	next := ca.server(key, time.Now(), "a.test")
	write(t, t.TempDir(), next, key)
	replaced := write(t, strings.TrimSuffix(f.Cert, "/cert.pem"), next, key)
	if replaced != f {
		t.Fatal("the test replaces other files")
	}
	log.wait(t, "reloaded")
	if !shown().Equal(next) {
		t.Error("the new certificate is not shown")
	}
}
