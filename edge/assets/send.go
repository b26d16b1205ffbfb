package assets

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// pieceBytes is how much of a file on the disk is read at a time. A client that is slow holds two pieces at most: one that
// is not yet sent to its end, and the next.
const pieceBytes = 128 << 10

// rangesMax is how many ranges of a file one request may ask for. Each costs far more than its bytes, so a request for
// more is answered with all of the file (RFC 9110 section 14.2 allows it).
const rangesMax = 16

var errLeft = errors.New("assets: the client has left")

// serveConditional answers requests with conditions and ranges: their rules, and their precedence (RFC 9110, section
// 13.2.2), are those of net/http.
func (f *file) serveConditional(x exchange.Exchange) {
	q := x.Request()
	v := f.formFor(q)
	w := &writer{x: x, loop: x.Loop(), header: http.Header{}, gone: x.Done()}
	tag, modified := v.tag, f.modified
	r := &http.Request{Method: q.Method, Header: http.Header{}}
	for i := range q.Header {
		r.Header.Add(q.Header[i].Name, q.Header[i].Value)
	}
	if strings.Count(r.Header.Get("Range"), ",") >= rangesMax {
		r.Header.Del("Range")
	}
	f.a.work.Go(func() {
		var content io.ReadSeeker = bytes.NewReader(v.body)
		if f.body == nil {
			opened, info, err := f.open()
			if err != nil {
				w.fail()
				return
			}
			defer opened.Close()
			content, modified, tag = opened, info.ModTime(), `"`+tagOf(info.Size(), info.ModTime())+`"`
		}
		for _, h := range v.header {
			w.header.Add(h.Name, h.Value)
		}
		w.header.Set("ETag", tag)
		http.ServeContent(w, r, f.name, modified, content)
		w.end()
	})
}

// open opens the file as it is now.
func (f *file) open() (*os.File, fs.FileInfo, error) {
	opened, err := f.a.root.Open(f.name)
	if err != nil {
		return nil, nil, err
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, opened.Close())
	}
	return opened, info, nil
}

// stream answers with a file that is read from the disk.
func (f *file) stream(x exchange.Exchange, status int) {
	head := x.Request().Method == "HEAD"
	w := &writer{x: x, loop: x.Loop(), header: http.Header{}, gone: x.Done()}
	f.a.work.Go(func() {
		opened, info, err := f.open()
		if err != nil {
			w.fail()
			return
		}
		defer opened.Close()
		for _, h := range f.header {
			w.header.Add(h.Name, h.Value)
		}
		w.header.Set("ETag", `"`+tagOf(info.Size(), info.ModTime())+`"`)
		w.header.Set("Last-Modified", httpTime(info.ModTime()))
		w.header.Set("Accept-Ranges", "bytes")
		w.header.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
		w.WriteHeader(status)
		if !head {
			w.copy(opened, info.Size())
		}
		w.end()
	})
}

// copy writes the first n bytes of a file. It stops early when the file has become shorter, which breaks the answer off
// because another length was announced, and when the client has left.
func (w *writer) copy(from io.Reader, n int64) {
	for n > 0 {
		piece := make([]byte, min(n, pieceBytes))
		read, err := io.ReadFull(from, piece)
		if read == 0 || w.give(piece[:read]) != nil || err != nil {
			return
		}
		n -= int64(read)
	}
}

// writer is an exchange for a goroutine that may wait: a net/http.ResponseWriter.
type writer struct {
	x      exchange.Exchange // touched on loop only
	loop   exchange.Loop
	header http.Header
	gone   <-chan struct{}
	begun  bool
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	length, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
	var fields []exchange.Field
	for name, values := range w.header {
		if name == "Content-Length" {
			continue
		}
		for _, v := range values {
			fields = append(fields, exchange.Field{Name: name, Value: v})
		}
	}
	w.loop.Post(func() {
		w.x.Head(status, fields)
		if err == nil && status != http.StatusNotModified {
			w.x.Length(length)
		}
	})
}

func (w *writer) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if err := w.give(bytes.Clone(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// give waits until the peer has taken all but a little of a piece, which is the exchange's from now on.
func (w *writer) give(piece []byte) error {
	drained := make(chan error, 1)
	posted := w.loop.Post(func() {
		if err := w.x.Write(piece); err != nil {
			drained <- err
			return
		}
		w.x.Drained(func() { drained <- nil })
	})
	if !posted {
		return errLeft
	}
	select {
	case err := <-drained:
		return err
	case <-w.gone:
		return errLeft
	case <-time.After(writeMax): // the connection has ended with its loop
		return errLeft
	}
}

// writeMax is far above what the edge lets a peer take for a piece.
const writeMax = time.Hour

func (w *writer) end() {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	w.loop.Post(w.x.End)
}

// fail answers for a file that is there no more.
func (w *writer) fail() {
	w.loop.Post(func() {
		w.x.Head(http.StatusNotFound, []exchange.Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}})
		_ = w.x.Write([]byte("the file is gone\n")) // the peer has left: End says the rest
		w.x.End()
	})
}
