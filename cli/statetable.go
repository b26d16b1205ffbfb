package cli

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// stateTable is [state] of fortuna.toml.
type stateTable struct {
	Dir        string // relative to the file; empty when it is not set
	Durability embedded.Durability
	StoreBytes int64
	CacheBytes int64
	External   kv.External // whose URL is empty unless the server is others'
	Cluster    clusterTable
}

// cacheBytes is how much of each bucket a process remembers.
func (t *stateTable) cacheBytes() int64 {
	if t.CacheBytes > 0 {
		return t.CacheBytes
	}
	return 64 << 20
}

// storeBytes is how much of the disk each bucket may take.
func (t *stateTable) storeBytes() int64 {
	if t.StoreBytes > 0 {
		return t.StoreBytes
	}
	return 4 << 30
}

// durabilities are what state.durability may say: what a write outlives.
var durabilities = map[string]embedded.Durability{"process": embedded.Process, "second": embedded.Second, "always": embedded.Always}

func (t *stateTable) durability(v value) error {
	text, err := v.text()
	if err != nil {
		return err
	}
	d, ok := durabilities[text]
	if !ok {
		return v.expected(`"process" (a write outlives the process), "second" (a failure of power loses a second at most) or "always" (it loses nothing)`)
	}
	t.Durability = d
	return nil
}

// source is the server that t names, and the server itself if it runs in this process.
func (t *stateTable) source(p *project, dir string, log *slog.Logger) (kv.Source, *embedded.Server, error) {
	if t.External.URL != "" {
		return t.External, nil, nil
	}
	// Each bucket has a bound of its own: beyond that of the server nothing could be deleted any more.
	o := embedded.Options{Dir: dir, Durability: t.Durability, StoreBytes: 1 << 50, Log: log}
	var server *embedded.Server
	var err error
	if t.Cluster.configured() {
		o.Durability = embedded.Always // members share their fsyncs
		var c embedded.Cluster
		if c, err = t.Cluster.open(p); err == nil {
			server, err = embedded.Clustered(o, c)
		}
	} else {
		server, err = embedded.Solo(o)
	}
	switch {
	case errors.Is(err, embedded.ErrInUse):
		return nil, nil, refused("stop it, or name another directory: --persist-to in dev, state.dir in "+configFile, "the state in %s is open: %s", dir, strings.TrimPrefix(err.Error(), "embedded: "))
	case err != nil:
		return nil, nil, refused("", "%v", err)
	}
	return server, server, nil
}

// clusterTable is [state.cluster] of fortuna.toml.
type clusterTable struct {
	Name, Node, Listen, SecretFile string
	Members                        []string
	at                             value
}

func (t *clusterTable) configured() bool { return t.Listen != "" || len(t.Members) > 0 }

// open reads the cluster's secret and addresses.
func (t *clusterTable) open(p *project) (c embedded.Cluster, err error) {
	c.Name, c.Node = t.Name, t.Node
	if c.Name == "" {
		c.Name = "fortuna"
	}
	if c.Listen, err = t.address("listen", t.Listen); err != nil {
		return c, err
	}
	for _, m := range t.Members {
		a, err := t.address("members", m)
		if err != nil {
			return c, err
		}
		c.Members = append(c.Members, a)
	}
	if t.SecretFile == "" {
		return c, t.at.wrong(`secret_file = "cluster.secret"`, "state.cluster needs a secret that its members share, in a file")
	}
	secret, err := os.ReadFile(absolute(p.root, t.SecretFile))
	if err != nil {
		return c, t.at.wrong("", "state.cluster.secret_file: %v", err)
	}
	if c.Secret = string(trimmed(secret)); len(c.Secret) < 16 {
		return c, t.at.wrong("openssl rand -hex 32 > "+t.SecretFile, "state.cluster.secret_file: the secret has %d characters, at least 16 are needed", len(c.Secret))
	}
	return c, nil
}

// stateDir is where the state of a project is, absolute: as the command line says, or fortuna.toml, or the service manager,
// or in the project.
func (p *project) stateDir(cwd, flag, otherwise string, getenv func(string) string) string {
	switch {
	case flag != "":
		return absolute(cwd, flag)
	case p.config.State.Dir != "":
		return absolute(p.root, p.config.State.Dir)
	case otherwise == serveState && getenv("STATE_DIRECTORY") != "":
		return getenv("STATE_DIRECTORY")
	}
	return filepath.Join(p.root, filepath.FromSlash(otherwise))
}
