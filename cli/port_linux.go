package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portHolder is who listens on a TCP port, "node, pid 4711", as far as this user may see; "" otherwise.
func portHolder(port int) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, inode := range listeners(data, port) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, fd := range descriptors {
		target, err := os.Readlink(fd)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s, pid %s", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return ""
}

// listeners are the inodes of the sockets in a table of /proc/net/tcp that listen on port.
func listeners(table []byte, port int) []string {
	const (
		localColumn = 1 // "0100007F:2253"
		stateColumn = 3
		inodeColumn = 9
		listening   = "0A"
	)
	var inodes []string
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) <= inodeColumn || f[stateColumn] != listening {
			continue
		}
		_, hex, ok := strings.Cut(f[localColumn], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); ok && err == nil && int(n) == port {
			inodes = append(inodes, f[inodeColumn])
		}
	}
	return inodes
}
