//go:build linux || darwin

package edge

import "runtime/debug"

// record tells Config.Access, whose panics must not reach the connection.
func (s *Server) record(r Record) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("panic in the access callback", "err", v, "stack", string(debug.Stack()))
		}
	}()
	s.access(r)
}
