package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	if err := notify(func(name string) string { return map[string]string{"NOTIFY_SOCKET": path}[name] }, "READY=1"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if n, err := manager.Read(got); err != nil || string(got[:n]) != "READY=1" {
		t.Errorf("the manager got %q, %v", got[:n], err)
	}
	if err := notify(func(string) string { return "" }, "READY=1"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	for asked, want := range map[string]time.Duration{"3000000": 1500 * time.Millisecond, "": 10 * time.Second, "-1": 10 * time.Second, "x": 10 * time.Second} {
		if got := watchdogPeriod(func(string) string { return asked }); got != want {
			t.Errorf("WATCHDOG_USEC=%s: each %v, want %v", asked, got, want)
		}
	}
	for value, want := range map[string]string{"relative": "must be an absolute path", filepath.Join(t.TempDir(), "nobody"): "tell the service manager"} {
		if err := notify(func(string) string { return value }, "READY=1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", value, err)
		}
	}
}
