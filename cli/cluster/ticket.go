package cluster

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Ticket lets a node join a cluster: it says where, how the cluster is known, and a secret.
type Ticket struct {
	Addresses []string          `json:"a"` // of cores
	Root      ed25519.PublicKey `json:"r"`
	Secret    string            `json:"s"`
}

const ticketPrefix = "fortuna_join_"

// gates are the addresses of the cores' gates, the node's own first.
func (id *Identity) gates() (all []string) {
	p := id.Place()
	if p.Role == Core {
		all = append(all, p.Listen)
	}
	for _, c := range p.Cores {
		if c.Name != id.Name {
			all = append(all, c.Gate)
		}
	}
	return all
}

// Ticket is that of the cluster, which every core knows.
func (id *Identity) Ticket(root ed25519.PrivateKey) Ticket {
	return Ticket{Addresses: id.gates(), Root: id.Root, Secret: derived(root, "join")}
}

// String is the ticket as it is passed on: who has it can join.
func (t Ticket) String() string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // of strings and bytes
	}
	return ticketPrefix + base64.RawURLEncoding.EncodeToString(text)
}

// ParseTicket reads what String wrote. The error does not quote it.
func ParseTicket(text string) (t Ticket, err error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), ticketPrefix)
	raw, bad := base64.RawURLEncoding.DecodeString(rest)
	if !ok || bad != nil || json.Unmarshal(raw, &t) != nil || len(t.Root) != ed25519.PublicKeySize || len(t.Addresses) == 0 {
		return Ticket{}, errors.New("it is no ticket: one is like " + ticketPrefix + "..., whole, as a node prints it")
	}
	return t, nil
}

// admission is what a node asks for when it joins, and admitted the answer.
type admission struct {
	Secret  string `json:"secret"`
	Name    string `json:"name"`
	Role    Role   `json:"role"`
	Request []byte `json:"request"`
}

type admitted struct {
	Certificate []byte `json:"certificate"`
	Authority   []byte `json:"authority"`
	Secrets     string `json:"secrets"` // the key of secrets
	Cores       []Seat `json:"cores"`
}

// joinWithin is how long one core may take to answer.
const joinWithin = 10 * time.Second

// Join makes the node in dir one of the cluster that a ticket is of.
func Join(ctx context.Context, dir, name string, role Role, t Ticket) (*Identity, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	key, request, err := newRequest(name)
	if err != nil {
		return nil, err
	}
	var last error
	for _, address := range t.Addresses {
		var a admitted
		once, cancel := context.WithTimeout(ctx, joinWithin)
		err := ask(once, address, joinPath, Pinned(t.Root), admission{t.Secret, name, role, request}, &a)
		cancel()
		if err != nil {
			last = err
			continue
		}
		id := &Identity{Name: name, Root: t.Root, place: Place{Role: role, Cores: a.Cores}, dir: dir}
		err = errors.Join(id.keep(a.Authority, a.Certificate, key), write(id.Path(SecretsFile), []byte(a.Secrets+"\n")))
		if err != nil {
			return nil, err
		}
		return id, id.save(&id.place)
	}
	return nil, fmt.Errorf("join: %w", last)
}

// ask asks a core, by the certificates of config, and reads its answer into answer. The error is a *RefusedError when it says no.
func ask(ctx context.Context, address, path string, config *tls.Config, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	said, err := client.Do(q)
	if err != nil {
		return err
	}
	defer said.Body.Close()
	text, err := io.ReadAll(io.LimitReader(said.Body, admissionBytesMax))
	if err != nil {
		return err
	}
	if said.StatusCode != http.StatusOK {
		return &RefusedError{Address: address, Why: strings.TrimSpace(string(text))}
	}
	return json.Unmarshal(text, answer)
}

// RefusedError is a core that does not let the node join.
type RefusedError struct{ Address, Why string }

func (e *RefusedError) Error() string { return e.Address + " refuses: " + e.Why }

// Pinned is how a client knows the nodes of a cluster that have the store, by its root alone.
func Pinned(root ed25519.PublicKey) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: coreName,
		InsecureSkipVerify: true, // what follows is stricter
		VerifyConnection: func(state tls.ConnectionState) error {
			chain := state.PeerCertificates
			pool := x509.NewCertPool()
			for _, c := range chain {
				if k, ok := c.PublicKey.(ed25519.PublicKey); ok && k.Equal(root) {
					pool.AddCert(c)
				}
			}
			if len(chain) == 0 {
				return errors.New("the node shows no certificate")
			}
			_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: coreName})
			if err != nil {
				return fmt.Errorf("it is not of the cluster: %w", err)
			}
			return nil
		},
	}
}

// admissionBytesMax bounds what is asked and answered.
const admissionBytesMax = 64 << 10

// Loopback reports whether an address is reached from this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
