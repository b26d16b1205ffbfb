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

	certifier *certifier // nil without [tls.acme], which only serve heeds
}

// door is what the command line and, where it says nothing, fortuna.toml ask for.
func (o *devOptions) door(c *config) (door, error) {
	d := door{host: devHost, port: devPort}
	if c.Dev.Host != "" {
		d.host = c.Dev.Host
	}
	if c.Dev.Port != nil {
		d.port = *c.Dev.Port
	}
	if o.host != "" {
		d.host = o.host
	}
	if o.port != nil {
		d.port = *o.port
	}
	var err error
	_, d.limits, err = c.limits()
	if d.https = o.https || c.Dev.TLS; d.https {
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

// entrance is a door that is open.
type entrance struct {
	*edge.Server
	redirect *edge.Server // from http to it; nil if there is none
	tls      *tls.Server  // nil without TLS

	certifier *certifier // nil without [tls.acme]
}

// open begins to serve at the door. c says how, but for the address and the limits; with TLS, table says how the rest of it
// is done. command is what a person types to listen elsewhere. What c.TLS is, is closed with the entrance.
func (d door) open(c edge.Config, table *tlsTable, command func(host string, port int) string) (*entrance, error) {
	e := &entrance{tls: c.TLS, certifier: d.certifier}
	c.Addr, c.Limits = net.JoinHostPort(d.host, strconv.Itoa(d.port)), d.limits
	var err error
	if e.Server, err = edge.Listen(c); err != nil {
		return nil, errors.Join(d.closed(err, command), e.Close())
	}
	if c.TLS != nil && table.Redirect != nil {
		if err := e.redirectFrom(d.host, *table.Redirect, c); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	if err := d.certifier.begin(e, d.host); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// redirectFrom sends who comes to a port by http to the entrance. c is how that serves.
func (e *entrance) redirectFrom(host string, port int, c edge.Config) (err error) {
	c.Inherited = nil
	c.Handler, c.TLS, c.HSTS, c.H2C, c.Loops, c.Access = e.certifier.before(redirect(e.Addr().(*net.TCPAddr).Port)), nil, 0, false, 1, nil
	from := door{host: host, port: port}
	c.Addr = net.JoinHostPort(from.host, strconv.Itoa(from.port))
	if e.redirect, err = edge.Listen(c); err != nil {
		return from.closed(err, func(_ string, port int) string {
			return fmt.Sprintf("redirect = %d, in [tls] of %s", port, configFile)
		})
	}
	return nil
}

// Close closes all of it.
func (e *entrance) Close() (err error) {
	e.certifier.close()
	for _, s := range []*edge.Server{e.Server, e.redirect} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	if e.tls != nil {
		e.tls.Close()
	}
	return err
}

// closed explains why nobody can listen at the door.
func (d door) closed(err error, command func(host string, port int) string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		what := fmt.Sprintf("port %d is in use", d.port)
		if holder := portHolder(d.port); holder != "" {
			what += " by " + holder
		}
		return refused(command(d.host, freePort(d.host, d.port)), "%s", what)
	case errors.Is(err, syscall.EACCES):
		return refused(command(d.host, devPort), "port %d is reserved: only root may listen on it", d.port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return refused(command(devHost, d.port), "%q is not an address of this machine", d.host)
	}
	return refused("", "%v", err)
}

// listen begins to serve w's front at the door.
func (w *workshop) listen() (e *entrance, err error) {
	if w.door, err = w.options.door(w.project.config); err != nil {
		return nil, err
	}
	t, table := w.process.term, &w.project.config.TLS
	c := edge.Config{
		Loops: w.loops, Handler: w.front, HSTS: table.hsts(), H2C: w.project.config.Server.H2C, Deflate: w.project.config.Server.Deflate, Compress: !w.project.config.Uncompressed,
		Log: slog.New(slog.NewTextHandler(streamWriter{t, t.err}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if w.options.level <= slices.Index(levels, "info") {
		c.Access = func(r edge.Record) {
			if r.Request.Path != versionPath {
				t.access(r)
			}
		}
	}
	if w.door.https {
		if c.TLS, err = w.certificates(c.Log); err != nil {
			return nil, err
		}
	}
	e, err = w.door.open(c, table, func(host string, port int) string {
		if host != w.door.host {
			return w.command("--host", host)
		}
		return w.command("--port", strconv.Itoa(port))
	})
	if err == nil && e.redirect != nil {
		t.note("http://%s is redirected", e.redirect.Addr())
	}
	return e, err
}

// certificates opens those of [tls], or else one for this machine.
func (w *workshop) certificates(log *slog.Logger) (*tls.Server, error) {
	table := &w.project.config.TLS
	if table.configured() {
		return table.open(w.project.root, log, tls.Config{})
	}
	local, err := issueLocal(w.process)
	if err != nil {
		return nil, err
	}
	return table.open(w.project.root, log, tls.Config{Certificates: []tls.Files{local}})
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
