package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// readiness is what a node says that is to have the store, and promoted the answer. It comes when all are ready.
type readiness struct {
	Request []byte `json:"request"`
	Gate    string `json:"gate"`
	Store   string `json:"store"`
}

type promoted struct {
	Certificate []byte `json:"certificate"`
	Authority   []byte `json:"authority"`
	Root        []byte `json:"root"` // the seed of the root key
	Cores       []Seat `json:"cores"`
}

// Accept tells the core at a gate that the node is ready to have the store too, waits until all are that will, and takes the
// root key of the cluster. The node then has the others' promise, and is no core yet.
func (id *Identity) Accept(ctx context.Context, gate string, self Seat) error {
	config, err := id.TLS(true)
	if err != nil {
		return err
	}
	key, request, err := newRequest(id.Name)
	if err != nil {
		return err
	}
	var a promoted
	if err := ask(ctx, gate, corePath, config, readiness{request, self.Gate, self.Store}, &a); err != nil {
		return fmt.Errorf("become a core: %w", err)
	}
	if len(a.Root) != ed25519.SeedSize {
		return errors.New("become a core: the root key has another size")
	}
	root := ed25519.NewKeyFromSeed(a.Root)
	if !id.Root.Equal(root.Public()) {
		return errors.New("become a core: it is not the root key of this cluster")
	}
	if err := errors.Join(id.keepRoot(root), id.keep(a.Authority, a.Certificate, key)); err != nil {
		return fmt.Errorf("become a core: %w", err)
	}
	return id.Change(func(p *Place) { p.Promised, p.Listen, p.Store = a.Cores, self.Gate, self.Store })
}

// Decline forgets a promise that came to nothing, and what was given with it.
func (id *Identity) Decline() error {
	err := os.Remove(id.Path(rootFile))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, id.Change(func(p *Place) { p.Promised = nil }))
}

// promote gives the root key to a member that is to have the store. Promote decides who that is.
func (g *Gate) promote(w http.ResponseWriter, r *http.Request) {
	if g.Promote == nil || len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "only nodes of the cluster come here", http.StatusForbidden)
		return
	}
	name, _ := Peer(r.TLS.PeerCertificates[0])
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it waits for others: Promote says how long
	var ready readiness
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, admissionBytesMax)).Decode(&ready)
	for _, address := range []string{ready.Gate, ready.Store} {
		if err == nil {
			err = checkAddress(address)
		}
	}
	if err != nil {
		http.Error(w, "the request cannot be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := g.entrust(r.Context(), name, ready)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // who has left is missed by the others
}

func (g *Gate) entrust(ctx context.Context, name string, ready readiness) (out promoted, err error) {
	root, err := g.Identity.RootKey()
	if err != nil {
		return out, err
	}
	if out.Authority, err = g.Identity.authority(); err != nil {
		return out, err
	}
	if out.Cores, err = g.Promote(ctx, Seat{name, ready.Gate, ready.Store}); err != nil {
		return out, err
	}
	out.Root = root.Seed()
	out.Certificate, err = issue(root, out.Authority, ready.Request, name, Core)
	return out, err
}

// checkAddress says what speaks against an address that other nodes are to reach.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if ip := net.ParseIP(host); err != nil || n < 1 || n > 65535 || host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("%q is no address that other nodes reach", address)
	}
	return nil
}

// StoreTLS is how the stores of cores know each other, on either side of a connection: a worker's certificate will not do.
func (id *Identity) StoreTLS() (*tls.Config, error) {
	c, err := id.TLS(true)
	if err != nil {
		return nil, err
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the node shows no certificate")
		}
		return state.PeerCertificates[0].VerifyHostname(coreName)
	}
	return c, nil
}

// StoreSecret is what the stores of cores share.
func (id *Identity) StoreSecret() (string, error) {
	root, err := id.RootKey()
	if err != nil {
		return "", err
	}
	return derived(root, "store"), nil
}
