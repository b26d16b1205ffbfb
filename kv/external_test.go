package kv_test

import (
	"fmt"
	"strings"
	"testing"

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
