//go:build linux || darwin

package edge

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/tidwall/evio"
)

// outBytesKept is the largest buffer a loop keeps between callbacks.
const outBytesKept = 256 << 10

// loop is one event loop: one evio.Serve with one goroutine, sharing nothing with the others. Only Post may be called
// from another goroutine.
type loop struct {
	s     *Server
	index int

	mu    sync.Mutex
	jobs  []func()
	rung  bool // a byte is on its way to the bell, or jobs are running
	bell  int  // our end of the bell; -1 while there is none
	stop  bool // asked to end
	ended bool // no job runs any more

	// Touched on the loop only.
	conns   []*conn
	dirty   []flusher // touched outside their Serve
	spare   []func()  // the slice jobs are swapped with
	parsers []*http1.Parser
	out     []byte // what the current connection sends, emptied before the callback returns
	plain   []byte // what one record holds; made for the first
	sealed  []byte // the records of what a connection sends
	date    []byte
	now     time.Duration // since the server's start, as of the last sweep
	sweeper *time.Timer
	woken   int        // connections woken whose Data(nil) has not come yet
	began   bool       // the bell was answered once
	ready   chan error // told once, when it was or Serve failed
	done    chan struct{}
}

func newLoop(s *Server, index int) *loop {
	return &loop{s: s, index: index, bell: -1, ready: make(chan error, 1), done: make(chan struct{})}
}

// Index numbers the server's loops from 0.
func (l *loop) Index() int { return l.index }

// run serves until the server closes. evio ends on any failed accept and reports nil (E4), so an end that nobody asked
// for is a crash of this loop: its connections are lost, and it begins again.
func (l *loop) run(addr string) {
	defer close(l.done)
	for backoff := 10 * time.Millisecond; ; backoff = min(2*backoff, time.Second) {
		started := time.Now()
		err := l.serve(addr)
		l.mu.Lock()
		stop := l.stop
		l.hang(-1)
		l.mu.Unlock()
		l.out = l.out[:0]
		if !l.began {
			l.end()
			l.ready <- err
			return
		}
		if stop {
			l.end()
			return
		}
		if time.Since(started) > time.Minute {
			backoff = 10 * time.Millisecond
		}
		l.s.log.Error("event loop ended, serving again", "loop", l.index, "err", err, "dur", backoff)
		select {
		case <-time.After(backoff):
		case <-l.s.closing:
			l.end()
			return
		}
	}
}

func (l *loop) serve(addr string) error {
	dir, err := bellDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sock := filepath.Join(dir, "bell"+strconv.Itoa(l.index))
	var dialErr error
	err = evio.Serve(evio.Events{
		NumLoops: 1,
		Serving: func(evio.Server) evio.Action {
			// The socket listens already, so this does not wait for the loop.
			fd, err := dialSocket(sock)
			if err != nil {
				dialErr = fmt.Errorf("dial bell: %w", err)
				return evio.Shutdown
			}
			l.mu.Lock()
			l.hang(fd)
			l.ring() // for jobs posted before there was a bell
			l.mu.Unlock()
			return evio.None
		},
		Opened:   l.opened,
		Data:     l.data,
		Detached: l.detached,
		Closed:   l.closed,
	}, "tcp://"+addr+"?reuseport=true", "unix://"+sock)
	if dialErr != nil {
		return dialErr
	}
	return err
}

// The callbacks of evio: all on the loop.

// reuse lets evio read every connection into one buffer of the loop; nothing here keeps what it is given.
var reuse = evio.Options{ReuseInputBuffer: true}

const addrBell = 1 // AddrIndex of the bell, second address of Serve

func (l *loop) opened(ec evio.Conn) (out []byte, opts evio.Options, act evio.Action) {
	defer l.recover(ec, &act)
	fd := connFD(ec)
	if ec.AddrIndex() == addrBell {
		closeOnExec(fd)
		pollCloseOnExec(ec)
		if !l.began {
			l.began = true
			l.ready <- nil
		}
		return nil, reuse, evio.None
	}
	return nil, reuse, l.admit(ec, fd)
}

func (l *loop) data(ec evio.Conn, in []byte) (out []byte, act evio.Action) {
	defer l.recover(ec, &act)
	c, ok := ec.Context().(*conn)
	switch {
	case !ok && ec.AddrIndex() != addrBell:
		return nil, evio.Close
	case !ok:
		act = l.jobsDue()
		l.nudge()
		return nil, act
	case len(in) == 0: // a Wake: evio asks for the action again (E2)
		c.awake()
	default:
		c.received(in)
		if len(l.dirty) > 0 {
			l.flushDirty()
			l.nudge()
		}
	}
	return nil, c.act
}

func (l *loop) detached(ec evio.Conn, _ io.ReadWriteCloser) (act evio.Action) {
	defer l.recover(ec, &act)
	if c, ok := ec.Context().(*conn); ok {
		c.detached()
	}
	return evio.None
}

func (l *loop) closed(ec evio.Conn, _ error) (act evio.Action) {
	defer l.recover(ec, &act)
	if c, ok := ec.Context().(*conn); ok {
		c.closed()
	}
	return evio.None
}

// recover keeps a fault of ours from ending the process: evio does not. The connection it happened on is closed.
func (l *loop) recover(ec evio.Conn, act *evio.Action) {
	if v := recover(); v != nil {
		l.s.log.Error("panic on the event loop", "loop", l.index, "err", v, "stack", string(debug.Stack()))
		l.out = l.out[:0]
		*act = evio.Close
		if c, ok := ec.Context().(*conn); ok {
			c.act = evio.Close
		}
		if ec.AddrIndex() != addrBell {
			return
		}
		*act = evio.None // the bell must hang, and hear what is left
		l.mu.Lock()
		l.rung = false
		l.ring()
		l.mu.Unlock()
	}
}

func (l *loop) touched(f flusher) { l.dirty = append(l.dirty, f) }

// flushDirty sends what jobs and other connections' handlers gave to answers.
func (l *loop) flushDirty() {
	for i := 0; i < len(l.dirty); i++ { // flushing may touch more
		if f := l.dirty[i]; f != nil { // nil: flushing it panicked
			l.dirty[i] = nil
			f.flush()
		}
	}
	l.dirty = l.dirty[:0]
}

// serveExchange calls the handler on the loop of x.
func (s *Server) serveExchange(x *answer) {
	x.serving = true
	defer func() {
		x.serving = false
		if v := recover(); v != nil {
			s.log.Error("panic in the handler", "loop", x.home.Index(), "err", v, "stack", string(debug.Stack()))
			x.refuse(refuseHandler)
		}
	}()
	s.handler.Serve(x)
}

// sweep looks at every connection's deadline, and runs again while there are connections.
func (l *loop) sweep() {
	l.tell(time.Now())
	for i := len(l.conns) - 1; i >= 0; i-- { // closing never removes: evio tells closed later
		l.conns[i].expire(l.now)
	}
	if len(l.conns) > 0 {
		l.sweeper.Reset(l.s.sweepEvery)
	} else {
		l.sweeper = nil
	}
}

// tell sets the loop's clock and Date.
func (l *loop) tell(now time.Time) {
	l.now = now.Sub(l.s.started)
	l.date = l.s.appendDate(l.date[:0], now)
}

// add enters c and starts the sweep with the first connection.
func (l *loop) add(c *conn) {
	c.index = int32(len(l.conns))
	l.conns = append(l.conns, c)
	if l.sweeper == nil {
		l.tell(time.Now())
		l.sweeper = time.AfterFunc(l.s.sweepEvery, func() { l.Post(l.sweep) })
	}
}

func (l *loop) remove(c *conn) {
	last := len(l.conns) - 1
	l.conns[c.index] = l.conns[last]
	l.conns[c.index].index = c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
}

// parser lends a parser for the requests of one connection while it has any: an idle one needs none.
func (l *loop) parser() *http1.Parser {
	if n := len(l.parsers); n > 0 {
		p := l.parsers[n-1]
		l.parsers = l.parsers[:n-1]
		return p
	}
	return &http1.Parser{Limits: l.s.limits.HTTP}
}

func (l *loop) giveBack(p *http1.Parser) {
	if len(l.parsers) < 64 {
		p.Reset()
		l.parsers = append(l.parsers, p)
	}
}

// drain closes idle connections. Others close with their answer, since draining is set.
func (l *loop) drain() {
	for _, c := range l.conns {
		if (c.mode == idle || c.mode == shaking) && c.act == evio.None {
			c.part()
			c.cut()
		} else if c.mode == upgraded {
			c.socket.Close(closeGoingAway, "")
		} else if c.x != nil {
			c.x.close = true
		}
	}
}
