package cli

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// notify tells the service manager about the state, if there is one that asks (sd_notify of systemd).
func notify(getenv func(string) string, state string) error {
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	if !strings.HasPrefix(socket, "@") && !filepath.IsAbs(socket) {
		return fmt.Errorf("NOTIFY_SOCKET must be an absolute path or begin with @, got %q", socket)
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	_, err = c.Write([]byte(state))
	return errors.Join(err, c.Close())
}

// watchdogPeriod is how often to tell the service manager that all is well: twice as often as it asks, and often enough
// to notice ourselves when it does not.
func watchdogPeriod(getenv func(string) string) time.Duration {
	if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 && us < 1<<40 {
		return max(time.Duration(us)*time.Microsecond/2, time.Millisecond)
	}
	return 10 * time.Second
}
