//go:build !linux && !darwin

package edge

import (
	"context"
	"errors"
	"net"
)

// Server listens on no address here: the event loop needs epoll or kqueue.
type Server struct{}

// Listen returns an error: only Linux and macOS are supported.
func Listen(Config) (*Server, error) {
	return nil, errors.New("listen: this system is not supported: run on Linux or macOS, on Windows inside WSL")
}

// Addr returns nil.
func (s *Server) Addr() net.Addr { return nil }

// Stats returns zeros.
func (s *Server) Stats() Stats { return Stats{} }

// Respond does nothing.
func (s *Server) Respond(context.Context) error { return nil }

// Drain does nothing.
func (s *Server) Drain(context.Context) error { return nil }

// Close does nothing.
func (s *Server) Close() error { return nil }

func connectionsMax() int { return 0 }
