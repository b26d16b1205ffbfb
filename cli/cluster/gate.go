package cluster

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Paths of the gate.
const (
	joinPath  = "/v1/join"
	statePath = "/v1/state"
	corePath  = "/v1/core"
)

// stateProtocol is what a connection to the store is upgraded to.
const stateProtocol = "fortuna-state"

// Gate is where other nodes come in.
type Gate struct {
	Identity *Identity
	// Enrol makes a node known that joins. The error says why not.
	Enrol func(ctx context.Context, name string, role Role) error
	// Member reports whether a node with a certificate is still one.
	Member func(ctx context.Context, name string) bool
	// Carry takes the connection of a node to the store, until it ends; nil: the store is elsewhere.
	Carry func(c net.Conn, name string) error
	// Promote takes note that a member is ready to have the store too, waits until all are that will, and gives them. The
	// error says why not; nil: nobody is promoted here.
	Promote func(ctx context.Context, self Seat) ([]Seat, error)
	Log     *slog.Logger

	tls      atomic.Pointer[tls.Config]
	listener net.Listener
	http     *http.Server

	mu      sync.Mutex
	carried map[net.Conn]string // ways to the store, with the names of their nodes
}

// Open begins to listen at address.
func (g *Gate) Open(address string) error {
	if err := g.Refresh(); err != nil {
		return err
	}
	var err error
	if g.listener, err = net.Listen("tcp", address); err != nil {
		return fmt.Errorf("listen for other nodes: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+joinPath, g.join)
	mux.HandleFunc("GET "+statePath, g.state)
	mux.HandleFunc("POST "+corePath, g.promote)
	g.http = &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug), // of strangers' handshakes
	}
	l := tls.NewListener(g.listener, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return g.tls.Load(), nil },
	})
	go func() { _ = g.http.Serve(l) }() // it ends with Close
	return nil
}

// Refresh has the gate show the certificate that the node has by now.
func (g *Gate) Refresh() error {
	c, err := g.Identity.TLS(false)
	if err == nil {
		c.NextProtos = []string{"http/1.1"}
		g.tls.Store(c)
	}
	return err
}

// Addr is where the gate listens.
func (g *Gate) Addr() net.Addr { return g.listener.Addr() }

// Close ends it, and the connections to the store with their server.
func (g *Gate) Close() {
	if g.http != nil { // it was opened
		_ = g.http.Close()
	}
}

// Drop ends the ways of a node to the store.
func (g *Gate) Drop(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c, of := range g.carried {
		if of == name {
			c.Close()
		}
	}
}

// join lets a node in that has the ticket.
func (g *Gate) join(w http.ResponseWriter, r *http.Request) {
	var a admission
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, admissionBytesMax)).Decode(&a); err != nil {
		http.Error(w, "the request cannot be read", http.StatusBadRequest)
		return
	}
	root, err := g.Identity.RootKey()
	if err != nil {
		http.Error(w, "this node has not the store: the ticket names those that have it", http.StatusServiceUnavailable)
		return
	}
	if subtle.ConstantTimeCompare([]byte(a.Secret), []byte(derived(root, "join"))) != 1 {
		g.Log.Warn("a node came with a wrong ticket", "remote", r.RemoteAddr)
		http.Error(w, "the ticket is not of this cluster, or was replaced", http.StatusForbidden)
		return
	}
	answer, err := g.admit(r.Context(), root, a)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // who has left joins again
}

func (g *Gate) admit(ctx context.Context, root ed25519.PrivateKey, a admission) (out admitted, err error) {
	if err := CheckName(a.Name); err != nil {
		return out, err
	}
	if a.Role != Worker && a.Role != Balancer {
		return out, fmt.Errorf("a node joins as %s or %s, got %q", Worker, Balancer, a.Role)
	}
	if out.Authority, err = g.Identity.authority(); err != nil {
		return out, err
	}
	secrets, err := os.ReadFile(g.Identity.Path(SecretsFile))
	if err != nil {
		return out, err
	}
	out.Secrets = string(secrets)
	out.Cores = g.Identity.Place().Cores
	if out.Certificate, err = issue(root, out.Authority, a.Request, a.Name, a.Role); err != nil {
		return out, err
	}
	return out, g.Enrol(ctx, a.Name, a.Role)
}

// state hands the connection of a member to the store.
func (g *Gate) state(w http.ResponseWriter, r *http.Request) {
	if g.Carry == nil || len(r.TLS.PeerCertificates) == 0 || r.Header.Get("Upgrade") != stateProtocol {
		http.Error(w, "only nodes of the cluster come here", http.StatusForbidden)
		return
	}
	name, _ := Peer(r.TLS.PeerCertificates[0])
	if !g.Member(r.Context(), name) {
		http.Error(w, "the node was removed from the cluster", http.StatusForbidden)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "the connection cannot be taken over", http.StatusInternalServerError)
		return
	}
	c, rw, err := hijacker.Hijack()
	if err != nil {
		g.Log.Warn("a node's way to the store", "node", name, "err", err)
		return
	}
	_ = c.SetDeadline(time.Time{}) // a connection that is over says so itself
	if _, err := c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + stateProtocol + "\r\n\r\n")); err != nil {
		c.Close()
		return
	}
	g.mu.Lock()
	if g.carried == nil {
		g.carried = map[net.Conn]string{}
	}
	g.carried[c] = name
	g.mu.Unlock()
	err = g.Carry(&buffered{c, rw.Reader}, name)
	g.mu.Lock()
	delete(g.carried, c)
	g.mu.Unlock()
	if err != nil {
		g.Log.Debug("a node's way to the store has ended", "node", name, "err", err)
	}
}

// buffered is a connection of which something has been read already.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// Reach opens a connection to the store of the cluster, by a core that has it and answers.
func (id *Identity) Reach(ctx context.Context) (net.Conn, error) {
	config, err := id.TLS(true)
	if err != nil {
		return nil, err
	}
	all := id.gates()
	if len(all) == 0 {
		return nil, errors.New("reach the store of the cluster: the node knows no core")
	}
	var last error
	first := rand.IntN(len(all)) // or all nodes would be at the same core
	for i := range all {
		once, cancel := context.WithTimeout(ctx, coreWithin)
		c, err := reach(once, all[(first+i)%len(all)], config)
		cancel()
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, fmt.Errorf("reach the store of the cluster: %w", last)
}

// coreWithin is how long one core may take to let a node in: there may be others.
const coreWithin = 2 * time.Second

func reach(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	d := tls.Dialer{Config: config}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	q, err := http.NewRequest(http.MethodGet, "https://"+address+statePath, nil)
	if err == nil {
		q.Header.Set("Connection", "Upgrade")
		q.Header.Set("Upgrade", stateProtocol)
		err = q.Write(c)
	}
	in := bufio.NewReader(c)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(in, q)
	}
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = &RefusedError{Address: address, Why: answer.Status}
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &buffered{c, in}, nil
}
