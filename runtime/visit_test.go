package runtime

import (
	"context"
	"errors"
	"testing"
)

// Who waits for a turn in a VM whose loop has ended does not wait for ever, and what it wanted done is not done later.
func TestInvocation_callAfterTheEnd(t *testing.T) {
	var posted []func()
	inv := &invocation{vm: &vm{post: func(job func()) { posted = append(posted, job) }}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	if err := inv.call(ctx, func() error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, job := range posted {
		job()
	}
	if ran {
		t.Error("it ran when nobody waited for it any more")
	}
}
