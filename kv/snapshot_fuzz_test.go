package kv

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go/jetstream"
)

// packed is a snapshot with a consumer and a message.
func packed(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	p := &packer{w: &out}
	to := archive.NewWriter(p)
	for _, e := range []struct {
		h    archive.Header
		text string
	}{
		{archive.Header{Name: "state.json"}, `{"messages":1,"first_seq":1,"last_seq":1,"consumer_count":1}`},
		{archive.Header{Name: "consumers/c"}, `{}`},
		{archive.Header{Name: "$KV.b.k", Sequence: 1, Timestamp: 1}, "value"},
		{archive.Header{}, ""},
	} {
		e.h.PayloadSize = int64(len(e.text))
		if err := pass(to, &e.h, bytes.NewReader([]byte(e.text))); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Whatever is given for a snapshot is read to its end or refused, and what is passed on of it can be read again.
func FuzzWithoutConsumers(f *testing.F) {
	f.Add(packed(f))
	f.Add([]byte(identifier))
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		r := withoutConsumers(bytes.NewReader(snapshot))
		defer r.Close()
		bare, err := io.ReadAll(r)
		if err != nil {
			return
		}
		again, err := io.ReadAll(withoutConsumers(bytes.NewReader(bare)))
		if err != nil || !bytes.Equal(again, bare) {
			t.Errorf("%q is not read again: %v", bare, err)
		}
	})
}

func TestWithoutConsumers(t *testing.T) {
	plain, err := io.ReadAll(&unpacker{r: withoutConsumers(bytes.NewReader(packed(t)))})
	if err != nil || bytes.Contains(plain, []byte("consumers/c")) || !bytes.Contains(plain, []byte("value")) {
		t.Errorf("%q, %v", plain, err)
	}
}

// Whatever is given for a backup is refused as that, or is one.
func FuzzOpenBackup(f *testing.F) {
	name := filepath.Join(f.TempDir(), "snapshot")
	text := packed(f)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		f.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		f.Fatal(err)
	}
	m := manifest{Format: backupFormat, Version: backupNow, Streams: []snapshot{{
		Config: jetstream.StreamConfig{
			Name: "KV_values", Subjects: []string{"$KV.values.>"},
			RePublish: &jetstream.RePublish{Source: "$KV.values.>", Destination: "fortuna.kv.values.>"},
		},
		Size: int64(len(text)), SHA256: fmt.Sprintf("%x", sha256.Sum256(text)),
	}}}
	var out bytes.Buffer
	if err := m.write(&out, []*os.File{file}); err != nil {
		f.Fatal(err)
	}
	if _, err := OpenBackup(bytes.NewReader(out.Bytes())); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, backup []byte) {
		b, err := OpenBackup(bytes.NewReader(backup))
		if err != nil {
			if !errors.Is(err, ErrBackup) {
				t.Error(err)
			}
			return
		}
		if len(b.m.Streams) == 0 || b.Bytes < 0 {
			t.Errorf("%+v", b)
		}
	})
}

// What a manifest may not ask for.
func TestParseManifest_hostile(t *testing.T) {
	const sum = `"sha256":"0123456789012345678901234567890123456789012345678901234567890123"`
	const stream = `{"config":{"name":"KV_a","subjects":["$KV.a.>"],"republish":{"src":"$KV.a.>","dest":"fortuna.kv.a.>"}},` + sum + `}`
	wrap := func(s string) string { return `{"format":"fortuna-backup","version":1,"streams":[` + s + `]}` }
	if _, err := parseManifest([]byte(wrap(stream))); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"nothing":           wrap(""),
		"twice":             wrap(stream + "," + stream),
		"another version":   `{"format":"fortuna-backup","version":2,"streams":[` + stream + `]}`,
		"another format":    `{"format":"zip","version":1,"streams":[` + stream + `]}`,
		"another name":      wrap(`{"config":{"name":"OTHER","subjects":["other"]},` + sum + `}`),
		"a path":            wrap(`{"config":{"name":"KV_../a","subjects":["$KV.../a.>"]},` + sum + `}`),
		"other subjects":    wrap(`{"config":{"name":"KV_a","subjects":["$KV.a.>",">"],"republish":{"src":"$KV.a.>","dest":"fortuna.kv.a.>"}},` + sum + `}`),
		"other republish":   wrap(`{"config":{"name":"KV_a","subjects":["$KV.a.>"],"republish":{"src":"$KV.a.>","dest":"elsewhere.>"}},` + sum + `}`),
		"a mirror":          wrap(`{"config":{"name":"KV_a","subjects":["$KV.a.>"],"mirror":{"name":"x"},"republish":{"src":"$KV.a.>","dest":"fortuna.kv.a.>"}},` + sum + `}`),
		"a size below zero": wrap(`{"size":-1,"config":{"name":"KV_a","subjects":["$KV.a.>"],"republish":{"src":"$KV.a.>","dest":"fortuna.kv.a.>"}},` + sum + `}`),
		"no checksum":       wrap(`{"config":{"name":"KV_a","subjects":["$KV.a.>"],"republish":{"src":"$KV.a.>","dest":"fortuna.kv.a.>"}}}`),
	} {
		if _, err := parseManifest([]byte(text)); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
