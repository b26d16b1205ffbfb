//go:build linux || darwin

package edge

import (
	"errors"
	"net"
	"os"
	"reflect"
	"syscall"

	"github.com/tidwall/evio"
	"golang.org/x/sys/unix"
)

// connFD returns the descriptor of a connection, which evio keeps to itself; TestEvio_descriptor pins the field.
// Holding it, we write, shut down and set options ourselves, which evio either cannot or does wrongly (E1, E2).
func connFD(c evio.Conn) int {
	return int(reflect.ValueOf(c).Elem().FieldByName("fd").Int())
}

// pollCloseOnExec keeps evio's epoll and eventfd from children, where they would hold every connection open.
func pollCloseOnExec(c evio.Conn) {
	poll := reflect.ValueOf(c).Elem().FieldByName("loop").Elem().FieldByName("poll").Elem()
	for _, name := range []string{"fd", "wfd"} {
		if f := poll.FieldByName(name); f.IsValid() && f.CanInt() {
			closeOnExec(int(f.Int()))
		}
	}
}

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

func closeSocket(fd int) { _ = unix.Close(fd) } // ours, and nothing of it is unsent

// shutdownSocket ends both directions; an error means that the peer ended them before.
func shutdownSocket(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) }

// shutdownWrite ends our direction; an error means that the peer ended both before.
func shutdownWrite(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

// tuneSocket sets what an accepted connection needs and evio leaves off.
func tuneSocket(fd int) {
	closeOnExec(fd)
	// Each fails only on a connection that is already gone, which reading will tell.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	tuneKeepalive(fd)
}

// writeSocket writes p to a descriptor that does not block and returns how much the kernel took: less than len(p), without an
// error, when it is full.
func writeSocket(fd int, p []byte) (int, error) {
	for {
		n, err := writeNow(fd, p)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// iovMax is how many pieces one writev takes at least (POSIX's IOV_MAX on every platform of ours is 1,024).
const iovMax = 64

// writeSocketAll writes out and then the pieces of body, as far as the kernel takes them.
func writeSocketAll(fd int, out []byte, body [][]byte) (sent int, err error) {
	if len(body) == 0 {
		return writeSocket(fd, out)
	}
	all := make([][]byte, 0, 1+len(body))
	if len(out) > 0 {
		all = append(all, out)
	}
	all = append(all, body...)
	for len(all) > 0 {
		batch := all[:min(len(all), iovMax)]
		size := 0
		for _, p := range batch {
			size += len(p)
		}
		n, err := unix.Writev(fd, batch)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return sent, nil
		case err != nil:
			return sent, err
		}
		sent += n
		if n < size {
			return sent, nil
		}
		all = all[len(batch):]
	}
	return sent, nil
}

// dialSocket connects to a unix socket that listens.
func dialSocket(path string) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		closeOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		closeSocket(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // as writeSocket wants it
		closeSocket(fd)
		return -1, os.NewSyscallError("setnonblock", err)
	}
	return fd, nil
}

// adopt makes an ordinary connection of a descriptor that evio let go of, and closes the descriptor. evio hands it
// over blocking, which would cost an operating system thread.
func adopt(fd int) (net.Conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		closeSocket(fd)
		return nil, os.NewSyscallError("setnonblock", err)
	}
	f := os.NewFile(uintptr(fd), "connection")
	nc, err := net.FileConn(f) // a duplicate
	if cerr := f.Close(); err == nil && cerr != nil {
		err = cerr
	}
	return nc, err
}

// claim binds addr, a literal address and port, without listening, and shares it with the loops' sockets. While it is
// open the port stays ours, also between a loop's end and its next beginning.
func claim(addr *net.TCPAddr) (fd int, bound *net.TCPAddr, err error) {
	family, sa := unix.AF_INET6, unix.Sockaddr(nil)
	if ip := addr.IP.To4(); ip != nil {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
	} else {
		sa6 := &unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP.To16())}
		if addr.Zone != "" {
			i, err := net.InterfaceByName(addr.Zone)
			if err != nil {
				return -1, nil, err
			}
			sa6.ZoneId = uint32(i.Index)
		}
		sa = sa6
	}
	syscall.ForkLock.RLock()
	fd, err = unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		closeOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	for _, opt := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err == nil {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 1))
		}
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	if err == nil {
		var name unix.Sockaddr
		name, err = unix.Getsockname(fd)
		bound = &net.TCPAddr{IP: addr.IP, Zone: addr.Zone}
		switch name := name.(type) {
		case *unix.SockaddrInet4:
			bound.Port = name.Port
		case *unix.SockaddrInet6:
			bound.Port = name.Port
		}
	}
	if err != nil {
		closeSocket(fd)
		return -1, nil, err
	}
	return fd, bound, nil
}
