//go:build unix

package tls

import (
	"os"
	"syscall"
)

// inode tells a file from another that replaced it with the same size within the clock's step.
func inode(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
