// Package embedded runs a NATS server with JetStream inside the process. It does not know what is stored in it.
//
// A server is one of two: Solo keeps its state alone and listens nowhere; Clustered shares it with the other members of
// a cluster. Each has its own directory, because a server that opens a store of the other kind deletes it (nats-server
// #5467); a marker beside them says which one is meant.
package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Durability is what a write outlives when it has been acknowledged.
type Durability uint8

const (
	// Process: the end of the process, however it ends. What the system had not written by itself, within two minutes, is
	// lost when the power fails.
	Process Durability = iota
	// Second: a failure of power loses a second at most.
	Second
	// Always: a failure of power loses nothing. Alone, a server does one write after the other, each as slow as the disk's
	// fsync; in a cluster many share one.
	Always
)

// readyWithin is how long a server may take to open its store: a million keys without an index take four seconds.
const readyWithin = 2 * time.Minute

// Options are of every server.
type Options struct {
	// Dir holds the store, the marker and the lock; it is created. "" keeps everything in memory, and the server's few
	// files in a temporary directory that Close removes.
	Dir         string
	Durability  Durability
	StoreBytes  int64 // of files, at most; 0: 10 GiB
	MemoryBytes int64 // of streams in memory, at most; 0: 256 MiB
	Log         *slog.Logger
}

// Server is a running NATS server.
type Server struct {
	nats     *server.Server
	replicas int
	memory   bool
	lock     *lock
	access   *access
	remove   string // the temporary directory

	room       room
	socket     *socket // nil in memory
	socketPath string

	mu      sync.Mutex
	carried map[net.Conn]struct{} // connections of others; nil once none are let in
}

// Solo opens a server that is alone.
func Solo(o Options) (*Server, error) {
	return open(o, "solo", 1, func(no *server.Options) { no.DontListen = true })
}

// open starts a server with what configure adds. kind names the store inside of o.Dir.
func open(o Options, kind string, replicas int, configure func(*server.Options)) (_ *Server, err error) {
	s := &Server{replicas: replicas, memory: o.Dir == "", room: room{dir: o.Dir}, access: newAccess(), carried: map[net.Conn]struct{}{}}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.memory {
		if s.remove, err = os.MkdirTemp("", "fortuna-nats-"); err != nil {
			return nil, fmt.Errorf("make a directory for state in memory: %w", err)
		}
		o.Dir = s.remove
	} else {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the state directory: %w", err)
		}
		if s.lock, err = acquire(filepath.Join(o.Dir, "lock")); err != nil {
			return nil, err
		}
		if err := mark(o.Dir, kind); err != nil {
			return nil, err
		}
	}
	no := &server.Options{
		ServerName:             "fortuna",
		JetStream:              true,
		StoreDir:               filepath.Join(o.Dir, kind),
		JetStreamMaxStore:      cmp.Or(o.StoreBytes, 10<<30),
		JetStreamMaxMemory:     cmp.Or(o.MemoryBytes, 256<<20),
		SyncAlways:             o.Durability == Always,
		NoSigs:                 true, // the process has its own way of ending
		NoSystemAccount:        false,
		DisableJetStreamBanner: true,

		CustomClientAuthentication: s.access,
	}
	if o.Durability == Second {
		no.SyncInterval = time.Second
	}
	configure(no)
	ns, err := server.NewServer(no)
	if err != nil {
		return nil, fmt.Errorf("start the state store: %w", err)
	}
	j := &journal{log: o.Log}
	ns.SetLoggerV2(j, false, false, false)
	s.nats = ns
	ns.Start()
	for begun := time.Now(); !ns.ReadyForConnections(20 * time.Millisecond); {
		if why := j.fatal.Load(); why != nil {
			return nil, fmt.Errorf("start the state store in %q: %s", o.Dir, *why)
		}
		if time.Since(begun) > readyWithin {
			return nil, fmt.Errorf("start the state store in %q: it was not ready after %v", o.Dir, readyWithin)
		}
	}
	if !s.memory {
		if err := s.share(o.Dir); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Connect gives a connection inside of the process, which reconnects for ever. name tells it from others in the log.
func (s *Server) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.InProcessServer(s.nats), nats.Name(name), nats.Token(s.access.own), nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond),
		nats.RetryOnFailedConnect(true),
	}, more...)
	nc, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("connect %q to the state store: %w", name, err)
	}
	return nc, nil
}

// Freeze ends the connections of others, and lets no more in: those of Connect, and of lines that lead here, are left.
func (s *Server) Freeze() {
	if s.socket != nil {
		s.socket.close()
	}
	s.mu.Lock()
	all := s.carried
	s.carried = nil
	s.mu.Unlock()
	for c := range all {
		c.Close()
	}
}

// Replicas is how many copies of each bucket the server's cluster keeps.
func (s *Server) Replicas() int { return s.replicas }

// Memory says that nothing is kept in files.
func (s *Server) Memory() bool { return s.memory }

// Close ends the server in good order: a leader hands over first. It returns when the store is closed. Connections end.
func (s *Server) Close() { s.release() }

func (s *Server) release() {
	if s.socket != nil {
		s.socket.close()
		os.Remove(s.socketPath)
	}
	if s.nats != nil && s.nats.Running() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	}
	s.lock.release()
	if s.remove != "" {
		os.RemoveAll(s.remove)
	}
}

// ErrInUse means that another process has the state directory open.
var ErrInUse = errors.New("embedded: the state directory is in use")
