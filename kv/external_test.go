package kv_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/fortunadws/fortuna/kv"
)

// An error that people see, and logs keep, has no password in it.
func TestExternal_password(t *testing.T) {
	for _, url := range []string{"nats://app:s3cret@nats.example:42x2", "nats://app:s3cret@127.0.0.1:1", "nats://app:s3%zzcret@127.0.0.1:1", "nats://s3crettoken@127.0.0.1:1,nats://app:s3@x@127.0.0.1:2"} {
		_, err := kv.Open(kv.External{URL: url}, "x")
		if err == nil || strings.Contains(fmt.Sprint(err), "s3") || strings.Contains(fmt.Sprint(err), "zzcret") {
			t.Errorf("%v", err)
		}
	}
}

// What a server lacks is said at once, with what to do about it.
func TestExternal_unfit(t *testing.T) {
	for name, c := range map[string]struct {
		options server.Options
		want    string
	}{
		"no JetStream":   {server.Options{}, "start it with -js"},
		"small messages": {server.Options{JetStream: true, MaxPayload: 64 << 10}, "set max_payload = 1048576"},
		"fit":            {server.Options{JetStream: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.options
			o.Host, o.Port, o.NoLog, o.NoSigs, o.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, true, t.TempDir()
			s, err := server.NewServer(&o)
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			t.Cleanup(func() {
				s.Shutdown()
				s.WaitForShutdown()
			})
			if !s.ReadyForConnections(30 * time.Second) {
				t.Fatal("the server is never ready")
			}
			store, err := kv.Open(kv.External{URL: s.ClientURL(), Copies: 1}, "x")
			if err == nil {
				store.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
