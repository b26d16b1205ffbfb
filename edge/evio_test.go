//go:build linux || darwin

package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/evio"
	"golang.org/x/sys/unix"
)

// These tests pin what this package relies on in evio v1.0.8, faults included. One that fails says that evio has
// changed, and the file named beside it must be read again.

// serveEvio runs evio on a unix socket and returns how to reach it. The loop ends with the test.
func serveEvio(t *testing.T, ev evio.Events) (addr string, ended <-chan error) {
	t.Helper()
	addr = filepath.Join(t.TempDir(), "s")
	serving, done, quit := make(chan struct{}), make(chan error, 1), make(chan struct{})
	ev.NumLoops = 1
	ev.Serving = func(evio.Server) evio.Action { close(serving); return evio.None }
	ev.Tick = func() (time.Duration, evio.Action) {
		select {
		case <-quit:
			return time.Millisecond, evio.Shutdown
		default:
			return time.Millisecond, evio.None
		}
	}
	over := make(chan struct{})
	go func() { done <- evio.Serve(ev, "unix://"+addr); close(over) }()
	<-serving
	t.Cleanup(func() { close(quit); <-over })
	return addr, done
}

func dialUnix(t *testing.T, addr string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test may have closed it
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.UnixConn)
}

// socket_unix.go: connFD and pollCloseOnExec read unexported fields.
func TestEvio_descriptor(t *testing.T) {
	names := make(chan error, 1)
	addr, _ := serveEvio(t, evio.Events{
		Opened: func(c evio.Conn) (out []byte, opts evio.Options, act evio.Action) {
			_, err := unix.GetsockoptInt(connFD(c), unix.SOL_SOCKET, unix.SO_TYPE)
			poll := reflect.ValueOf(c).Elem().FieldByName("loop").Elem().FieldByName("poll").Elem()
			if err == nil && !poll.FieldByName("fd").IsValid() {
				err = errors.New("the loop's poll has no fd")
			}
			names <- err
			return nil, opts, evio.None
		},
	})
	dialUnix(t, addr)
	if err := <-names; err != nil {
		t.Fatal(err)
	}
}

// E1: bytes returned for a Wake replace what is unsent, so nothing of ours is ever returned to evio.
func TestEvio_wakeReplacesUnsent(t *testing.T) {
	const size = 8 << 20
	conns := make(chan evio.Conn, 1)
	wakes := 0
	addr, _ := serveEvio(t, evio.Events{
		Opened: func(c evio.Conn) (out []byte, opts evio.Options, act evio.Action) {
			conns <- c
			return nil, opts, evio.None
		},
		Data: func(c evio.Conn, in []byte) ([]byte, evio.Action) {
			if in != nil {
				return bytes.Repeat([]byte("x"), size), evio.None
			}
			wakes++
			return []byte("SECOND"), evio.None
		},
	})
	nc := dialUnix(t, addr)
	if _, err := nc.Write([]byte("go")); err != nil {
		t.Fatal(err)
	}
	var first [1]byte
	if _, err := io.ReadFull(nc, first[:]); err != nil { // the answer is on its way, and larger than the socket
		t.Fatal(err)
	}
	(<-conns).Wake()
	got, tail := 1, []byte(nil)
	buf := make([]byte, 64<<10)
	for !bytes.HasSuffix(tail, []byte("SECOND")) {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		got += n
		tail = append(tail, buf[:n]...)
		tail = tail[max(0, len(tail)-16):]
	}
	if got >= size {
		t.Errorf("all %d bytes arrived: a Wake no longer loses what is unsent", got)
	}
}

// conn.awake: a Wake calls Data with nothing, and the action it returns is obeyed (E2).
func TestEvio_wakeAsksForAction(t *testing.T) {
	acts := make(chan evio.Action, 2)
	conns := make(chan evio.Conn, 1)
	closed := make(chan struct{})
	acts <- evio.None
	acts <- evio.Close
	addr, _ := serveEvio(t, evio.Events{
		Opened: func(c evio.Conn) (out []byte, opts evio.Options, act evio.Action) {
			conns <- c
			return nil, opts, evio.None
		},
		Data:   func(evio.Conn, []byte) ([]byte, evio.Action) { return nil, <-acts },
		Closed: func(evio.Conn, error) evio.Action { close(closed); return evio.None },
	})
	nc := dialUnix(t, addr)
	if _, err := nc.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	(<-conns).Wake()
	<-closed
}

// E4: a failed accept ends Serve, which returns nil; loop.run serves again.
func TestEvio_acceptErrorEndsServe(t *testing.T) {
	done := make(chan error, 1)
	serving, opened := make(chan net.Addr, 1), make(chan struct{}, 1)
	go func() {
		done <- evio.Serve(evio.Events{
			NumLoops: 1,
			Serving:  func(s evio.Server) evio.Action { serving <- s.Addrs[0]; return evio.None },
			Opened: func(evio.Conn) ([]byte, evio.Options, evio.Action) {
				opened <- struct{}{}
				return nil, evio.Options{}, evio.None
			},
		}, "tcp://127.0.0.1:0?reuseport=true")
	}()
	addr := (<-serving).(*net.TCPAddr)
	// A loop that ends before Serve waits for it is never noticed: its signal is lost. By now it waits.
	nc, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	<-opened
	eventually(t, "Serve waits", func() bool {
		stacks := make([]byte, 1<<20)
		return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("evio.(*server).waitForShutdown"))
	})
	failAccepts(t, addr.Port)
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve returned %v: it reports its end now", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Serve went on after a failed accept")
	}
}

// failAccepts makes accepts fail on every listener of this process on a port: SO_REUSEPORT may have given it to a server of
// another test that is about to end, too.
func failAccepts(t *testing.T, port int) {
	t.Helper()
	found := false
	for fd := 3; fd < 1024; fd++ {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			continue
		}
		listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if sa, ok := sa.(*unix.SockaddrInet4); ok && sa.Port == port && err == nil && listens != 0 {
			// Shut down, a listener is readable and its accept fails, as with no descriptor left.
			if err := unix.Shutdown(fd, unix.SHUT_RDWR); err != nil {
				t.Fatal(err)
			}
			found = true
		}
	}
	if !found {
		t.Fatalf("no listener on port %d", port)
	}
}

// loop.jobsDue: bytes that a callback leaves unread are reported again.
func TestEvio_levelTriggered(t *testing.T) {
	const size = 3 * 0xFFFF // evio reads 65,535 bytes at a time
	got := make(chan int, 16)
	addr, _ := serveEvio(t, evio.Events{
		Data: func(_ evio.Conn, in []byte) ([]byte, evio.Action) {
			got <- len(in)
			return nil, evio.None
		},
	})
	nc := dialUnix(t, addr)
	go func() { _, _ = nc.Write(make([]byte, size)) }() // counted below
	for n := 0; n < size; {
		select {
		case m := <-got:
			n += m
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d bytes were reported", n, size)
		}
	}
}

// conn.cut: a descriptor that we shut down is reported closed, also when the peer's window is zero.
func TestEvio_shutdownCloses(t *testing.T) {
	closed := make(chan struct{})
	addr, _ := serveEvio(t, evio.Events{
		Data: func(c evio.Conn, _ []byte) ([]byte, evio.Action) {
			fd := connFD(c)
			for {
				if n, err := writeSocket(fd, make([]byte, 1<<20)); n == 0 || err != nil {
					break
				}
			}
			shutdownSocket(fd)
			return nil, evio.None
		},
		Closed: func(evio.Conn, error) evio.Action { close(closed); return evio.None },
	})
	nc := dialUnix(t, addr)
	if _, err := nc.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("evio did not notice")
	}
}

// E8: Detach hands over the descriptor, open and blocking, and never says closed; adopt makes a connection of it.
func TestEvio_detach(t *testing.T) {
	fds := make(chan int, 1)
	closed := make(chan struct{}, 1)
	addr, _ := serveEvio(t, evio.Events{
		Data: func(evio.Conn, []byte) ([]byte, evio.Action) { return nil, evio.Detach },
		Detached: func(c evio.Conn, _ io.ReadWriteCloser) evio.Action {
			fds <- connFD(c)
			return evio.None
		},
		Closed: func(evio.Conn, error) evio.Action { closed <- struct{}{}; return evio.None },
	})
	nc := dialUnix(t, addr)
	if _, err := nc.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	fd := <-fds
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v: want a blocking descriptor", flags, err)
	}
	carried, err := adopt(fd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); !errors.Is(err, syscall.EBADF) {
		// Another file may have taken the number; the connection below proves the rest.
		t.Logf("descriptor %d after adopt: %v", fd, err)
	}
	if _, err := fmt.Fprint(carried, "carried"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != "carried" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := carried.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Read(got); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) { // once in thousands it is that
		t.Errorf("after Close: %v, want EOF: a descriptor is left open", err)
	}
	select {
	case <-closed:
		t.Error("evio said closed after Detach")
	default:
	}
}
