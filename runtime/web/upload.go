package web

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

// upload is the body of an outgoing request that a stream makes while it is sent, a chunk at a time and no faster than the
// server takes them. The transport reads and closes it on goroutines of its own.
type upload struct {
	ctx    context.Context
	cancel func(reason goja.Value) // of the stream, in a turn
	wake   chan struct{}           // told when something of the following has changed

	mu     sync.Mutex
	chunk  []byte
	ticket Ticket       // for who waits until chunk is taken
	next   func() error // which is called in a turn then
	err    error        // behind chunk: io.EOF, or why the rest will not come
	closed bool
}

// upload begins to read a stream, for an outgoing request that ends with ctx.
func (r *Realm) upload(ctx context.Context, stream *goja.Object) *upload {
	u := &upload{ctx: ctx, wake: make(chan struct{}, 1)}
	u.cancel = r.Send(stream, func(chunk []byte, next func() error) (later bool) {
		if len(chunk) == 0 {
			return false
		}
		t, err := r.host.Begin("fetch")
		if err != nil {
			panic(r.TypeError("fetch: %v", err))
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.closed {
			t.Release()
			panic(r.TypeError("fetch: the server wants no more of the body"))
		}
		u.chunk, u.ticket, u.next = chunk, t, next
		u.tell()
		return true
	}, func() {
		u.end(io.EOF)
	}, func(reason goja.Value) {
		what, _, _ := strings.Cut(r.inspect(reason), "\n") // without its stack
		u.end(fmt.Errorf("the stream of the body failed: %s", cut(what, 300)))
	})
	return u
}

func (u *upload) tell() {
	select {
	case u.wake <- struct{}{}:
	default: // it was told already
	}
}

func (u *upload) end(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
	u.tell()
}

// Read waits for a chunk.
func (u *upload) Read(p []byte) (int, error) {
	for {
		n, err := u.take(p)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-u.wake:
		case <-u.ctx.Done():
			return 0, u.ctx.Err()
		}
	}
}

// take reads what there is, perhaps nothing.
func (u *upload) take(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return 0, io.ErrClosedPipe
	case len(u.chunk) == 0:
		return 0, u.err
	}
	n := copy(p, u.chunk)
	if u.chunk = u.chunk[n:]; len(u.chunk) == 0 {
		u.ticket.Settle(u.next)
		u.chunk, u.ticket, u.next = nil, nil, nil
	}
	return n, nil
}

// Close tells the stream that nobody wants more of it.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t := u.ticket; t != nil {
		u.ticket = nil
		t.Settle(func() error {
			u.cancel(goja.Undefined())
			return nil
		})
	}
	u.closed = true
	u.tell()
	return nil
}
