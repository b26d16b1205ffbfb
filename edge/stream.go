//go:build linux || darwin

package edge

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/h2"
	"github.com/fortunadws/fortuna/edge/http1"
)

// pieceBytes is how much of a streamed body is read at a time: one frame.
const pieceBytes = 16 << 10

// multiplexed reports whether the peer speaks HTTP/2: it has begun so, or TLS has agreed on it, perhaps on the way here.
func (k *carrier) multiplexed() bool {
	return k.streams || k.secure != nil && k.x == nil && k.served == 0 && k.secure.Protocol() == h2.Protocol
}

// multiplex serves HTTP/2 on nc until it ends.
func (k *carrier) multiplex(nc net.Conn) {
	ended := make(chan struct{})
	k.s.h2.Serve(nc, k.in, func(h *h2.Stream) { serveStream(k, h) }, func() { close(ended) })
	<-ended
}

// stream drives one exchange of an HTTP/2 connection, with a goroutine of its own that may block and is the exchange's
// loop.
type stream struct {
	s    *Server
	h    *h2.Stream
	bell chan struct{} // told when there are jobs

	mu    sync.Mutex
	jobs  []func()
	ended bool // no job runs any more

	// Touched on the stream's goroutine only, the last three while reading is false.
	x       *answer
	reader  sync.WaitGroup // the goroutine that reads the body, if it does
	reading bool
	buf     []byte        // for reading
	waited  time.Duration // for the body
	got     int64         // bytes of it
}

// serveStream is the life of a stream.
func serveStream(k *carrier, h *h2.Stream) {
	t := &stream{s: k.s, h: h, bell: make(chan struct{}, 1)}
	t.x = newAnswer(k.s, t, t, k.remote, k.secure)
	defer t.end()
	if !t.begin() {
		return
	}
	t.flush(t.x)
	for t.receive(); t.x.stage != sealed && !t.x.gone; t.receive() {
		select {
		case <-t.bell:
			t.work()
		case <-h.Gone():
			t.x.abandon()
		}
	}
}

// begin reads the request, all of it or its head, and gives it to its handler, or refuses it. It reports false when the
// peer has left.
func (t *stream) begin() bool {
	x := t.x
	err := t.h.Request(&x.req)
	if err == nil {
		switch {
		case x.req.Length == 0:
		case t.s.limits.streams(&x.req):
			x.req.Partial, x.incoming = true, &incoming{}
		default:
			err = t.readWhole()
		}
	}
	switch {
	case errors.Is(err, exchange.ErrGone):
		return false
	case err != nil:
		x.refuse(refusalOf(err))
	default:
		x.begin(true)
		t.s.serveExchange(x)
	}
	return true
}

// Index is negative: no other exchange shares this loop.
func (t *stream) Index() int { return -1 }

// Post runs job on the stream's goroutine, soon. From anywhere.
func (t *stream) Post(job func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.jobs = append(t.jobs, job)
	select {
	case t.bell <- struct{}{}:
	default: // it rings already
	}
	return true
}

func (t *stream) touched(flusher) {} // work looks whether it was

// work runs what was posted and sends what it gave.
func (t *stream) work() {
	t.mu.Lock()
	jobs := t.jobs
	t.jobs = nil
	t.mu.Unlock()
	for _, job := range jobs {
		t.do(job)
	}
	if t.x.dirty {
		t.x.dirty = false
		t.flush(t.x)
	}
}

// do runs a job. What fails here concerns this stream only.
func (t *stream) do(job func()) {
	defer func() {
		if v := recover(); v != nil {
			t.s.log.Error("panic in a job", "loop", t.Index(), "err", v, "stack", string(debug.Stack()))
			t.x.Abort()
		}
	}()
	job()
}

// flush sends what x has, and waits until the peer has taken all but a little.
func (t *stream) flush(x *answer) {
	if x.gone {
		return
	}
	var err error
	if x.ready() {
		err = t.send(x)
	}
	switch {
	case x.stage == sealed:
		x.complete()
	case err != nil: // the peer has left
		x.wait()
		x.abandon()
	default:
		x.wait()
		if job := x.takeDrained(); job != nil {
			t.Post(job)
		}
	}
}

func (t *stream) send(x *answer) error {
	if x.broken {
		t.h.Abort()
		return nil
	}
	header, p := x.header, x.out.take()
	body := p.all()
	if x.refusal != nil {
		fields, text := x.refusal.Answer()
		header, body = fields, [][]byte{[]byte(text)}
	}
	n := int64(bytesOf(body))
	if !x.framed {
		x.framed = true
		length := int64(-1)
		switch {
		case x.refusal == nil && x.length >= 0:
			length = x.length
		case x.stage == sealed:
			length = n
		}
		if hsts := t.s.hsts; hsts != "" {
			header = append(slices.Clip(header), exchange.Field{Name: hstsField, Value: hsts})
		}
		t.h.Head(x.status, header, length)
	}
	if n > 0 && http1.BodyAllowed(x.req.Method, x.status) {
		if x.refusal == nil {
			x.sent += n
		}
		m := &t.s.limits
		if err := t.h.Write(body, int(float64(m.WriteRateMin)*m.WriteDeadline.Seconds())); err != nil {
			return err
		}
	}
	if x.stage == sealed { // what is left is sent when the goroutine returns
		return nil
	}
	return t.h.Flush()
}

// readWhole reads a body that its handler gets at once. It holds what has come, not what was announced.
func (t *stream) readWhole() error {
	q := &t.x.req
	t.buf = make([]byte, min(q.Length, pieceBytes))
	for {
		t.patience()
		n, err := t.read()
		q.Body = append(q.Body, t.buf[:n]...)
		if err == io.EOF {
			t.buf = nil
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// patience is how long the peer may pause within a body.
func (t *stream) patience() {
	if d := t.s.limits.BodyDeadline; d >= 0 {
		t.h.Patience(d)
	}
}

// read reads into buf. The error is io.EOF at the end, ErrGone, or a refusal.
func (t *stream) read() (n int, err error) {
	m, began := &t.s.limits, time.Now()
	n, err = t.h.Read(t.buf)
	t.waited += time.Since(began)
	t.got += int64(n)
	switch {
	case t.got > m.HTTP.BodyBytesMax:
		return 0, refuseLarge
	case errors.Is(err, os.ErrDeadlineExceeded), err == nil && m.slowBody(t.waited, 0, t.got):
		return 0, refuseBody
	case err == nil, err == io.EOF:
		return n, err
	}
	select {
	case <-t.h.Gone():
		return 0, exchange.ErrGone
	default:
		return 0, refuseLength
	}
}

// receive has the next piece of the body read for who waits for it.
func (t *stream) receive() {
	b := t.x.incoming
	if b == nil || b.want == nil || t.reading {
		return
	}
	t.reading = true
	if t.buf == nil {
		t.buf = make([]byte, pieceBytes)
	}
	t.patience()
	t.reader.Go(func() {
		n, err := t.read()
		piece := bytes.Clone(t.buf[:n])
		t.Post(func() { t.received(piece, err) })
	})
}

// received gives the piece to who waits for it.
func (t *stream) received(piece []byte, err error) {
	t.reading = false
	b, x := t.x.incoming, t.x
	want := b.want
	switch {
	case want == nil: // the answer is complete, or the peer has left
	case len(piece) > 0: // an end comes again
		b.want = nil
		want(piece, nil)
	case err == io.EOF:
		b.want, b.ended = nil, true
		want(nil, io.EOF)
	case err != nil && !errors.Is(err, exchange.ErrGone): // for the handler, the peer has left
		x.refuse(refusalOf(err))
		t.flush(x)
		x.desert()
	case err != nil:
		x.abandon()
	}
}

// end tells whoever still answers that it is over.
func (t *stream) end() {
	if v := recover(); v != nil {
		t.s.log.Error("panic while serving a stream", "err", v, "stack", string(debug.Stack()))
		t.h.Abort()
	}
	t.x.abandon()
	for ended := false; !ended; {
		t.work()
		t.mu.Lock()
		ended = len(t.jobs) == 0
		t.ended = ended
		t.mu.Unlock()
	}
	if t.reading {
		t.h.Patience(0)
		t.reader.Wait()
	}
}
