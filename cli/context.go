package cli

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/cli/control"
	"github.com/fortunadws/fortuna/kv/artifact"
)

// contexts are the clusters that the person has logged in to, by the names that they gave them.
type contexts struct {
	Current string               `json:"current"`
	All     map[string]clusterAt `json:"contexts"`
}

// clusterAt is where a cluster is asked, and in whose name.
type clusterAt struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// contextsFile is in the user's configuration directory; only they may read it.
const contextsFile = "contexts.json"

// The environment of who has no configuration directory: CI.
const (
	envURL   = "FORTUNA_URL"
	envToken = "FORTUNA_TOKEN"
)

func readContexts(getenv func(string) string) (*contexts, string, error) {
	dir, err := userConfigDir(getenv)
	if err != nil {
		return nil, "", err
	}
	c, file := &contexts{All: map[string]clusterAt{}}, filepath.Join(dir, contextsFile)
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, file, nil
	case err != nil:
		return nil, "", refused("", "read where to deploy: %v", err)
	}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, "", refused("rm "+file+", and log in again", "%s cannot be read: %v", file, err)
	}
	if c.All == nil {
		c.All = map[string]clusterAt{}
	}
	return c, file, nil
}

// write keeps the contexts.
func (c *contexts) write(file string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = place(file, append(text, '\n'))
	}
	if err != nil {
		return failed("", "keep the login: %v", err)
	}
	return nil
}

// toFlag chooses a cluster.
func toFlag() cli.Flag {
	return &cli.StringFlag{Name: "to", Usage: "`name` of the cluster, as logged in to (default: the last one, or " + envURL + " and " + envToken + ")"}
}

// reached is a cluster that a command talks to.
type reached struct {
	*control.Client
	name string
}

// openRemote reaches the cluster that the flags, the environment or the last login name.
func openRemote(c *cli.Context) (*reached, error) {
	p := processOf(c)
	name := c.String("to")
	if at := (clusterAt{p.getenv(envURL), p.getenv(envToken)}); name == "" && at.URL != "" {
		if at.Token == "" {
			return nil, usageError("", "%s is set, and %s is not", envURL, envToken)
		}
		return at.open(at.URL)
	}
	all, _, err := readContexts(p.getenv)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = all.Current
	}
	at, ok := all.All[name]
	switch {
	case name == "":
		return nil, refused("fortuna login <url> <token>, or on the machine of a node: fortuna login --data <directory>", "you are not logged in to a cluster")
	case !ok:
		var names []string
		for n := range all.All {
			names = append(names, n)
		}
		return nil, refused(suggest(name, names), "you are not logged in to a cluster %q", name)
	}
	return at.open(name)
}

// open is the cluster at the place, called name.
func (at clusterAt) open(name string) (*reached, error) {
	token, err := artifact.ParseToken(at.Token)
	if err != nil {
		return nil, usageError("", "the token: %v", err)
	}
	u, err := url.Parse(at.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usageError("fortuna login http://127.0.0.1:9787 <token>", "the URL of a node is like http://127.0.0.1:9787, got %q", at.URL)
	}
	if u.Scheme == "http" && !cluster.Loopback(net.JoinHostPort(u.Hostname(), "0")) {
		return nil, refused("https://"+u.Host+", or ssh -L 9787:127.0.0.1:9787 <machine> and http://127.0.0.1:9787", "a token would go to %s unencrypted", u.Host)
	}
	var known *tls.Config
	if u.Scheme == "https" {
		known = cluster.Pinned(token.Root)
	}
	return &reached{control.NewClient(u.Scheme+"://"+u.Host, token, known), name}, nil
}

// remoteProblem is what a node's answer means to the person who typed the command.
func remoteProblem(err error) error {
	var e *control.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && (e.Status == 401 || e.Status == 403 || e.Status == 409):
		return refused("", "the cluster refuses: %s", e.What)
	case errors.As(err, &e) && e.Status == 503:
		return &problem{exitUnreachable, "the cluster cannot now: " + e.What, ""}
	case errors.As(err, &e):
		return failed("", "the cluster answers: %s", e.What)
	case errors.Is(err, control.ErrUnreachable):
		return &problem{exitUnreachable, err.Error(), ""}
	case errors.Is(err, context.Canceled):
		return errInterrupted
	}
	return failed("", "%v", err)
}

// appOf is the app a command is about: the word, or the project in the present directory.
func appOf(c *cli.Context, word string) (string, error) {
	p := processOf(c)
	if word == "" {
		project, err := openProject(p.dir, "", c.String("env"))
		if err != nil {
			return "", refused("name it: fortuna "+c.Command.Name+" --app <app>", "which app? There is no project here")
		}
		word = project.name()
	}
	if err := artifact.CheckApp(word); err != nil {
		return "", usageError(`name = "shop" in `+configFile, "%v", err)
	}
	return word, nil
}

// adminFile is in the data directory of a node that runs: where it is asked.
const adminFile = "admin"

// local is the node in a data directory on this machine, as its owner.
type localNode struct {
	identity *cluster.Identity
	url      string
}

func openLocalNode(p *process, dir string) (*localNode, error) {
	if dir == "" {
		return nil, usageError("--data <directory>", "which node? Its data directory is needed")
	}
	id, err := cluster.Load(absolute(p.dir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refused("fortuna serve --data "+dir, "there is no node in %s", dir)
	}
	if err != nil {
		return nil, refused("", "%v", err)
	}
	n := &localNode{identity: id}
	text, err := os.ReadFile(id.Path(adminFile))
	if err == nil {
		n.url = strings.TrimSpace(string(text))
	}
	return n, nil
}

// token makes a token, which the node then knows.
func (n *localNode) token(ctx context.Context, g func(artifact.Token) artifact.Grant) (text string, err error) {
	root, err := n.identity.RootKey()
	if errors.Is(err, fs.ErrNotExist) {
		return "", refused("do it where the first node runs", "the node %s has not the root key of the cluster", n.identity.Name)
	}
	if err != nil {
		return "", refused("", "%v", err)
	}
	if n.url == "" {
		return "", refused("fortuna serve --data "+n.identity.Dir(), "the node does not run, or has no admin listener")
	}
	t, text := artifact.NewToken(n.identity.Root)
	sealed, err := artifact.SignGrant(g(t), root)
	if err != nil {
		return "", failed("", "%v", err)
	}
	r, err := clusterAt{n.url, text}.open(n.url)
	if err != nil {
		return "", err
	}
	// Whoever listens there might be another by now, and would learn the password of the token.
	question := rand.Text()
	proof, err := r.Proof(ctx, question)
	if err != nil {
		return "", remoteProblem(err)
	}
	if want, err := n.identity.Prove(question); err != nil || proof != want {
		return "", refused("fortuna serve --data "+n.identity.Dir(), "what listens at %s is not the node in %s", n.url, n.identity.Dir())
	}
	if err := r.Grant(ctx, sealed); err != nil {
		return "", remoteProblem(fmt.Errorf("%w", err))
	}
	return text, nil
}
