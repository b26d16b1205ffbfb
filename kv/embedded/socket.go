package embedded

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// socketName is the file in the state directory by which other processes of the same person reach a running server.
const socketName = "socket"

// socket lets processes of this machine in, which the directory lets read it: what they send goes to the server as if from
// inside.
type socket struct {
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]struct{} // nil when it is closed
}

// shortened calls f with a path of the socket that fits into a socket's address (108 bytes), wherever dir is.
func shortened(dir string, f func(path string) error) error {
	if runtime.GOOS != "linux" {
		return f(filepath.Join(dir, socketName))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName)), d.Close())
}

// share begins to let others in. The directory is locked, so a socket that is there is nobody's.
func (s *Server) share(dir string) error {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove the socket of a former process: %w", err)
	}
	err := shortened(dir, func(path string) error {
		l, err := net.Listen("unix", path)
		if err == nil {
			l.(*net.UnixListener).SetUnlinkOnClose(false) // its name is another by then
			err = os.Chmod(path, 0o600)                   // the directory may have been made by somebody else, for all
			s.socket = &socket{listener: l, conns: map[net.Conn]struct{}{}}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("listen in the state directory: %w", err)
	}
	s.socketPath = filepath.Join(dir, socketName)
	go s.socket.accept(s)
	return nil
}

func (k *socket) accept(s *Server) {
	for {
		c, err := k.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if !k.add(c) {
			c.Close()
			continue
		}
		go func() {
			_ = s.carry(c, s.access.own, unfiltered) // whoever it was knows
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.conns, c)
		}()
	}
}

// add takes a connection in; false when the socket is closed.
func (k *socket) add(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conns != nil {
		k.conns[c] = struct{}{}
	}
	return k.conns != nil
}

func (k *socket) close() {
	k.listener.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		c.Close()
	}
	k.conns = nil
}

// Running is a server in another process, reached by the socket in its state directory.
type Running struct {
	dir string
}

// Reach gives the server that has a state directory open. The error is os.ErrNotExist when there is none.
func Reach(dir string) (*Running, error) {
	r := &Running{dir}
	c, err := r.Dial("", "")
	if err != nil {
		return nil, fmt.Errorf("%w: nobody has the state in %q open: %v", os.ErrNotExist, dir, err)
	}
	return r, c.Close()
}

// Dial opens a connection; nats.go asks for it.
func (r *Running) Dial(string, string) (c net.Conn, err error) {
	err = shortened(r.dir, func(path string) (err error) {
		c, err = net.DialTimeout("unix", path, time.Second)
		return err
	})
	return c, err
}

// Connect gives a connection to the server.
func (r *Running) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{nats.SetCustomDialer(r), nats.Name(name), nats.NoReconnect(), nats.SkipHostLookup()}, more...)
	nc, err := nats.Connect("nats://"+socketName, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the state in %q: %w", r.dir, err)
	}
	return nc, nil
}

// Replicas is not known: who reaches another's server opens what is there.
func (r *Running) Replicas() int { return 0 }

// Memory says that nothing is known to be in memory only.
func (r *Running) Memory() bool { return false }
