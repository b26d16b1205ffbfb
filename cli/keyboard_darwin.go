package cli

import "golang.org/x/sys/unix"

// How the settings of a terminal are read and set.
const (
	getTerminal = unix.TIOCGETA
	setTerminal = unix.TIOCSETA
)
