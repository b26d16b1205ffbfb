//go:build unix

package embedded

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// lock keeps a second process out of a store: nats-server does not, and two of them ruin it. It ends with the process.
type lock struct {
	file *os.File
}

// acquire takes the lock, or says who has it: an error that wraps ErrInUse.
func acquire(name string) (*lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if err != syscall.EWOULDBLOCK {
			return nil, fmt.Errorf("lock the state directory: %w", err)
		}
		owner := make([]byte, 20)
		n, _ := f.Read(owner) // unreadable: nobody is named
		return nil, fmt.Errorf("%w by process %s", ErrInUse, strings.TrimSpace(string(owner[:n])))
	}
	// For people only: the lock itself is the kernel's.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	return &lock{f}, nil
}

func (l *lock) release() {
	if l != nil {
		l.file.Close()
	}
}
