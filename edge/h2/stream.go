package h2

import (
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// Stream is one request and its answer. It belongs to the goroutine it is given on, whose return completes the answer;
// only Read may be called from another, which must have ended by then: net/http uses again what is below.
type Stream struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	limits  *Limits
	last    bool // the connection ends with it
	aborted bool
}

// serve is the handler of net/http: it gives a request to who serves its connection.
func serve(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	last, ok := c.begin()
	if !ok {
		panic(http.ErrAbortHandler)
	}
	defer c.end()
	t := &Stream{w: w, r: r, control: http.NewResponseController(w), limits: c.limits, last: last}
	c.stream(t)
	if t.aborted {
		panic(http.ErrAbortHandler) // net/http resets the stream
	}
}

// Gone is closed when the peer has reset the stream or has left.
func (t *Stream) Gone() <-chan struct{} { return t.r.Context().Done() }

// Patience is how long the next Read may wait for more of the body; 0 or less ends one that waits, and all that follow.
func (t *Stream) Patience(d time.Duration) { _ = t.control.SetReadDeadline(time.Now().Add(d)) } // it fails when reading does

// Read reads from the body, whose bytes the peer may send again when they were read. The error is io.EOF at the end and
// os.ErrDeadlineExceeded when the patience has ended; after any there is nothing more to read.
func (t *Stream) Read(p []byte) (int, error) { return t.r.Body.Read(p) }

// Head sets the status, 200 to 999, and the header, without what AppendHead of http1 drops. length is of the whole body
// in bytes, -1 when it is not known.
func (t *Stream) Head(status int, header []exchange.Field, length int64) {
	h := t.w.Header()
	for i := range header {
		if f := &header[i]; http1.Sendable(f) {
			name := textproto.CanonicalMIMEHeaderKey(f.Name)
			h[name] = append(h[name], f.Value)
		}
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // not to be guessed
	}
	if length > 0 || length == 0 && http1.BodyAllowed(t.r.Method, status) {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	if t.last {
		h["Connection"] = []string{"close"} // net/http sends GOAWAY for it
	}
	t.w.WriteHeader(status)
}

// Write sends pieces of the body and waits until the peer has taken them, all but what the kernel holds. A peer that takes
// none for the WriteDeadline, or less than bytesMin in it, has left.
func (t *Stream) Write(pieces [][]byte, bytesMin int) error {
	for _, p := range pieces {
		for len(p) > 0 {
			n := len(p)
			if bytesMin > 0 {
				n = min(n, bytesMin)
			}
			t.hurry()
			if _, err := t.w.Write(p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
	}
	return nil
}

// Flush sends what Head and Write have gathered.
func (t *Stream) Flush() error {
	t.hurry()
	err := t.control.Flush()
	if t.limits.WriteDeadline >= 0 && err == nil {
		err = t.control.SetWriteDeadline(time.Time{})
	}
	return err
}

// hurry gives the peer until the WriteDeadline to take what is written next.
func (t *Stream) hurry() {
	if d := t.limits.WriteDeadline; d >= 0 {
		_ = t.control.SetWriteDeadline(time.Now().Add(d)) // the next write tells what is wrong
	}
}

// Abort has the stream reset instead of completed, so that the peer can tell.
func (t *Stream) Abort() { t.aborted = true }
