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
	if err := s.write(t.r); err != nil {
		return err
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
func (s *scratch) write(r *http.Request) error {
	if strings.ContainsAny(r.Method, " \r\n") || strings.ContainsAny(r.RequestURI, " \r\n") || strings.ContainsAny(r.Host, "\r\n") {
		return malformed("a space or a line break in :method, :path or :authority")
	}
	s.text = append(s.text[:0], r.Method...)
	s.text = append(s.text, ' ')
	s.text = append(s.text, r.RequestURI...)
	s.text = append(s.text, " HTTP/1.1\r\n"...)
	s.line("Host", r.Host)
	s.names = s.names[:0]
	for name := range r.Header {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	for _, name := range s.names {
		for _, value := range r.Header[name] {
			if strings.ContainsAny(value, "\r\n") {
				return malformed("a line break in a field")
			}
			if name == "Host" && value == r.Host { // another is refused, being the second
				continue
			}
			s.line(name, value)
		}
	}
	s.text = append(s.text, "\r\n"...)
	return nil
}

func (s *scratch) line(name, value string) {
	s.text = append(s.text, name...)
	s.text = append(s.text, ": "...)
	s.text = append(s.text, value...)
	s.text = append(s.text, "\r\n"...)
}

func malformed(reason string) error {
	return &http1.Error{Status: http.StatusBadRequest, Code: "bad_request", Reason: reason}
}
