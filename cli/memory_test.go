package cli

import (
	"io/fs"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for _, tt := range []struct {
		live int64
		want int
	}{
		{0, 600}, {1, 600}, {1 << 20, 600}, {6 << 20, 300}, {heapFloorBytes / 2, 100}, {heapFloorBytes, 100}, {1 << 40, 100},
	} {
		if got := gcPercent(tt.live); got != tt.want {
			t.Errorf("gcPercent(%d) = %d, want %d", tt.live, got, tt.want)
		}
	}
}

func TestMemoryMax(t *testing.T) {
	const machine = "MemFree: 1 kB\nMemTotal:       1024 kB\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing says", nil, 0},
		{"machine", map[string]string{"/proc/meminfo": machine}, 1 << 20},
		{"cgroup without a limit", map[string]string{"/sys/fs/cgroup/memory.max": "max\n", "/proc/meminfo": machine}, 1 << 20},
		{"cgroup", map[string]string{"/sys/fs/cgroup/memory.max": "4096\n", "/proc/meminfo": machine}, 4096},
		{"cgroup version 1", map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n"}, 4096},
		{"cgroup beyond the machine", map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "/proc/meminfo": machine}, 1 << 20},
		{"unit of systemd", map[string]string{"/proc/self/cgroup": "0::/system.slice/f.service\n", "/sys/fs/cgroup/system.slice/f.service/memory.max": "512"}, 512},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := memoryMax(func(path string) ([]byte, error) {
				if text, ok := tt.files[path]; ok {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			})
			if got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
