//go:build linux || darwin

package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
)

// A node that nothing listens for is not seen by anybody: its requests go elsewhere, whatever they are.
func TestForward_unreachable(t *testing.T) {
	a := newAuthority(t)
	dead := a.startNode(t, "dead", answering("hello"))
	_ = dead.Close()
	p, addr := a.front(t, upstream.Config{}, dead, a.startNode(t, "well", answering("hello")))
	for i := range 40 {
		if r, body := ask(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"); r.StatusCode != 200 {
			t.Fatalf("request %d: got %d %s", i, r.StatusCode, body)
		}
	}
	if nodes, _ := p.Stats(); nodes[0].Ejections == 0 || nodes[1].Requests != 40 {
		t.Errorf("got %+v", nodes)
	}
}

func TestForward_timeout(t *testing.T) {
	a := newAuthority(t)
	left := make(chan struct{})
	_, addr := a.front(t, upstream.Config{HeadDeadline: 50 * time.Millisecond}, a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		done := x.Done()
		go func() {
			<-done
			close(left)
		}()
	})))
	if r, body := ask(t, addr, get); r.StatusCode != 504 || !strings.HasPrefix(body, "upstream_timeout: ") {
		t.Errorf("got %d %s", r.StatusCode, body)
	}
	<-left // the node hears that nobody waits
}

// The other node hears that the client has left, while it computes and while it writes.
func TestForward_clientGone(t *testing.T) {
	a := newAuthority(t)
	came, left := make(chan struct{}, 1), make(chan struct{}, 1)
	_, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		done := x.Done()
		if x.Request().Path == "/writes" {
			x.Head(200, nil)
			_ = x.Write([]byte("hello"))
		}
		go func() {
			<-done
			left <- struct{}{}
		}()
		came <- struct{}{}
	})))
	for _, path := range []string{"/computes", "/writes"} {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-came
		_ = nc.Close()
		<-left
	}
}

// When a node ends, only what was in flight on it can fail, and of that only what may not be sent again.
func TestForward_kill(t *testing.T) {
	a := newAuthority(t)
	const workers = 16
	var onDoomed sync.Map // numbers of requests that the doomed node was given
	counting := func(doomed bool) exchange.Handler {
		return exchange.HandlerFunc(func(x exchange.Exchange) {
			if doomed {
				onDoomed.Store(x.Request().Get("X-Number"), true)
			}
			x.Loop().Post(func() { answering("hello").Serve(x) })
		})
	}
	doomed := a.startNode(t, "doomed", counting(true))
	p, addr := a.front(t, upstream.Config{}, doomed, a.startNode(t, "two", counting(false)), a.startNode(t, "three", counting(false)))
	var wg sync.WaitGroup
	var number, answered, failed atomic.Int64
	ended := make(chan struct{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	for w := range workers {
		wg.Go(func() {
			for after := 0; after < 50; {
				select {
				case <-ended:
					after++
				default:
				}
				method := "GET"
				if w%2 == 1 {
					method = "POST"
				}
				q, err := http.NewRequest(method, "http://"+addr+"/", http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				id := fmt.Sprint(number.Add(1))
				q.Header.Set("X-Number", id)
				r, err := client.Do(q)
				if err != nil {
					t.Errorf("%s %s: %v", method, id, err)
					return
				}
				body, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if err == nil && r.StatusCode == 200 && string(body) == "hello" {
					answered.Add(1)
					continue
				}
				failed.Add(1)
				if _, there := onDoomed.Load(id); !there && method == "GET" {
					t.Errorf("%s %s failed and was not on the node: %d %s %v", method, id, r.StatusCode, body, err)
				}
			}
		})
	}
	for answered.Load() < 500 {
		runtime.Gosched()
	}
	_ = doomed.Close()
	close(ended)
	wg.Wait()
	nodes, denied := p.Stats()
	t.Logf("%d answered, %d failed, %d retries denied, %+v", answered.Load(), failed.Load(), denied, nodes)
	if failed.Load() > workers {
		t.Errorf("%d failed, and %d at most were in flight", failed.Load(), workers)
	}
	for _, n := range nodes {
		if n.Inflight != 0 {
			t.Errorf("%+v", n)
		}
	}
}

// Requests that a node sends away as it drains are served by another, POST too: it has not looked at them.
func TestForward_drain(t *testing.T) {
	a := newAuthority(t)
	draining := a.startNode(t, "draining", answering("hello"))
	_, addr := a.front(t, upstream.Config{}, draining, a.startNode(t, "well", answering("hello")))
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
	for range 20 {
		ask(t, addr, post)
	}
	drained := make(chan error, 1)
	go func() { drained <- draining.Drain(context.Background()) }()
	for i := range 50 {
		if r, body := ask(t, addr, post); r.StatusCode != 200 {
			t.Errorf("request %d: got %d %s", i, r.StatusCode, body)
		}
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// More requests than a connection takes at once wait, or have another one.
func TestForward_many(t *testing.T) {
	a := newAuthority(t)
	var mu sync.Mutex
	var waiting []exchange.Exchange
	all := make(chan []exchange.Exchange, 1)
	const requests = 900 // two lanes of four connections would take 800 of a node with 100 streams
	one := a.startNode(t, "one", exchange.HandlerFunc(func(x exchange.Exchange) {
		if x.Request().Path == "/now" {
			answering("hello").Serve(x)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if waiting = append(waiting, x); len(waiting) == requests {
			all <- waiting
		}
	}))
	_, addr := a.front(t, upstream.Config{}, one)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			r, err := client.Get("http://" + addr + "/")
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if body, err := io.ReadAll(r.Body); string(body) != "hello" {
				t.Errorf("got %d %s, %v", r.StatusCode, body, err)
			}
		})
	}
	for _, x := range <-all {
		x.Loop().Post(func() { answering("hello").Serve(x) })
	}
	wg.Wait()
}

// Closing a pool ends what is in flight, and says so.
func TestPool_close(t *testing.T) {
	a := newAuthority(t)
	came := make(chan struct{})
	p, addr := a.front(t, upstream.Config{}, a.startNode(t, "one", exchange.HandlerFunc(func(exchange.Exchange) { close(came) })))
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-came
	p.Close()
	r, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil || r.StatusCode != 502 {
		t.Errorf("got %v, %v", r, err)
	}
	if err := p.Update(upstream.Node{Name: "a", Address: "127.0.0.1:1"}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
