//go:build linux || darwin

package edge

import (
	"net"
	"slices"
	"time"
)

// relay carries the bytes of a socket between its loop, or this goroutine if it lives here, and its peer, until the
// connection ends.
func (k *carrier) relay(socket slowConn, stream net.Conn) {
	w := k.socket
	tick := time.NewTicker(k.s.sweepEvery)
	defer tick.Stop()
	if len(k.in) > 0 {
		k.pass(k.in)
		k.in = nil
	}
	for told := false; ; {
		k.work()
		last, ok := k.write(stream)
		switch {
		case !ok:
			return
		case last:
			k.linger(socket, stream)
			return
		case k.s.draining.Load() && !told:
			told = true
			k.onHome(func() { w.Close(closeGoingAway, "") })
			continue
		}
		input := k.input
		k.mu.Lock()
		if k.held {
			input = nil
		}
		k.mu.Unlock()
		select {
		case <-k.bell:
		case p, ok := <-input:
			if !ok {
				return
			}
			k.pass(p)
		case <-tick.C:
			k.onHome(func() { w.tick(k.s.clock()) })
		}
	}
}

// closeGoingAway is the code of a server that shuts down (RFC 6455, section 7.4.1).
const closeGoingAway = 1001

// onHome runs job where the socket lives. When that loop has ended the connection goes too.
func (k *carrier) onHome(job func()) {
	if k.socket.home == home(k) {
		k.do(job)
	} else if !k.socket.home.Post(job) {
		k.cut()
	}
}

// pass gives the socket what was read, and reads no more until it has decoded that.
func (k *carrier) pass(p []byte) {
	p = slices.Clone(p)
	k.mu.Lock()
	k.held = true
	k.mu.Unlock()
	k.onHome(func() { k.socket.received(p) })
}

func (k *carrier) more() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = false
	k.ring()
}

func (k *carrier) hold() {} // it holds by itself

func (k *carrier) transmit(out [][]byte, last bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hand(out...)
	k.last = last
	k.drained = k.socket.drained
	k.ring()
}

func (k *carrier) unsent() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.size
}
