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
	return d, err
}

// url is the address as a person on this machine types it.
func (d door) url(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return "http://" + net.JoinHostPort(devHost, strconv.Itoa(tcp.Port))
	}
	return "http://" + addr.String()
}

// listen begins to serve w's front at the door.
func (w *workshop) listen() (*edge.Server, error) {
	var err error
	if w.door, err = w.newDoor(); err != nil {
		return nil, err
	}
	t := w.process.term
	var access func(edge.Record)
	if w.options.level <= slices.Index(levels, "info") {
		access = func(r edge.Record) {
			if r.Request.Path != versionPath {
				t.access(r)
			}
		}
	}
	server, err := edge.Listen(edge.Config{
		Addr:    net.JoinHostPort(w.door.host, strconv.Itoa(w.door.port)),
		Loops:   w.loops,
		Handler: w.front,
		H2C:     w.project.config.Server.H2C,
		Limits:  w.door.limits,
		Access:  access,
		Log:     slog.New(slog.NewTextHandler(streamWriter{t, t.err}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, w.door.closed(err, func(host string, port int) string {
			if host != w.door.host {
				return w.command("--host", host)
			}
			return w.command("--port", strconv.Itoa(port))
		})
	}
	return server, nil
}

// closed explains why nobody can listen at the door. command is what to type to listen elsewhere.
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
