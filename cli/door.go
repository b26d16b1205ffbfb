package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/tls"
)

// Where dev listens when nothing else is said.
const (
	devPort = 8787
	devHost = "127.0.0.1"
)

// door is where dev listens, and what it lets in. It stays as it is until dev is started again.
type door struct {
	host   string
	port   int
	limits edge.Limits
	https  bool
	tls    string // what [tls] says, to be compared
}

// newDoor is what the command line and, where it says nothing, fortuna.toml ask for.
func (w *workshop) newDoor() (door, error) {
	c := w.project.config
	d := door{host: devHost, port: devPort}
	if c.Dev.Host != "" {
		d.host = c.Dev.Host
	}
	if c.Dev.Port != nil {
		d.port = *c.Dev.Port
	}
	if w.options.host != "" {
		d.host = w.options.host
	}
	if w.options.port != nil {
		d.port = *w.options.port
	}
	var err error
	_, d.limits, err = c.limits()
	if d.https = w.options.https || c.Dev.TLS; d.https {
		d.tls = c.TLS.String()
	}
	return d, err
}

// url is the address as a person on this machine types it.
func (d door) url(addr net.Addr) string {
	scheme := "http://"
	if d.https {
		scheme = "https://"
	}
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return scheme + net.JoinHostPort(devHost, strconv.Itoa(tcp.Port))
	}
	return scheme + addr.String()
}

// listen begins to serve w's front at the door.
func (w *workshop) listen() (*edge.Server, error) {
	var err error
	if w.door, err = w.newDoor(); err != nil {
		return nil, err
	}
	t := w.process.term
	log := slog.New(slog.NewTextHandler(streamWriter{t, t.err}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var access func(edge.Record)
	if w.options.level <= slices.Index(levels, "info") {
		access = func(r edge.Record) {
			if r.Request.Path != versionPath {
				t.access(r)
			}
		}
	}
	table := &w.project.config.TLS
	c := edge.Config{
		Loops: w.loops, Handler: w.front, Limits: w.door.limits, Access: access, HSTS: table.hsts(), Log: log,
	}
	if w.door.https {
		if c.TLS, err = w.certificates(log); err != nil {
			return nil, err
		}
	}
	server, err := w.listenAt(w.door.port, "--port", c)
	if err != nil {
		return nil, err
	}
	if w.door.https && table.Redirect != nil {
		c.Handler, c.TLS, c.Loops, c.Access = redirect(server.Addr().(*net.TCPAddr).Port), nil, 1, nil
		if w.redirect, err = w.listenAt(*table.Redirect, "", c); err != nil {
			return nil, errors.Join(err, server.Close())
		}
		t.note("http://%s is redirected", w.redirect.Addr())
	}
	return server, nil
}

// certificates opens those of [tls], or else one for this machine.
func (w *workshop) certificates(log *slog.Logger) (*tls.Server, error) {
	table := &w.project.config.TLS
	c, err := table.options(w.project.root)
	if err != nil {
		return nil, err
	}
	if !table.configured() {
		local, err := issueLocal(w.process)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Files{local}
	}
	c.Log = log
	if w.tls, err = tls.Open(c); err != nil {
		return nil, table.wrong(err)
	}
	return w.tls, nil
}

// listenAt listens on a port of the door's host. flag is how to choose another port; it is empty when fortuna.toml says.
func (w *workshop) listenAt(port int, flag string, c edge.Config) (*edge.Server, error) {
	host := w.door.host
	c.Addr = net.JoinHostPort(host, strconv.Itoa(port))
	server, err := edge.Listen(c)
	another := func(port int) string {
		if flag == "" {
			return fmt.Sprintf("redirect = %d, in [tls] of %s", port, configFile)
		}
		return w.command(flag, strconv.Itoa(port))
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		what := fmt.Sprintf("port %d is in use", port)
		if holder := portHolder(port); holder != "" {
			what += " by " + holder
		}
		return nil, refused(another(freePort(host, port)), "%s", what)
	case errors.Is(err, syscall.EACCES):
		return nil, refused(another(devPort), "port %d is reserved: only root may listen on it", port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, refused(w.command("--host", devHost), "%q is not an address of this machine", host)
	case err != nil:
		return nil, refused("", "%v", err)
	}
	return server, nil
}

// command is this dev command with other flags.
func (w *workshop) command(flags ...string) string {
	words := []string{"fortuna", "dev"}
	if w.options.path != "" {
		words = append(words, w.options.path)
	}
	return strings.Join(append(words, flags...), " ")
}

// freePort is a port near port that nobody listens on now.
func freePort(host string, port int) int {
	for next := port + 1; next < port+20 && next <= 65535; next++ {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(next))); err == nil {
			if err := l.Close(); err == nil {
				return next
			}
		}
	}
	return 0 // which takes any
}
