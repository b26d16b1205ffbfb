package cli

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestPortHolder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if got, want := portHolder(port), fmt.Sprintf(", pid %d", os.Getpid()); !strings.HasSuffix(got, want) {
		t.Errorf("portHolder = %q, want it to end in %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := portHolder(port); got != "" {
		t.Errorf("portHolder of a free port = %q", got)
	}
}
