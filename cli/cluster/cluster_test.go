package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cluster is a core with its gate.
type testCluster struct {
	*Gate
	t       *testing.T
	dir     string
	ticket  Ticket
	mu      sync.Mutex
	members map[string]Role
	removed map[string]bool
}

func found(t *testing.T) *testCluster {
	t.Helper()
	c := &testCluster{t: t, dir: t.TempDir(), members: map[string]Role{}, removed: map[string]bool{}}
	id, err := Found(filepath.Join(c.dir, "core"), "core")
	if err == nil {
		err = os.WriteFile(id.Path(SecretsFile), []byte("the key of secrets\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Gate = &Gate{
		Identity: id, Log: slog.New(slog.DiscardHandler),
		Enrol: func(_ context.Context, name string, role Role) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if _, ok := c.members[name]; ok {
				return errors.New("there is one of that name")
			}
			c.members[name] = role
			return nil
		},
		Member: func(_ context.Context, name string) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return !c.removed[name]
		},
		Carry: func(k net.Conn, name string) error { // an echo that says who it is
			defer k.Close()
			if _, err := io.WriteString(k, name+" "); err != nil {
				return err
			}
			_, err := io.Copy(k, k)
			return err
		},
	}
	if err := c.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := id.Change(func(p *Place) {
		p.Listen = c.Addr().String()
		p.Cores = []Seat{{Name: "core", Gate: p.Listen}}
	}); err != nil {
		t.Fatal(err)
	}
	root, err := id.RootKey()
	if err != nil {
		t.Fatal(err)
	}
	if c.ticket, err = ParseTicket(id.Ticket(root).String()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *testCluster) join(name string, role Role, t Ticket) (*Identity, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return Join(ctx, filepath.Join(c.dir, name), name, role, t)
}

func TestJoin(t *testing.T) {
	c := found(t)
	id, err := c.join("w1", Worker, c.ticket)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(id.Dir())
	if err != nil || again.Name != "w1" || again.Role() != Worker || len(again.gates()) != 1 || again.gates()[0] != c.Addr().String() {
		t.Errorf("%+v, %v", again, err)
	}
	if secrets, err := os.ReadFile(id.Path(SecretsFile)); err != nil || strings.TrimSpace(string(secrets)) != "the key of secrets" {
		t.Errorf("%q, %v", secrets, err)
	}
	if _, err := again.RootKey(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a worker has the root key: %v", err)
	}
	for _, file := range []string{PairFile, SecretsFile, identityFile} {
		if info, err := os.Stat(id.Path(file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	// Its way to the store says who it is.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	k, err := again.Reach(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, err := io.WriteString(k, "hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("w1 hello"))
	if _, err := io.ReadFull(k, got); err != nil || string(got) != "w1 hello" {
		t.Errorf("%q, %v", got, err)
	}
	c.mu.Lock()
	c.removed["w1"] = true
	c.mu.Unlock()
	var refused *RefusedError
	if _, err := again.Reach(ctx); !errors.As(err, &refused) {
		t.Errorf("a node that was removed comes in: %v", err)
	}
}

func TestJoin_refused(t *testing.T) {
	c := found(t)
	wrong, pinned := c.ticket, c.ticket
	wrong.Secret = "guessed"
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	pinned.Root = public
	var refused *RefusedError
	for _, k := range []struct {
		what, name string
		role       Role
		ticket     Ticket
		refused    bool // by the core; else it goes no further than here
	}{
		{"a wrong secret", "w1", Worker, wrong, true},
		{"a cluster with another root", "w2", Worker, pinned, false},
		{"a core", "w3", Core, c.ticket, true},
		{"a role that is none", "w4", "king", c.ticket, true},
		{"a name that is none", "../w5", Worker, c.ticket, false},
		{"nobody there", "w6", Worker, Ticket{Addresses: []string{"127.0.0.1:1"}, Root: c.ticket.Root}, false},
	} {
		id, err := c.join(k.name, k.role, k.ticket)
		if err == nil || errors.As(err, &refused) != k.refused {
			t.Errorf("%s: %+v, %v", k.what, id, err)
		}
	}
	if _, err := c.join("twice", Worker, c.ticket); err != nil {
		t.Fatal(err)
	}
	if _, err := Join(context.Background(), filepath.Join(c.dir, "other"), "twice", Worker, c.ticket); !errors.As(err, &refused) {
		t.Errorf("a name that is taken: %v", err)
	}
	if there, err := Exists(filepath.Join(c.dir, "other")); there || err != nil {
		t.Errorf("a node that was refused has left an identity: %v %v", there, err)
	}
	for _, bad := range []string{"", "fortuna_join_", "fortuna_join_e30", "nonsense"} {
		if _, err := ParseTicket(bad); err == nil {
			t.Errorf("%q is a ticket", bad)
		}
	}
}

// A stranger at the gate gets nothing: without a certificate of the cluster there is no way to the store.
func TestGate_strangers(t *testing.T) {
	c := found(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: Pinned(c.ticket.Root)}}
	defer client.CloseIdleConnections()
	q, err := http.NewRequest(http.MethodGet, "https://"+c.Addr().String()+statePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Connection", "Upgrade")
	q.Header.Set("Upgrade", stateProtocol)
	a, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusForbidden {
		t.Errorf("the store: %s", a.Status)
	}
	// A certificate of another cluster does not even end the handshake well.
	other := found(t)
	id, err := other.join("spy", Worker, other.ticket)
	if err != nil {
		t.Fatal(err)
	}
	config, err := id.TLS(true)
	if err != nil {
		t.Fatal(err)
	}
	config.RootCAs, config.InsecureSkipVerify = nil, true
	k, err := tls.Dial("tcp", c.Addr().String(), config)
	if err == nil {
		_, err = k.Read(make([]byte, 1)) // a server's refusal comes after the client's handshake
		k.Close()
	}
	if err == nil {
		t.Error("a certificate of another cluster is taken")
	}
}

// A worker's certificate does not let it pass for a node that has the store: neither with other nodes, nor with people's tools.
func TestWorker_isNoCore(t *testing.T) {
	c := found(t)
	good, err := c.join("good", Worker, c.ticket)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := c.join("bad", Worker, c.ticket)
	if err != nil {
		t.Fatal(err)
	}
	config, err := bad.TLS(false)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			k, err := l.Accept()
			if err != nil {
				return
			}
			_ = k.(*tls.Conn).Handshake() // the client says what it thinks of it
			k.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := good.Change(func(p *Place) { p.Cores = []Seat{{Name: "bad", Gate: l.Addr().String()}} }); err != nil {
		t.Fatal(err)
	}
	if k, err := good.Reach(ctx); err == nil || !strings.Contains(err.Error(), "core.fortuna") {
		t.Errorf("a node takes a worker for a core: %v %v", k, err)
	}
	if k, err := tls.Dial("tcp", l.Addr().String(), Pinned(c.ticket.Root)); err == nil {
		k.Close()
		t.Error("a tool takes a worker for a core")
	}
	proof, err := c.Identity.Prove("a question")
	if again, bad := c.Identity.Prove("a question"); err != nil || bad != nil || proof != again {
		t.Errorf("%s, %s, %v", proof, again, err)
	}
	if _, err := good.Prove("a question"); err == nil {
		t.Error("a worker proves that it has the root key")
	}
}

// Who is to have the store gets the root key when all are ready, and nobody else does.
func TestAccept(t *testing.T) {
	c := found(t)
	var ready []Seat
	all := make(chan struct{})
	c.Promote = func(ctx context.Context, self Seat) ([]Seat, error) {
		if self.Name == "other" {
			return nil, errors.New("the node other is not being promoted")
		}
		c.mu.Lock()
		ready = append(ready, self)
		if len(ready) == 2 {
			close(all)
		}
		c.mu.Unlock()
		select {
		case <-all:
			return ready, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	accept := func(name string) (*Identity, error) {
		id, err := c.join(name, Worker, c.ticket)
		if err != nil {
			t.Error(err)
			return nil, err
		}
		return id, id.Accept(ctx, c.Addr().String(), Seat{name, "127.0.0.1:1", "127.0.0.1:2"})
	}
	var refused *RefusedError
	if other, err := accept("other"); !errors.As(err, &refused) {
		t.Errorf("a node that nobody has invited: %v", err)
	} else if _, err := other.RootKey(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has the root key: %v", err)
	}
	var wait sync.WaitGroup
	for _, name := range []string{"w1", "w2"} {
		wait.Go(func() {
			id, err := accept(name)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := id.RootKey(); err != nil {
				t.Error(err)
			}
			if again, err := Load(id.Dir()); err != nil || len(again.Place().Promised) != 2 || again.Role() != Worker {
				t.Errorf("%+v, %v", again, err)
			}
			// It shows itself as a core from now on, which a worker cannot.
			if _, err := id.Prove("a question"); err != nil {
				t.Error(err)
			}
			if err := id.Decline(); err != nil {
				t.Error(err)
			}
			if _, err := id.RootKey(); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what was given up is kept: %v", err)
			}
		})
	}
	wait.Wait()
	for _, bad := range []Seat{{"w3", "", "127.0.0.1:2"}, {"w3", "127.0.0.1:1", "0.0.0.0:2"}, {"w3", "127.0.0.1:0", "127.0.0.1:2"}} {
		id, err := Load(filepath.Join(c.dir, "other"))
		if err != nil {
			t.Fatal(err)
		}
		if err := id.Accept(ctx, c.Addr().String(), bad); !errors.As(err, &refused) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	// Somebody without a certificate of the cluster does not get that far.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: Pinned(c.ticket.Root)}}
	defer client.CloseIdleConnections()
	a, err := client.Post("https://"+c.Addr().String()+corePath, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger: %s", a.Status)
	}
}
