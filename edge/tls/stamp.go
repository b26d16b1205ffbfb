package tls

import (
	"os"
	"slices"
	"time"
)

// stamp is what changes when a file does; zero when there is none.
type stamp struct {
	size     int64
	modified time.Time
	inode    uint64
}

func stampOf(file string) stamp {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{} // loading will say what is wrong
	}
	return stamp{info.Size(), info.ModTime(), inode(info)}
}

// look is the stamps of all files of the configuration, in its order.
func (s *Server) look() []stamp {
	var seen []stamp
	for _, f := range s.config.Certificates {
		seen = append(seen, stampOf(f.Cert), stampOf(f.Key))
	}
	if s.config.ClientCA != "" {
		seen = append(seen, stampOf(s.config.ClientCA))
	}
	return seen
}

func same(a, b []stamp) bool {
	return slices.EqualFunc(a, b, func(x, y stamp) bool {
		return x.size == y.size && x.modified.Equal(y.modified) && x.inode == y.inode
	})
}
