package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// firstInherited is the first descriptor that a service manager passes (sd_listen_fds).
const firstInherited = 3

// inheritedMax is far above what anybody passes.
const inheritedMax = 64

// inherited are the sockets that the service manager has opened for this process (systemd.socket), or none.
func inherited(getenv func(string) string) (listeners []net.Listener, err error) {
	if pid, err := strconv.Atoi(getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil, nil // for another process, whose environment this is
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 || n > inheritedMax {
		return nil, fmt.Errorf("LISTEN_FDS must be from 0 to %d, got %q", inheritedMax, getenv("LISTEN_FDS"))
	}
	for fd := firstInherited; fd < firstInherited+n; fd++ {
		f := os.NewFile(uintptr(fd), "socket")
		l, e := net.FileListener(f) // a duplicate
		if e != nil {
			err = errors.Join(err, fmt.Errorf("descriptor %d, which LISTEN_FDS names, is no socket that listens: %w", fd, e))
		} else {
			listeners = append(listeners, l)
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		return nil, err
	}
	return listeners, nil
}
