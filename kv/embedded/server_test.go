package embedded_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// write puts a key, and read gets it, through a server that is opened for it.
func write(t *testing.T, o embedded.Options, key string) {
	t.Helper()
	with(t, o, func(ctx context.Context, s *kv.Space) {
		if _, err := s.Put(ctx, kv.Write{Key: key, Value: []byte(key)}); err != nil {
			t.Fatal(err)
		}
	})
}

func with(t *testing.T, o embedded.Options, f func(ctx context.Context, s *kv.Space)) {
	t.Helper()
	server, err := embedded.Solo(o)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	store, err := kv.Open(server, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b, err := store.Bucket(ctx, kv.Config{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	f(ctx, b.Space("app"))
}

func TestSolo_keeps(t *testing.T) {
	for _, d := range []embedded.Durability{embedded.Process, embedded.Second, embedded.Always} {
		o := embedded.Options{Dir: filepath.Join(t.TempDir(), "state"), Durability: d}
		write(t, o, "a")
		write(t, o, "b")
		with(t, o, func(ctx context.Context, s *kv.Space) {
			for _, key := range []string{"a", "b"} {
				if e, err := s.Get(ctx, key); err != nil || string(e.Value) != key {
					t.Errorf("durability %d: %+v, %v", d, e, err)
				}
			}
		})
	}
}

func TestSolo_memory(t *testing.T) {
	write(t, embedded.Options{}, "a")
	with(t, embedded.Options{}, func(ctx context.Context, s *kv.Space) {
		if _, err := s.Get(ctx, "a"); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("memory is kept: %v", err)
		}
	})
}

// Of two processes one has the store, and the other learns which.
func TestSolo_inUse(t *testing.T) {
	o := embedded.Options{Dir: t.TempDir()}
	with(t, o, func(context.Context, *kv.Space) {
		_, err := embedded.Solo(o)
		if !errors.Is(err, embedded.ErrInUse) {
			t.Errorf("got %v", err)
		}
	})
	write(t, o, "again")
}

// A store of another kind would be deleted: it is refused.
func TestSolo_otherStore(t *testing.T) {
	o := embedded.Options{Dir: t.TempDir()}
	write(t, o, "a")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	here := embedded.Address{Host: "127.0.0.1", Port: port}
	_, err = embedded.Clustered(o, embedded.Cluster{Name: "c", Node: "n1", Listen: here, Members: []embedded.Address{here, here, here}})
	if err == nil || !strings.Contains(err.Error(), `"solo"`) {
		t.Errorf("got %v", err)
	}
	with(t, o, func(ctx context.Context, s *kv.Space) {
		if _, err := s.Get(ctx, "a"); err != nil {
			t.Errorf("lost: %v", err)
		}
	})
}

func TestSolo_badDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Solo(embedded.Options{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// A member says at once why it cannot begin.
func TestClustered_portInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	here := embedded.Address{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
	_, err = embedded.Clustered(embedded.Options{Dir: t.TempDir()}, embedded.Cluster{Name: "c", Node: "n1", Listen: here, Members: []embedded.Address{here, here, here}})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
	for _, c := range []embedded.Cluster{{Name: "c", Node: "n 1"}, {Name: "", Node: "n"}, {Name: "c", Node: "n", Members: []embedded.Address{here}}} {
		if _, err := embedded.Clustered(embedded.Options{Dir: t.TempDir()}, c); err == nil {
			t.Errorf("%+v began", c)
		}
	}
}

// The reserve of the disk is nobody's.
func TestServer_Full(t *testing.T) {
	s, err := embedded.Solo(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.Full(1 << 60) {
		t.Error("an exabyte fits")
	}
	if s.Full(1) {
		t.Error("what was refused is counted as written")
	}
	memory, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if memory.Full(1 << 60) {
		t.Error("memory has a disk")
	}
}
