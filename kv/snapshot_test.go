package kv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// household is a store with something of every kind in it, and what its spaces should read.
type household struct {
	store *kv.Store
	seen  map[string][]kv.Entry // by bucket: all entries, with their values, and of history all revisions
}

// buckets are those of a household.
var buckets = map[string]kv.Config{
	"values": {Name: "values", Announce: kv.Keys}, "sessions": {Name: "sessions"}, "history-5": {Name: "history-5", History: 5, Announce: kv.Keys},
}

// connect opens a store.
func connect(t *testing.T, src kv.Source) *kv.Store {
	t.Helper()
	s, err := kv.Open(src, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// spaces opens the buckets of a household.
func spaces(t *testing.T, s *kv.Store) map[string]*kv.Space {
	t.Helper()
	all := map[string]*kv.Space{}
	for name, cfg := range buckets {
		b, err := s.Bucket(within(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b.Space("shop", "CART")
	}
	return all
}

// must puts an entry.
func must(t *testing.T, s *kv.Space, w kv.Write) uint64 {
	t.Helper()
	rev, err := s.Put(within(t), w)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// furnish fills a store: values, one of them large, some that expire, some that are gone, former values, and queues with what
// waits, what is delayed, and what a consumer has.
func furnish(t *testing.T, s *kv.Store) *household {
	t.Helper()
	all := spaces(t, s)
	values := all["values"]
	for i := range 300 {
		must(t, values, kv.Write{Key: fmt.Sprint("k/", i%100), Value: fmt.Appendf(nil, "value %d", i), Meta: fmt.Sprintf(`{"i":%d}`, i)})
	}
	must(t, values, kv.Write{Key: "expires", Value: []byte("soon"), TTL: time.Hour})
	must(t, values, kv.Write{Key: "large", Value: patterned(3*kv.ValueBytesMax+5, 7), Meta: `"large"`})
	must(t, values, kv.Write{Key: "k/7", Delete: true})
	must(t, values, kv.Write{Key: "last", Delete: true})
	for i := range 20 {
		must(t, all["sessions"], kv.Write{Key: fmt.Sprint(i), Value: fmt.Append(nil, i), TTL: time.Duration(i+100) * time.Second})
		must(t, all["history-5"], kv.Write{Key: fmt.Sprint(i % 3), Value: fmt.Append(nil, i)})
	}
	must(t, all["history-5"], kv.Write{Key: "1", Delete: true})

	queues, err := s.Queues(within(t), kv.QueuesConfig{Name: "messages"})
	if err != nil {
		t.Fatal(err)
	}
	q := queues.Queue("shop", "JOBS")
	take(t, consumer(t, q)) // there is one
	for _, m := range []kv.Message{{Body: []byte("done")}, {Body: []byte("a"), Meta: "text"}, {Body: []byte("b"), Delay: time.Second}, {Body: []byte("never"), Delay: time.Hour}} {
		if err := q.Send(within(t), m); err != nil {
			t.Fatal(err)
		}
	}
	take(t, consumer(t, q), "done")
	return &household{s, look(t, all)}
}

// look reads all there is.
func look(t *testing.T, all map[string]*kv.Space) map[string][]kv.Entry {
	t.Helper()
	seen := map[string][]kv.Entry{}
	for name, s := range all {
		page, err := s.List(within(t), "", "", 1000)
		if err != nil || page.More {
			t.Fatal(page.More, err)
		}
		for _, e := range page.Entries {
			read := func() ([]kv.Entry, error) { e, err := s.ReadWhole(within(t), e.Key); return []kv.Entry{e}, err }
			if name == "history-5" {
				read = func() ([]kv.Entry, error) { return s.History(within(t), e.Key) }
			}
			got, err := read()
			if err != nil {
				t.Fatal(err)
			}
			seen[name] = append(seen[name], got...)
		}
	}
	return seen
}

// same checks that a store has what the household had, gives revisions that go on, knows the old ones, and gives the messages
// that waited.
func (h *household) same(t *testing.T, s *kv.Store) {
	t.Helper()
	all := spaces(t, s)
	got := look(t, all)
	for name, want := range h.seen {
		if len(got[name]) != len(want) {
			t.Fatalf("%s has %d entries, want %d", name, len(got[name]), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[name][i], want[i]) {
				t.Fatalf("%s: %+.200v, want %+.200v", name, got[name][i], want[i])
			}
		}
	}
	values := all["values"]
	old, err := values.GetLeader(within(t), "k/8")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := values.GetLeader(within(t), "last")
	if !errors.Is(err, kv.ErrNotFound) {
		t.Fatal(err)
	}
	rev := must(t, values, kv.Write{Key: "k/8", Value: []byte("new"), Check: kv.IfRev(old.Rev)})
	if rev != gone.Rev+1 {
		t.Errorf("the next revision is %d, the last was %d", rev, gone.Rev)
	}
	if _, err := values.Put(within(t), kv.Write{Key: "k/8", Check: kv.IfRev(old.Rev)}); !errors.Is(err, kv.ErrMismatch) {
		t.Errorf("an old revision is taken: %v", err)
	}
	queues, err := s.Queues(within(t), kv.QueuesConfig{Name: "messages"})
	if err != nil {
		t.Fatal(err)
	}
	if d := take(t, consumer(t, queues.Queue("shop", "JOBS")), "a", "b"); d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
}

// backup writes a backup to a file and opens it.
func backup(t *testing.T, s *kv.Store) (string, *kv.Backup) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "backup.tar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	dir := t.TempDir()
	done, err := s.Backup(within(t), f, kv.Moving{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	b, err := kv.OpenBackup(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", done)
	return f.Name(), b
}

// What was backed up is back, in files, in memory and in a cluster.
func TestBackup(t *testing.T) {
	h := furnish(t, connect(t, solo(t)[0]))
	_, b := backup(t, h.store)
	if !b.Has("sessions") || b.Has("secrets") {
		t.Error("it does not know what it has")
	}
	files, err := embedded.Solo(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	for name, sources := range map[string][]kv.Source{"memory": solo(t), "files": {files}, "three": three(t)} {
		t.Run(name, func(t *testing.T) {
			to := connect(t, sources[0])
			told := 0
			done, err := to.Restore(within(t), b, kv.Moving{Told: func(kv.Moved) { told++ }})
			if err != nil || done.Streams != 4 || done.Messages < 100 || done.Bytes < 1000 || told == 0 {
				t.Fatalf("%+v, told %d times, %v", done, told, err)
			}
			if _, err := to.Restore(within(t), b, kv.Moving{}); !errors.Is(err, kv.ErrExists) {
				t.Fatalf("what is there is written over: %v", err)
			}
			h.same(t, connect(t, sources[len(sources)-1]))
			if _, err := to.Restore(within(t), b, kv.Moving{Replace: true}); err != nil {
				t.Fatal(err)
			}
			h.same(t, to)
		})
	}
}

// The state of one node becomes that of three, and outlives any of them from then on.
func TestCopy(t *testing.T) {
	h := furnish(t, connect(t, solo(t)[0]))
	members := cluster(t)
	to := connect(t, members[0])
	done, err := kv.Copy(within(t), h.store, to, kv.Moving{Dir: t.TempDir()})
	if err != nil || done.Streams != 4 {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := kv.Copy(within(t), h.store, to, kv.Moving{}); !errors.Is(err, kv.ErrExists) {
		t.Fatalf("what is there is written over: %v", err)
	}
	// Whoever leads a stream crashes first.
	nc, err := members[0].Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(within(t), "KV_values")
	if err != nil {
		t.Fatal(err)
	}
	lead := 0
	fmt.Sscanf(stream.CachedInfo().Cluster.Leader, "n%d", &lead)
	members[lead-1].Close()
	h.same(t, connect(t, members[lead%3]))
}

// What is replaced while a backup is made is in it, as it was or as it is.
func TestBackup_meanwhile(t *testing.T) {
	s := connect(t, solo(t)[0])
	b, err := s.Bucket(within(t), kv.Config{Name: "values", Announce: kv.Keys})
	if err != nil {
		t.Fatal(err)
	}
	values := b.Space("shop", "CART")
	// More than the server may have read when it first waits to be told that something has come.
	const keys = 48
	random, value := rand.NewChaCha8([32]byte{}), make([]byte, kv.ValueBytesMax) // which cannot be compressed
	for i := range keys {
		_, _ = random.Read(value) // never fails
		must(t, values, kv.Write{Key: fmt.Sprint(i), Value: value})
	}
	var out bytes.Buffer
	changed := false
	_, err = s.Backup(within(t), &out, kv.Moving{Told: func(kv.Moved) {
		if changed {
			return
		}
		changed = true
		for i := range 10 {
			must(t, values, kv.Write{Key: fmt.Sprint(keys - 1 - i), Value: fmt.Append(nil, "changed ", i)})
		}
		must(t, values, kv.Write{Key: "large", Value: patterned(2*kv.ValueBytesMax, 1)})
		must(t, values, kv.Write{Key: "0", Delete: true})
	}})
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	file, err := kv.OpenBackup(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	to := connect(t, solo(t)[0])
	if _, err := to.Restore(within(t), file, kv.Moving{}); err != nil {
		t.Fatal(err)
	}
	restored, err := to.Bucket(within(t), kv.Config{Name: "values", Announce: kv.Keys})
	if err != nil {
		t.Fatal(err)
	}
	want := look(t, map[string]*kv.Space{"values": values})["values"]
	got := look(t, map[string]*kv.Space{"values": restored.Space("shop", "CART")})["values"]
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
}

// A backup that was cut or changed is refused, and nothing is made of it.
func TestOpenBackup_damaged(t *testing.T) {
	h := furnish(t, connect(t, solo(t)[0]))
	name, _ := backup(t, h.store)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	end := len(whole) - 1024 - 447 // zeros
	for cut := 0; cut < end; cut += 1 + end/50 {
		if _, err := kv.OpenBackup(bytes.NewReader(whole[:cut])); !errors.Is(err, kv.ErrBackup) {
			t.Errorf("cut after %d of %d bytes: %v", cut, len(whole), err)
		}
	}
	for at := 600; at < end; at += 1 + end/50 {
		changed := bytes.Clone(whole)
		changed[at] ^= 0x40
		b, err := kv.OpenBackup(bytes.NewReader(changed))
		if err == nil { // it is between two files
			to := connect(t, solo(t)[0])
			if _, err := to.Restore(within(t), b, kv.Moving{}); err != nil {
				t.Errorf("changed at %d: %v", at, err)
			}
		} else if !errors.Is(err, kv.ErrBackup) {
			t.Errorf("changed at %d: %v", at, err)
		}
	}
}

// Others' streams are neither taken nor touched.
func TestBackup_others(t *testing.T) {
	_, s := alone(t)
	if _, err := s.Backup(within(t), io.Discard, kv.Moving{}); !errors.Is(err, kv.ErrNotFound) {
		t.Fatal(err)
	}
	h := furnish(t, connect(t, solo(t)[0]))
	_, b := backup(t, h.store)
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	nc, err := server.Connect("other")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: "values"}); err != nil {
		t.Fatal(err)
	}
	to := connect(t, server)
	if _, err := to.Backup(within(t), io.Discard, kv.Moving{}); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("another's bucket is backed up: %v", err)
	}
	if _, err := to.Restore(within(t), b, kv.Moving{Replace: true}); !errors.Is(err, kv.ErrExists) {
		t.Errorf("another's bucket is replaced: %v", err)
	}
}

// A restore that is broken off leaves no part of a stream.
func TestRestore_interrupted(t *testing.T) {
	h := furnish(t, connect(t, solo(t)[0]))
	_, b := backup(t, h.store)
	to := connect(t, solo(t)[0])
	ctx, cancel := context.WithCancel(within(t))
	if _, err := to.Restore(ctx, b, kv.Moving{Told: func(kv.Moved) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := to.Restore(within(t), b, kv.Moving{}); err != nil {
		t.Fatal(err)
	}
	h.same(t, to)
}

// A backup that cannot be written fails, and leaves nothing behind.
func TestBackup_noRoom(t *testing.T) {
	h := furnish(t, connect(t, solo(t)[0]))
	dir := t.TempDir()
	if _, err := h.store.Backup(within(t), full{}, kv.Moving{Dir: dir}); !errors.Is(err, errNoRoom) {
		t.Error(err)
	}
	if _, err := h.store.Backup(within(t), io.Discard, kv.Moving{Dir: filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

var errNoRoom = errors.New("no room")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errNoRoom }
