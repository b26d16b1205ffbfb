package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// redisPeer keeps the sessions of the peers that need it to.
var redisPeer = peer{
	name: "redis", needs: []string{"redis-server"}, version: []string{"--version"},
	args: []string{"--port", "{{.Port}}", "--bind", "127.0.0.1", "--save", "", "--dir", "."},
}

// sessionPeers are what is measured, fortuna first.
var sessionPeers = []struct {
	peer
	redis bool
}{
	{peer{name: "fortuna", needs: []string{"fortuna"}, files: map[string]string{"app.js": "session.js", "fortuna.toml": "session.toml"}, args: peerOf("fortuna").args, ready: "ready"}, false},
	{peer{name: "node+express-session+redis", needs: []string{"node"}, files: map[string]string{"server.js": "session_node.js"}, args: []string{"server.js"}}, true},
	{peer{name: "bun+redis", needs: []string{"bun"}, files: map[string]string{"server.js": "session_bun.js"}, args: []string{"run", "server.js"}}, true},
}

// sessionVisitors is how many sessions the load comes with.
const sessionVisitors = 64

// stateful is a server and what keeps its state.
type stateful struct {
	*server
	store *server // nil: itself
	lua   string
}

func (s *stateful) cpu() (time.Duration, error) {
	sum, err := s.server.cpu()
	if err == nil && s.store != nil {
		var more time.Duration
		more, err = s.store.cpu()
		sum += more
	}
	return sum, err
}

// sessions measures what sessions, keys and values cost a request, all processes together that it takes, beside what
// people run today; and how many of a hundred increments at the same time are kept.
func sessions(ctx context.Context, b *bench) (figures []figure, err error) {
	var servers []*stateful
	defer func() {
		for _, s := range servers {
			s.close()
			if s.store != nil {
				s.store.close()
			}
		}
	}()
	for _, p := range sessionPeers {
		dir, err := b.site(filepath.Join("sessions", p.name), nil)
		if err != nil {
			return nil, err
		}
		s := &stateful{}
		env := b.tools.env
		if p.redis {
			if s.store, err = b.start(ctx, redisPeer, dir, b.serverCPU); err != nil {
				return nil, err
			}
			b.tools.env = append(env[:len(env):len(env)], fmt.Sprint("REDIS_PORT=", s.store.port))
		}
		s.server, err = b.start(ctx, p.peer, dir, b.serverCPU)
		b.tools.env = env
		if err != nil {
			if s.store != nil {
				s.store.close()
			}
			return nil, err
		}
		servers = append(servers, s)
		if s.lua, err = b.visitors(ctx, s.server); err != nil {
			return nil, err
		}
	}
	for _, s := range servers {
		kept, err := increments(ctx, s.server)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		figures = append(figures, figure{Name: s.name + ": of 100 increments by 8 clients of one session", Value: float64(kept), Unit: "kept"})
	}
	for _, path := range []string{"/plain", "/read", "/inc", "/get", "/put"} {
		cpus, p99s := make([][]float64, len(servers)), make([][]float64, len(servers))
		for round := range b.rounds + 1 { // round 0 warms up
			for turn := range servers {
				i := (round + turn) % len(servers)
				s := servers[i]
				before, err := s.cpu()
				if err != nil {
					return nil, err
				}
				l, err := b.press(ctx, s.url(path), s.lua, sessionVisitors)
				if err != nil {
					return nil, fmt.Errorf("%s %s: %w\n%s", s.name, path, err, s.log())
				}
				after, err := s.cpu()
				if err != nil {
					return nil, err
				}
				if round > 0 {
					cpus[i] = append(cpus[i], float64((after-before).Microseconds())/float64(l.requests))
					p99s[i] = append(p99s[i], float64(l.p99.Microseconds())/1000)
				}
			}
		}
		for i, s := range servers {
			figures = append(figures,
				figure{Name: s.name + " " + path + ": CPU a request", Unit: "us"}.over(cpus[i]),
				figure{Name: s.name + " " + path + ": p99", Unit: "ms"}.over(p99s[i]))
		}
	}
	return figures, nil
}

// visitors begins sessions and writes a script that comes with one after the other.
func (b *bench) visitors(ctx context.Context, s *server) (path string, err error) {
	var lua strings.Builder
	lua.WriteString("local cookies = {\n")
	for range sessionVisitors {
		cookie, _, err := askOnce(ctx, s, "/inc", "")
		if err != nil {
			return "", err
		}
		if cookie == "" {
			return "", fmt.Errorf("%s gives no cookie", s.name)
		}
		fmt.Fprintf(&lua, "  %q,\n", cookie)
	}
	lua.WriteString("}\nlocal i = 0\nrequest = function()\n  i = i % #cookies + 1\n  return wrk.format(nil, nil, { Cookie = cookies[i] })\nend\n")
	path = filepath.Join(s.dir, "visitors.lua")
	return path, os.WriteFile(path, []byte(lua.String()), 0o644)
}

// askOnce gives the cookie that the client has after a request, and the body.
func askOnce(ctx context.Context, s *server, path, cookie string) (after, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(path), nil)
	if err != nil {
		return "", "", err
	}
	if cookie != "" {
		q.Header.Set("Cookie", cookie)
	}
	a, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return "", "", fmt.Errorf("ask %s: %w\n%s", s.name, err, s.log())
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("%s answers %s with %s %q: %v\n%s", s.name, path, a.Status, text, err, s.log())
	}
	after = cookie
	for _, c := range a.Cookies() {
		after = c.Name + "=" + c.Value
	}
	return after, string(text), nil
}

// increments has 8 clients add 100 to a number of one session, and says how much it has grown.
func increments(ctx context.Context, s *server) (kept int, err error) {
	cookie, _, err := askOnce(ctx, s, "/inc", "")
	if err != nil {
		return 0, err
	}
	var wait sync.WaitGroup
	errs := make(chan error, 8)
	for c := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			own := cookie
			for range 12 + c%2 {
				var err error
				if own, _, err = askOnce(ctx, s, "/inc", own); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	wait.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	path := "/inc"
	if s.name == "fortuna" {
		path = "/now" // what inc gives is what it has come to here; saved, it is what all have
	}
	_, body, err := askOnce(ctx, s, path, cookie)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(body, "n %d", &kept)
	return kept - 2, err
}
