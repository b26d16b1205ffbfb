package ws_test

import (
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/ws"
)

// request is the example of RFC 6455, section 1.3, with fields replaced, or left out when their value is "-".
func request(fields ...string) *exchange.Request {
	q := &exchange.Request{Method: "GET", Minor: 1}
	for _, f := range []exchange.Field{
		{Name: "Host", Value: "server.example.com"}, {Name: "Upgrade", Value: "websocket"}, {Name: "Connection", Value: "Upgrade"},
		{Name: "Sec-WebSocket-Key", Value: "dGhlIHNhbXBsZSBub25jZQ=="}, {Name: "Sec-WebSocket-Version", Value: "13"},
	} {
		keep := true
		for i := 0; i < len(fields); i += 2 {
			keep = keep && !strings.EqualFold(fields[i], f.Name)
		}
		if keep {
			q.Header = append(q.Header, f)
		}
	}
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "-" {
			q.Header = append(q.Header, exchange.Field{Name: fields[i], Value: fields[i+1]})
		}
	}
	return q
}

func TestAgree(t *testing.T) {
	terms, err := ws.Agree(request(), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(terms.AppendFields(nil)), "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, q := range map[string]*exchange.Request{
		"lists":             request("connection", "keep-alive, UPGRADE", "upgrade", "h2c, WebSocket"),
		"Connection twice":  request("Connection", "keep-alive", "Connection", "Upgrade"),
		"unknown extension": request("Sec-WebSocket-Extensions", "x-webkit; a=b"),
	} {
		if _, err := ws.Agree(q, nil, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	post, old, body := request(), request(), request()
	post.Method, old.Minor, body.Length = "POST", 0, -1
	for name, c := range map[string]struct {
		q      *exchange.Request
		status int
	}{
		"POST":               {post, 405},
		"HTTP/1.0":           {old, 400},
		"a body":             {body, 400},
		"no upgrade":         {request("Upgrade", "-"), 426},
		"another upgrade":    {request("Upgrade", "h2c"), 426},
		"no connection":      {request("Connection", "-"), 426},
		"connection close":   {request("Connection", "close"), 426},
		"no version":         {request("Sec-WebSocket-Version", "-"), 426},
		"version 8":          {request("Sec-WebSocket-Version", "8"), 426},
		"two versions":       {request("Sec-WebSocket-Version", "13", "Sec-WebSocket-Version", "13"), 426},
		"no key":             {request("Sec-WebSocket-Key", "-"), 400},
		"a short key":        {request("Sec-WebSocket-Key", "c2hvcnQ="), 400},
		"a key of no base64": {request("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ!="), 400},
		"two keys":           {request("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), 400},
	} {
		if _, err := ws.Agree(c.q, nil, true); err == nil || err.Status != c.status || err.Message == "" {
			t.Errorf("%s: got %v, want a %d", name, err, c.status)
		}
	}
}

func TestAgree_protocol(t *testing.T) {
	choose := func(names ...string) (all []exchange.Field) {
		for _, n := range names {
			all = append(all, exchange.Field{Name: "sec-websocket-protocol", Value: n})
		}
		return all
	}
	q := request("Sec-WebSocket-Protocol", "chat, superchat", "Sec-WebSocket-Protocol", "mqtt")
	for _, name := range []string{"chat", "superchat", "mqtt"} {
		if terms, err := ws.Agree(q, choose(name), false); err != nil || terms.Protocol != name {
			t.Errorf("%s: got %+v, %v", name, terms, err)
		}
	}
	if terms, err := ws.Agree(q, nil, false); err != nil || terms.Protocol != "" {
		t.Errorf("none: got %+v, %v", terms, err)
	}
	for _, names := range [][]string{{"Chat"}, {"other"}, {"chat", "mqtt"}} {
		if _, err := ws.Agree(q, choose(names...), false); err == nil {
			t.Errorf("%q was agreed on", names)
		}
	}
}

func TestAgree_deflate(t *testing.T) {
	for offer, want := range map[string]bool{
		"permessage-deflate":                         true,
		"permessage-deflate; client_max_window_bits": true,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover": true,
		"permessage-deflate; server_max_window_bits=10":                              false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":          true,
		"permessage-deflate; client_max_window_bits=99":                              false,
		"permessage-deflate; nonsense":                                               false,
		"permessage-deflate; =":                                                      false,
		"x-webkit-deflate-frame":                                                     false,
		"":                                                                           false,
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover; server_max_window_bits": false,
	} {
		terms, err := ws.Agree(request("Sec-WebSocket-Extensions", offer), nil, true)
		if err != nil || terms.Deflate != want {
			t.Errorf("%q: got %v, %v", offer, terms.Deflate, err)
		}
		if said := strings.Contains(string(terms.AppendFields(nil)), "permessage-deflate"); said != want {
			t.Errorf("%q: told the client: %v", offer, said)
		}
		if terms, err := ws.Agree(request("Sec-WebSocket-Extensions", offer), nil, false); err != nil || terms.Deflate {
			t.Errorf("%q: agreed though it is off: %v", offer, err)
		}
	}
}

// Whatever a client asks, the answer is lines, and an agreement is of what was offered.
func FuzzAgree(f *testing.F) {
	f.Add("websocket", "Upgrade", "dGhlIHNhbXBsZSBub25jZQ==", "chat", "permessage-deflate; client_max_window_bits")
	f.Add("h2c,websocket", ",,upgrade", "", ",", "a;b=\"c\"")
	f.Fuzz(func(t *testing.T, upgrade, connection, key, protocol, extensions string) {
		q := request("Upgrade", upgrade, "Connection", connection, "Sec-WebSocket-Key", key, "Sec-WebSocket-Protocol", protocol, "Sec-WebSocket-Extensions", extensions)
		terms, err := ws.Agree(q, []exchange.Field{{Name: "Sec-WebSocket-Protocol", Value: "chat"}}, true)
		if err != nil {
			if err.Status < 400 || err.Message == "" {
				t.Errorf("got %+v", err)
			}
			return
		}
		lines := string(terms.AppendFields(nil))
		if n := strings.Count(lines, "\r\n"); n < 3 || n > 4 || strings.Count(lines, "\n") != n || !strings.Contains(protocol, "chat") {
			t.Errorf("got %q", lines)
		}
	})
}
