package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openKeyboard has a terminal give each key as it is pressed, unseen, until restore is called. What is no terminal is read as it
// is; stdin is nil for one that belongs to another process now: who reads from that is stopped.
func openKeyboard(from io.Reader) (stdin io.Reader, restore func()) {
	f, ok := from.(*os.File)
	if !ok || !isTerminal(f) {
		return from, func() {}
	}
	fd := int(f.Fd())
	if owner, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || owner != unix.Getpgrp() {
		return nil, func() {}
	}
	before, err := unix.IoctlGetTermios(fd, getTerminal)
	if err != nil {
		return from, func() {} // keys come with Enter
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO // Ctrl-C remains a signal
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTerminal, &now); err != nil {
		return from, func() {}
	}
	return from, func() { _ = unix.IoctlSetTermios(fd, setTerminal, before) } // the terminal may be gone
}
