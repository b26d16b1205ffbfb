package h2

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// connKey is where the context of a request has its conn.
type connKey struct{}

// conn is a connection as net/http sees it. It watches the frames of both directions, and ends the connection when there
// are too many of those that cost their sender nothing. One goroutine reads; one at a time writes.
type conn struct {
	net.Conn
	read   []byte // before it was ours, and not yet given away
	limits *Limits
	stream func(*Stream)
	ended  func()

	// Of the reading goroutine.
	in            frames
	units         int // that began: frames, a block of fields being one
	timed         int // which of them has a deadline; -1 for none
	continuations int // of the current block

	writing sync.Mutex
	out     frames
	said    bool // GOAWAY, for a flood

	mu       sync.Mutex
	since    time.Time // when the counts of floods began
	resets   int
	controls int
	flooded  bool
	highest  uint32 // the last stream the peer opened
	requests int
	running  int // streams
	closed   bool
}

// Read gives net/http what the peer has sent, once it is known to be no flood.
func (c *conn) Read(p []byte) (n int, err error) {
	if len(c.read) > 0 {
		n = copy(p, c.read)
		c.read = c.read[n:]
	} else {
		n, err = c.Conn.Read(p)
	}
	c.in.feed(p[:n], c.arrived)
	if c.hasFlooded() {
		c.leave()
		return 0, io.EOF
	}
	switch {
	case !c.amid():
		if c.timed >= 0 {
			c.timed = -1
			c.due(-1)
		}
	case c.timed != c.units:
		c.timed = c.units
		c.due(c.limits.HeadDeadline)
	}
	return n, err
}

// amid reports whether the peer must go on soon: not between frames, and not in DATA, for which bodies have rules.
func (c *conn) amid() bool {
	if c.in.skip > 0 && c.in.last.kind == frameData && c.units > 0 {
		return false
	}
	return !c.in.between() || c.in.open()
}

// due ends reading after d; a negative d is no deadline.
func (c *conn) due(d time.Duration) {
	var at time.Time
	if d >= 0 {
		at = time.Now().Add(d)
	}
	_ = c.Conn.SetReadDeadline(at) // a connection that is closed needs none
}

// SetReadDeadline does nothing: reading has the deadlines of Read.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// Write sends what net/http has for the peer.
func (c *conn) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.said {
		return len(p), nil // an error would have net/http close the connection before the peer can read why
	}
	n, err = c.Conn.Write(p)
	c.out.feed(p[:n], c.departed)
	if c.hasFlooded() {
		c.say()
	}
	return n, err
}

// arrived judges a frame of the peer.
func (c *conn) arrived(f frame) {
	if f.kind != frameContinuation {
		c.units++
		c.continuations = 0
	}
	switch f.kind {
	case frameHeaders:
		c.mu.Lock()
		c.highest = max(c.highest, f.stream)
		c.mu.Unlock()
	case frameContinuation:
		if c.continuations++; c.continuations > ContinuationsMax {
			c.flood()
		}
	case frameReset:
		c.count(&c.resets, c.limits.ResetsMax)
	case frameWindow: // as many as there are pieces of an answer
	case frameData:
		if f.length == 0 && f.flags&flagEndStream == 0 {
			c.count(&c.controls, c.limits.ControlsMax)
		}
	default:
		c.count(&c.controls, c.limits.ControlsMax)
	}
}

// departed judges a frame of ours: what the peer makes us reset counts as what it resets (CVE-2025-8671).
func (c *conn) departed(f frame) {
	if f.kind == frameReset && f.code != codeNone && f.code != codeInternal && f.code != codeRefused {
		c.count(&c.resets, c.limits.ResetsMax)
	}
}

// count adds one to a count of what may happen so often in FloodPeriod.
func (c *conn) count(n *int, limit int) {
	c.mu.Lock()
	if now := time.Now(); now.Sub(c.since) > FloodPeriod {
		c.since, c.resets, c.controls = now, 0, 0
	}
	*n++
	over := over(*n, limit)
	c.mu.Unlock()
	if over {
		c.flood()
	}
}

// flood has the reading goroutine end the connection.
func (c *conn) flood() {
	c.mu.Lock()
	c.flooded = true
	c.mu.Unlock()
	c.due(0)
}

func (c *conn) hasFlooded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flooded
}

// leave tells the peer to calm down, and gives it the time to read that.
func (c *conn) leave() {
	_ = c.Conn.SetWriteDeadline(time.Now().Add(farewellMax)) // the peer may not read
	c.writing.Lock()
	c.say()
	c.writing.Unlock()
	c.due(farewellMax)
	_, _ = io.Copy(io.Discard, c.Conn) // until the deadline, or the peer's end
}

// say sends GOAWAY, as soon as a frame may begin. Called with writing held.
func (c *conn) say() {
	if c.said || !c.out.between() {
		return
	}
	c.said = true
	c.mu.Lock()
	highest := c.highest
	c.mu.Unlock()
	_, _ = c.Conn.Write(appendGoAway(nil, highest, codeCalm)) // who does not read it sees the end
}

// appendGoAway appends a GOAWAY frame (RFC 9113 section 6.8).
func appendGoAway(dst []byte, last, code uint32) []byte {
	dst = append(dst, 0, 0, 8, frameGoAway, 0, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	return binary.BigEndian.AppendUint32(dst, code)
}

// begin counts a stream that runs. It reports whether it is the last one allowed, and false when the connection is closed.
func (c *conn) begin() (last, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, false
	}
	c.running++
	c.requests++
	return over(c.requests+1, c.limits.RequestsMax), true
}

// end counts a stream that ran.
func (c *conn) end() {
	c.mu.Lock()
	c.running--
	over := c.closed && c.running == 0
	c.mu.Unlock()
	if over {
		c.ended()
	}
}

// Close closes the connection.
func (c *conn) Close() error {
	c.mu.Lock()
	again, over := c.closed, c.running == 0
	c.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	err := c.Conn.Close()
	if over {
		c.ended()
	}
	return err
}
