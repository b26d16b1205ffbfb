//go:build linux || darwin

package edge

import (
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
	"github.com/fortunadws/fortuna/edge/tls"
)

// drainedBytes is how much of an answer may be unsent for it to count as drained: enough for the connection to be busy
// while more is made.
const drainedBytes = 64 << 10

// readBytes is how much a carrier reads at a time; it has two buffers of it.
const readBytes = 4 << 10

// carrier drives a connection that left its loop, with a goroutine that may block and one that reads ahead of it. Its
// exchanges live on the first; one that began on a loop stays there and only hands its bytes over.
type carrier struct {
	s      *Server
	remote netip.AddrPort
	bell   chan struct{} // told when what mu guards has changed, and when the server drains
	input  chan []byte   // what was read, borrowed until the next receive; closed when the peer sends no more
	quit   chan struct{} // closed when the carrier ends

	mu      sync.Mutex
	nc      net.Conn // the socket; nil until adopted
	jobs    []func()
	out     [][]byte   // framed and not yet written
	size    int        // bytes of out
	drained func()     // for the home of x, when little of out is left
	free    bool       // the exchange in flight was completed
	last    bool       // and nothing follows it
	dead    bool       // the connection was cut
	ended   bool       // no job runs any more
	held    bool       // the socket has yet to decode what was read
	socket  *websocket // what the connection has become; nil while it is HTTP

	// Touched on the carrying goroutine only.
	secure *tls.Session // nil without TLS
	sealed bool         // at first, the first piece of out is records
	x      *answer      // being parsed or answered, here or on the loop it began on
	dirty  []flusher
	parser http1.Parser
	in     []byte
	mode   mode // idle to busy
	since  time.Time
	moved  time.Time
	seen   int64
	served int32

	refused bool // at the door
	streams bool // the peer speaks HTTP/2
}

// carry takes over c, which evio has let go of. On the loop of c.
func carry(c *conn) {
	s := c.loop.s
	k := &carrier{
		s: s, remote: c.remote, bell: make(chan struct{}, 1), input: make(chan []byte), quit: make(chan struct{}),
		out: c.rest, last: c.mode == closing, dead: c.mode == dead,
		x: c.x, in: c.in, mode: c.mode, since: time.Now(), served: c.served, refused: c.refused, secure: c.secure, sealed: c.sealed,
		streams: c.streams,
	}
	k.moved = k.since
	k.size = bytesOf(k.out)
	if c.parser != nil {
		k.parser = *c.parser
	} else {
		k.parser.Limits = s.limits.HTTP
	}
	switch w := c.socket; {
	case w != nil:
		k.socket, w.line = w, k
		if len(k.out) > 0 {
			k.drained = w.drained
		}
	case c.x == nil:
		k.mode = idle
	case c.x.waiting: // the connection may have been cut meanwhile
		c.x.driver, k.mode = k, busy // home remains: the handler's jobs are on their way there
		k.drained = c.x.takeDrained()
	default:
		c.x.driver, c.x.home = k, k
	}
	fd := int(c.fd)
	k.start(func() (net.Conn, error) { return adopt(fd) })
}

// start begins to carry the connection that open gives.
func (k *carrier) start(open func() (net.Conn, error)) {
	k.s.mu.Lock()
	k.s.carrying[k] = struct{}{}
	k.s.mu.Unlock()
	k.s.carried.Add(1)
	k.s.carriers.Add(1)
	go k.run(open)
}

// Index is negative: no other connection shares this loop.
func (k *carrier) Index() int { return -1 }

// Post runs job on the carrying goroutine, soon. From anywhere.
func (k *carrier) Post(job func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	k.jobs = append(k.jobs, job)
	k.ring()
	return true
}

func (k *carrier) ring() {
	select {
	case k.bell <- struct{}{}:
	default: // it rings already
	}
}

func (k *carrier) touched(f flusher) { k.dirty = append(k.dirty, f) }

// flush hands over what x has. On x's home, which may be a loop.
func (k *carrier) flush(x *answer) {
	if x.gone {
		return
	}
	var head []byte
	var body [][]byte
	if x.ready() {
		if b := x.incoming; b != nil && !b.ended && !x.framed {
			x.close = true // nobody may want the rest of the body
		}
		head, body = x.frame(nil, k.s.appendDate(nil, time.Now()))
	}
	k.mu.Lock()
	sealed := x.stage == sealed
	behind := !sealed && len(head)+len(body) > 0 && over(k.size, k.s.limits.UnsentBytesMax)
	if len(head) > 0 {
		k.hand(head)
	}
	k.hand(body...)
	if x.drained != nil || sealed {
		k.drained = x.takeDrained()
	}
	k.free = sealed
	k.last = sealed && x.close && x.socket == nil
	dead := k.dead
	if !dead { // else end may have looked for it already
		k.socket = x.socket
	}
	k.ring()
	k.mu.Unlock()
	switch {
	case sealed:
		switch w := x.socket; {
		case w == nil:
		case dead:
			w.lost()
		default:
			w.open(k)
		}
		x.complete()
	case behind:
		x.wait()
		x.abandon()
	default:
		x.wait()
	}
	if behind || x.broken {
		k.cut()
	}
}

// hand gives pieces to the carrying goroutine. Called with mu held.
func (k *carrier) hand(pieces ...[]byte) {
	k.out = append(k.out, pieces...)
	k.size += bytesOf(pieces)
}

// cut ends the connection now. From anywhere.
func (k *carrier) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = true
	if k.nc != nil {
		_ = k.nc.Close() // it may be closed already
	}
	k.ring()
}

// run is the life of a carried connection.
func (k *carrier) run(open func() (net.Conn, error)) {
	defer k.end()
	nc, err := open()
	k.mu.Lock()
	k.nc = nc
	k.mu.Unlock()
	if err != nil {
		k.s.log.Debug("carry connection", "err", err)
		return
	}
	socket := slowConn{nc, &k.s.limits}
	stream, ok := k.attach(socket)
	if !ok {
		return
	}
	if k.multiplexed() {
		k.multiplex(stream)
		return
	}
	go k.read(stream)
	if k.mode == upgraded {
		k.relay(socket, stream)
		return
	}
	tick := time.NewTicker(k.s.sweepEvery)
	defer tick.Stop()
	for {
		k.work()
		if k.receive() {
			continue
		}
		last, ok := k.write(stream)
		switch {
		case !ok:
			return
		case last:
			k.linger(socket, stream)
			return
		case k.mode == upgraded:
			k.relay(socket, stream)
			return
		case k.begins():
			k.begin()
			continue
		case k.mode <= inBody && len(k.in) > 0 && k.trip():
			continue
		case k.mode == idle && len(k.in) == 0 && k.s.draining.Load():
			k.part(stream)
			return
		}
		input := k.input
		if k.deaf() {
			input = nil
		}
		select {
		case <-k.bell:
		case p, ok := <-input:
			if !ok {
				return
			}
			k.in = append(k.in, p...)
		case now := <-tick.C:
			if !k.expire(now) {
				k.part(stream)
				return
			}
		}
	}
}

// read reads ahead, one buffer at a time, and notices that the peer has gone.
func (k *carrier) read(nc net.Conn) {
	defer close(k.input)
	var bufs [2][readBytes]byte // one borrowed by the carrier, one being filled
	for i := 0; ; i ^= 1 {
		n, err := nc.Read(bufs[i][:])
		if n > 0 {
			select {
			case k.input <- bufs[i][:n]:
			case <-k.quit:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// work runs what was posted and flushes what it gave.
func (k *carrier) work() {
	k.mu.Lock()
	jobs := k.jobs
	k.jobs = nil
	k.mu.Unlock()
	for _, job := range jobs {
		k.do(job)
	}
	for i := 0; i < len(k.dirty); i++ { // flushing may touch more
		k.do(k.dirty[i].flush)
	}
	k.dirty = k.dirty[:0]
}

// do runs a job. What fails here concerns this connection only, so it ends.
func (k *carrier) do(job func()) {
	defer func() {
		if v := recover(); v != nil {
			k.s.log.Error("panic in a job", "loop", k.Index(), "err", v, "stack", string(debug.Stack()))
			k.cut()
		}
	}()
	job()
}

// write sends all that was handed over. It reports whether that was the last answer, and false when the connection
// has ended.
func (k *carrier) write(stream net.Conn) (last, ok bool) {
	for {
		k.mu.Lock()
		if k.dead {
			k.mu.Unlock()
			return false, false
		}
		if job := k.drained; job != nil && k.size <= drainedBytes {
			k.drained = nil
			home := k.home()
			k.mu.Unlock()
			home.Post(job)
			continue
		}
		if len(k.out) == 0 {
			k.out = nil
			last = k.last
			if k.free {
				k.free = false
				k.x, k.mode = nil, idle
				if k.socket != nil {
					k.mode = upgraded
				}
				k.since = time.Now()
			}
			k.mu.Unlock()
			return last, true
		}
		p := k.out[0]
		k.out[0] = nil
		k.out = k.out[1:]
		k.mu.Unlock()
		_, err := stream.Write(p)
		k.mu.Lock()
		k.size -= len(p)
		k.mu.Unlock()
		if err != nil {
			return false, false
		}
	}
}

// home is where the exchange in flight lives, or the socket. Called with mu held.
func (k *carrier) home() exchange.Loop {
	if k.socket != nil {
		return k.socket.home
	}
	return k.x.home
}

// trip parses one request from k.in and serves it. It reports whether there was anything to do.
func (k *carrier) trip() bool {
	if k.x == nil {
		k.x = newAnswer(k.s, k, k, k.remote, k.secure)
	}
	n, done, err := k.parser.Parse(k.in, &k.x.req)
	if n == len(k.in) {
		k.in = nil
	} else {
		k.in = append(k.in[:0], k.in[n:]...)
	}
	switch {
	case err != nil:
		k.refuse(refusalOf(err))
		return true
	case !done:
		k.become(modeOf(k.parser.Phase(), len(k.in)))
		if k.begins() {
			return true
		}
		if k.parser.WantContinue() {
			k.mu.Lock()
			k.hand(http1.AppendContinue(nil))
			k.mu.Unlock()
			return true
		}
		return false
	}
	k.serve()
	return true
}

// serve gives the request to its handler.
func (k *carrier) serve() {
	k.served++
	k.mode = busy
	k.x.begin(k.parser.KeepAlive() && !over(int(k.served)+1, k.s.limits.RequestsMax))
	k.s.serveExchange(k.x)
	k.flush(k.x)
}

func (k *carrier) become(m mode) {
	if k.mode != m {
		k.mode, k.since = m, time.Now()
		k.moved, k.seen = k.since, 0
	}
}

// refuse answers the request that is being read, which is the last one.
func (k *carrier) refuse(e *http1.Error) {
	k.in, k.mode = nil, busy
	k.x.refuse(e)
	k.flush(k.x)
}

// linger closes our side and discards input, so that the peer can read its last answer, until it closes its own.
func (k *carrier) linger(socket slowConn, stream net.Conn) {
	k.part(stream)
	if socket.CloseWrite() != nil {
		return
	}
	var enough <-chan time.Time
	if d := k.s.limits.LingerMax; d >= 0 {
		enough = time.After(d)
	}
	for {
		select {
		case _, ok := <-k.input:
			if !ok {
				return
			}
		case <-enough:
			return
		case <-k.s.closing:
			return
		}
	}
}

// end closes the connection and tells whoever still answers on it.
func (k *carrier) end() {
	if v := recover(); v != nil {
		k.s.log.Error("panic while carrying a connection", "err", v, "stack", string(debug.Stack()))
	}
	close(k.quit)
	k.cut()
	if k.secure != nil {
		k.secure.Close()
	}
	if x := k.x; x != nil && k.mode == busy {
		// A loop that takes no jobs has ended: nobody else touches x.
		if x.home == home(k) || !x.home.Post(x.abandon) {
			k.do(x.abandon)
		}
	}
	k.mu.Lock()
	w := k.socket
	k.mu.Unlock()
	if w != nil && (w.home == home(k) || !w.home.Post(w.lost)) {
		w.lost()
	}
	for ended := false; !ended; {
		k.work()
		k.mu.Lock()
		ended = len(k.jobs) == 0
		k.ended = ended
		k.mu.Unlock()
	}
	k.s.mu.Lock()
	delete(k.s.carrying, k)
	k.s.mu.Unlock()
	k.s.carried.Add(-1)
	if k.refused {
		k.s.leaveRefused()
	} else {
		k.s.leave(k.remote.Addr())
	}
	k.s.carriers.Done()
}
