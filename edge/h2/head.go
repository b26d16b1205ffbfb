package h2

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// scratch is what it takes to judge a head.
type scratch struct {
	text   []byte
	names  []string
	broken bool // a part of the head has an LF: without, it can be no line but its own
	parser http1.Parser
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Request fills q from the head of the stream. The head is written down as HTTP/1.1 would have it and read by http1, so
// that the rules are the same to the letter; the error is an *http1.Error. Fields are in the order of their names. What
// breaks the rules of HTTP/2 itself (RFC 9113 section 8.2) never becomes a Stream.
func (t *Stream) Request(q *exchange.Request) error {
	s := scratches.Get().(*scratch)
	defer func() {
		clear(s.names)
		scratches.Put(s)
	}()
	s.write(t.r)
	if s.broken {
		return malformed("a line break in the head")
	}
	s.parser.Limits = t.limits.HTTP
	s.parser.Reset()
	if _, _, err := s.parser.Parse(s.text, q); err != nil {
		return err
	}
	switch {
	case t.r.ContentLength < 0:
		q.Length = -1
	case t.r.ContentLength == 0 && q.Length > 0: // the head ended the stream
		return malformed("Content-Length announces a body and there is none")
	}
	return nil
}

// write writes the head of r down.
func (s *scratch) write(r *http.Request) {
	s.text, s.broken = s.text[:0], false
	s.add(r.Method, " ")
	s.add(r.RequestURI, " HTTP/1.1\r\n")
	s.add("Host", ": ")
	s.add(r.Host, "\r\n")
	s.names = s.names[:0]
	for name := range r.Header {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	for _, name := range s.names {
		for _, value := range r.Header[name] {
			if name == "Host" && value == r.Host { // another is refused, being the second
				continue
			}
			s.add(name, ": ")
			s.add(value, "\r\n")
		}
	}
	s.text = append(s.text, "\r\n"...)
}

// add writes a part of the head and what follows it.
func (s *scratch) add(part, then string) {
	s.broken = s.broken || strings.IndexByte(part, '\n') >= 0
	s.text = append(append(s.text, part...), then...)
}

func malformed(reason string) error {
	return &http1.Error{Status: http.StatusBadRequest, Code: "bad_request", Reason: reason}
}
