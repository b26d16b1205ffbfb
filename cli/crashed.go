package cli

import (
	"errors"
	"io/fs"
	"os"
	"runtime/debug"
)

// crashFile is where a process that ends by its own fault leaves why, in the data directory of a node. One that is killed leaves
// nothing.
const crashFile = "crash.log"

// crashed reports whether the last process of the node ended by its own fault, and has this one leave word when it does.
func (m *member) crashed() (yes bool, err error) {
	name := m.identity.Path(crashFile)
	info, err := os.Stat(name)
	switch {
	case err == nil:
		yes = info.Size() > 0
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if yes {
		if err := os.Rename(name, name+".1"); err != nil { // to be looked at
			return yes, err
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return yes, err
	}
	defer f.Close() // it is duplicated
	return yes, debug.SetCrashOutput(f, debug.CrashOptions{})
}
