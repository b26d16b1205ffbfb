package assets

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fortunadws/fortuna/edge/compress"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// file is one file of the directory.
type file struct {
	a           *Assets
	name        string // in the directory
	size        int64
	modified    time.Time
	tag         string // of an ETag: changes with the content
	contentType string
	header      []exchange.Field
	body        []byte // nil when it is read from the disk
	encoded     atomic.Pointer[encodings]
}

// encodings are the forms of a file that are smaller than itself. They are never changed once a file has them.
type encodings struct {
	codings []compress.Coding
	bodies  map[compress.Coding][]byte
}

// keep adds a form.
func (f *file) keep(c compress.Coding, body []byte) {
	next := &encodings{bodies: map[compress.Coding][]byte{}}
	if now := f.encoded.Load(); now != nil {
		for c, b := range now.bodies {
			next.bodies[c] = b
		}
	}
	next.bodies[c] = body
	for _, c := range compress.Codings {
		if next.bodies[c] != nil {
			next.codings = append(next.codings, c)
		}
	}
	f.encoded.Store(next)
}

// encode makes the encodings of what is in memory, one file after the other: until its turn has come a file is sent as it
// is. On a goroutine of its own.
func (a *Assets) encode() {
	for _, f := range a.files {
		if f.body == nil || len(f.body) < compress.BytesMin || !compress.Gains(f.contentType) {
			continue
		}
		for _, c := range []compress.Coding{compress.Brotli, compress.Gzip} {
			select {
			case <-a.done:
				return
			default:
			}
			if now := f.encoded.Load(); now != nil && now.bodies[c] != nil {
				continue // a build has left it
			}
			if p := compress.Encode(c, compress.Thorough, f.body); len(p) < len(f.body) {
				f.keep(c, p)
			}
		}
	}
}

// form is a file as one client gets it.
type form struct {
	body   []byte
	tag    string
	header []exchange.Field
}

// formFor chooses among the encodings what the client prefers.
func (f *file) formFor(q *exchange.Request) form {
	out := form{body: f.body, tag: `"` + f.tag + `"`}
	header := make([]exchange.Field, 0, len(f.header)+6)
	header = append(header, f.header...)
	if e := f.encoded.Load(); e != nil {
		header = append(header, exchange.Field{Name: "Vary", Value: "Accept-Encoding"})
		if c := compress.Negotiate(q.List("Accept-Encoding"), e.codings); c != compress.Identity {
			out.body, out.tag = e.bodies[c], fmt.Sprintf(`"%s-%s"`, f.tag, c)
			header = append(header, exchange.Field{Name: "Content-Encoding", Value: string(c)})
		}
	}
	out.header = header
	return out
}

// serve answers with the file. On the exchange's loop.
func (f *file) serve(x exchange.Exchange, status int) {
	q := x.Request()
	q.Route = Route
	switch {
	case status == 200 && conditional(q):
		f.serveConditional(x)
	case f.body == nil:
		f.stream(x, status)
	default:
		v := f.formFor(q)
		header := append(v.header, exchange.Field{Name: "ETag", Value: v.tag}, exchange.Field{Name: "Last-Modified", Value: httpTime(f.modified)},
			exchange.Field{Name: "Accept-Ranges", Value: "bytes"})
		x.Head(status, header)
		x.Length(int64(len(v.body)))
		if q.Method != "HEAD" {
			_ = x.Write(v.body) // the peer has left: End says the rest
		}
		x.End()
	}
}

// conditional reports whether a request asks for something other than all of the file (RFC 9110, sections 13 and 14).
func conditional(q *exchange.Request) bool {
	for i := range q.Header {
		name := q.Header[i].Name
		if len(name) > 3 && (name[0]|0x20 == 'i' && name[1]|0x20 == 'f' && name[2] == '-') || exchange.EqualFold(name, "Range") {
			return true
		}
	}
	return false
}

func httpTime(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

func tagOf(size int64, modified time.Time) string {
	return fmt.Sprintf("%x-%x", size, modified.UnixNano())
}
