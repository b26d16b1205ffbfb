//go:build linux

package edge

import (
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// BenchmarkHello is one request and its answer over loopback, the client's share included.
func BenchmarkHello(b *testing.B) {
	s := start(b, Config{Handler: answering("hello")})
	c := dial(b, s)
	benchmarkRequests(b, c, answerBytes(b, c))
}

// BenchmarkHello_carried is the same on the goroutine driver.
func BenchmarkHello_carried(b *testing.B) {
	s := start(b, Config{Handler: detachFirst(answering("hello"))})
	c := dial(b, s)
	c.moveToCarrier()
	benchmarkRequests(b, c, answerBytes(b, c))
}

// BenchmarkHello_posted is an answer given by a job posted from another goroutine.
func BenchmarkHello_posted(b *testing.B) {
	hello := answering("hello")
	s := start(b, Config{Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		go x.Loop().Post(func() { hello.Serve(x) })
	})})
	c := dial(b, s)
	benchmarkRequests(b, c, answerBytes(b, c))
}

// answerBytes is the size of one answer on the wire.
func answerBytes(b *testing.B, c *client) int {
	b.Helper()
	c.send(get)
	c.answer("GET")
	c.send(get)
	if _, err := c.Peek(1); err != nil {
		b.Fatal(err)
	}
	n := c.Buffered()
	if _, err := c.Discard(n); err != nil {
		b.Fatal(err)
	}
	return n
}

func benchmarkRequests(b *testing.B, c *client, size int) {
	if err := c.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, size)
	b.ReportAllocs()
	for b.Loop() {
		c.send(get)
		if _, err := io.ReadFull(c.Conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPost is one job through the bell.
func BenchmarkPost(b *testing.B) {
	s := start(b, Config{Handler: answering("hello")})
	done := make(chan struct{})
	for b.Loop() {
		s.loops[0].Post(func() { done <- struct{}{} })
		<-done
	}
}

// BenchmarkSlowReader reports the CPU the process takes while a peer does not read its 32 MiB and sends one more byte;
// with evio's own writes it is 104 %.
func BenchmarkSlowReader(b *testing.B) {
	s := start(b, Config{Handler: answering(string(make([]byte, 32<<20)))})
	for b.Loop() {
		c := dial(b, s)
		c.send(get)
		c.send("G")
		before, t := cpu(b), time.Now()
		<-time.After(500 * time.Millisecond) // what is measured: nothing happens
		b.ReportMetric(100*float64(cpu(b)-before)/float64(time.Since(t)), "%CPU")
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
