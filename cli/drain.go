package cli

import (
	"context"
	"os"
	"time"

	"github.com/fortunadws/fortuna/runtime"
)

// drain lets what is in flight at e finish, and what also waits for, and then what code has left running, until grace is over or another signal
// comes, and closes e. It reports whether all of it has finished.
func drain(e *entrance, code []*runtime.Runtime, also func(context.Context) error, grace time.Duration, signals <-chan os.Signal) (finished bool) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	done := make(chan bool, 1)
	go func() {
		err := e.Drain(ctx)
		if left := also(ctx); err == nil {
			err = left
		}
		for _, c := range code {
			if left := c.Close(ctx); err == nil { // before the loops end: what was given to waitUntil runs on them
				err = left
			}
		}
		_ = e.Close() // what is left is cut, and the process ends
		done <- err == nil
	}()
	select {
	case finished = <-done:
	case <-signals:
	}
	return finished
}
