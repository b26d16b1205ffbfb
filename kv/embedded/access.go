package embedded

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// Rights are what a connection may say to the server, and hear from it: subjects, with wildcards. Denied ones win.
type Rights struct {
	// Inbox is what the subjects begin with on which it may want answers: the server sends an answer wherever it is asked to,
	// also where the connection itself may say nothing.
	Inbox string

	Publish, PublishDenied     []string
	Subscribe, SubscribeDenied []string
}

// access decides who connects as whom. Every connection shows a pass: the process itself, and the tools of the same person,
// may do anything; others have the rights that Admit gave them. Passes stay in the process: whoever lets a connection in
// shows the pass for it.
type access struct {
	own string

	mu     sync.Mutex
	rights map[string]*server.Permissions // by pass
}

func newAccess() *access { return &access{own: rand.Text(), rights: map[string]*server.Permissions{}} }

// Check lets a connection in that shows a pass; the server asks.
func (a *access) Check(c server.ClientAuthentication) bool {
	pass := c.GetOpts().Token
	if pass == a.own {
		return true
	}
	a.mu.Lock()
	rights := a.rights[pass]
	a.mu.Unlock()
	if rights == nil {
		return false
	}
	c.RegisterUser(&server.User{Username: "guest", Permissions: rights})
	return true
}

// admit makes a pass; the returned function ends it.
func (a *access) admit(r Rights) (pass string, end func()) {
	pass = rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rights[pass] = &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: r.Publish, Deny: r.PublishDenied},
		Subscribe: &server.SubjectPermission{Allow: r.Subscribe, Deny: r.SubscribeDenied},
	}
	return pass, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.rights, pass)
	}
}

// Admit carries a connection of somebody else to the server, with rights, until either side ends it. Who it is has been found
// out before.
func (s *Server) Admit(outer net.Conn, r Rights) error {
	pass, end := s.access.admit(r)
	defer end()
	return s.carry(outer, pass, func(to io.Writer, from *bufio.Reader) error { return filter(to, from, r.Inbox) })
}

// carry pipes a connection to the server and shows the pass for it. What it says afterwards is passed on by rest.
func (s *Server) carry(outer net.Conn, pass string, rest func(to io.Writer, from *bufio.Reader) error) error {
	defer outer.Close()
	s.mu.Lock()
	frozen := s.carried == nil
	if !frozen {
		s.carried[outer] = struct{}{}
	}
	s.mu.Unlock()
	if frozen {
		return errNowhere
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.carried, outer)
	}()
	inner, err := s.nats.InProcessConn()
	if err != nil {
		return fmt.Errorf("carry a connection to the state store: %w", err)
	}
	defer inner.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(outer, inner) // the end of either is the end of both
		outer.Close()
	}()
	in := bufio.NewReaderSize(outer, lineBytesMax)
	if err = present(inner, in, pass); err == nil {
		err = rest(inner, in)
	}
	inner.Close()
	outer.Close() // or both sides could wait for each other to read
	<-done
	return err
}

// unfiltered passes on what somebody says who may say everything.
func unfiltered(to io.Writer, from *bufio.Reader) error {
	_, err := io.Copy(to, from)
	return err
}

// lineBytesMax bounds a line of a client, as the server does.
const lineBytesMax = 4 << 10

// present passes on the first line of a client, with the pass in it.
func present(to io.Writer, in *bufio.Reader, pass string) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("carry a connection to the state store: its first line: %w", err)
	}
	const verb = "CONNECT "
	options := map[string]any{}
	if !bytes.HasPrefix(line, []byte(verb)) || json.Unmarshal(bytes.TrimSpace(line[len(verb):]), &options) != nil {
		return errors.New("carry a connection to the state store: it does not begin with CONNECT")
	}
	options["auth_token"] = pass
	text, err := json.Marshal(options)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "%s%s\r\n", verb, text)
	return err
}
