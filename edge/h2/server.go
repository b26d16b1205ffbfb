// Package h2 speaks HTTP/2 (RFC 9113) on connections it is given: it turns their streams into requests, by the rules of
// http1, and takes the pieces of an answer to each. It knows neither who answers nor where a connection comes from.
//
// Frames, flow control and HPACK are net/http's, whose server is given one connection after the other. Around each lies a
// conn that watches the frames go by and ends a connection that floods; each request becomes a Stream.
package h2

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// Preface is what a client that speaks HTTP/2 sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Protocol is the name of HTTP/2 in ALPN (RFC 9113 section 3.2).
const Protocol = "h2"

// Marker is how much of Preface tells it from every request of another version.
const Marker = "PRI * HTTP/2.0"

// Server serves connections. Its methods may be called from anywhere.
type Server struct {
	limits Limits
	http   http.Server
	queue  queue
}

// New returns a server that serves what it is given until Close.
func New(limits Limits, log *slog.Logger) *Server {
	s := &Server{limits: limits, queue: queue{conns: make(chan net.Conn), closed: make(chan struct{})}}
	s.http = http.Server{
		Handler:        http.HandlerFunc(serve),
		Protocols:      new(http.Protocols),
		IdleTimeout:    max(limits.IdleDeadline, 0),
		MaxHeaderBytes: limits.HTTP.HeaderBytesMax,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          atMost(limits.StreamsMax),
			MaxDecoderHeaderTableSize:     TableBytesMax,
			MaxEncoderHeaderTableSize:     TableBytesMax,
			MaxReadFrameSize:              frameBytesMax,
			MaxReceiveBufferPerConnection: ConnectionWindowBytes,
			MaxReceiveBufferPerStream:     max(limits.WindowBytes, WindowBytesMin),
			SendPingTimeout:               PingAfter,
			PingTimeout:                   PingDeadline,
			WriteByteTimeout:              max(limits.WriteDeadline, 0),
		},
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, nc)
		},
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		DisableGeneralOptionsHandler: true,
	}
	s.http.Protocols.SetUnencryptedHTTP2(true) // a conn decrypts by itself
	go func() { _ = s.http.Serve(&s.queue) }() // ends with Close or Drain
	return s
}

// Serve serves nc, of which read has been read already, and owns it from now on: each request is given to stream, on a
// goroutine of its own, whose return completes the answer. ended is called once, when the connection is closed and no
// stream runs. Under TLS, nc is what the bytes were decrypted by.
func (s *Server) Serve(nc net.Conn, read []byte, stream func(*Stream), ended func()) {
	c := &conn{Conn: nc, read: read, limits: &s.limits, stream: stream, ended: ended}
	c.in.skip = len(Preface)
	c.due(s.limits.HeadDeadline)
	select {
	case s.queue.conns <- c:
	case <-s.queue.closed:
		_ = c.Close()
	}
}

// Drain tells every peer to send no more requests (GOAWAY), and closes each connection when its last answer is complete.
// No connection is served any more.
func (s *Server) Drain() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.http.Shutdown(now) // it would wait for what ended tells
}

// Close closes every connection.
func (s *Server) Close() {
	_ = s.http.Close() // the errors of closing connections
}

// queue is a net.Listener that accepts what it is given.
type queue struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case nc := <-q.conns:
		return nc, nil
	case <-q.closed:
		return nil, io.EOF
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
