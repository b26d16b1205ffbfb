//go:build unix

package embedded

import (
	"sync"
	"syscall"
	"time"
)

// A disk without any room makes nats-server freeze a stream until it is started again. So nobody may fill it: what is left at
// the end is kept for deletions, snapshots and the server's own files.
const (
	reserveShare    = 20 // a twentieth of the disk,
	reserveBytesMax = 64 << 20
	roomLook        = time.Second // how long it is believed that there is room
)

// room knows how much the disk of a directory still takes.
type room struct {
	dir string

	mu      sync.Mutex
	looked  time.Time
	written int64 // bytes since then
	left    int64 // bytes besides the reserve, then
}

// Full reports whether n more bytes would use up the reserve of the disk. A server in memory is never full.
func (s *Server) Full(n int) bool {
	if s.memory {
		return false
	}
	return s.room.full(int64(n))
}

func (r *room) full(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Half of what there was may be trusted: the server writes more than it is given.
	if now := time.Now(); now.Sub(r.looked) > roomLook || r.written+n > r.left/2 {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(r.dir, &disk); err != nil {
			return false // what cannot be asked is found out by writing
		}
		block := int64(disk.Bsize)
		r.left = int64(disk.Bavail)*block - min(int64(disk.Blocks)*block/reserveShare, reserveBytesMax)
		r.looked, r.written = now, 0
	}
	if n > r.left {
		return true
	}
	r.written += n
	return false
}
