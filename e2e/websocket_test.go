package e2e

import (
	"bufio"
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// socketClient is a WebSocket client that is not ours.
type socketClient struct {
	t *testing.T
	net.Conn
	r io.Reader
}

func dialSocket(t *testing.T, url string, protocols ...string) *socketClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := ws.Dialer{Protocols: protocols}
	nc, early, agreed, err := d.Dial(ctx, url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	t.Cleanup(func() { _ = nc.Close() }) // the test may have closed it
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if len(protocols) > 0 && agreed.Protocol != protocols[0] {
		t.Errorf("agreed on %q", agreed.Protocol)
	}
	c := &socketClient{t: t, Conn: nc, r: nc}
	if early != nil {
		c.r = io.MultiReader(bufio.NewReaderSize(io.LimitReader(early, int64(early.Buffered())), 16), nc)
	}
	return c
}

func (c *socketClient) say(op ws.OpCode, text string) {
	c.t.Helper()
	if err := wsutil.WriteClientMessage(c.Conn, op, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *socketClient) hear(op ws.OpCode, want string) {
	c.t.Helper()
	h, err := ws.ReadHeader(c.r)
	p := make([]byte, min(h.Length, 1<<20))
	if err == nil {
		_, err = io.ReadFull(c.r, p)
	}
	if err != nil || h.OpCode != op || string(p) != want {
		c.t.Fatalf("heard %v %q, %v, want %q", h.OpCode, p, err, want)
	}
}

// TestWebSocket talks to handlers of both kinds over real connections, one of them Hono's.
func TestWebSocket(t *testing.T) {
	address := "ws://" + serveApp(t, filepath.Join(installApps(t), "socket.ts"))

	hono := dialSocket(t, address+"/hono?name=ada")
	hono.say(ws.OpText, "hello")
	hono.hear(ws.OpText, "ada said hello")
	hono.say(ws.OpPing, "p")
	hono.hear(ws.OpPong, "p")
	hono.say(ws.OpClose, string(ws.NewCloseFrameBody(1000, "bye")))
	hono.hear(ws.OpClose, string(ws.NewCloseFrameBody(1000, "")))

	ada := dialSocket(t, address+"/room?name=ada", "chat")
	bob := dialSocket(t, address+"/room?name=bob", "chat")
	ada.hear(ws.OpText, "bob came")
	bob.say(ws.OpText, "hi")
	ada.hear(ws.OpText, "bob: hi")
	ada.say(ws.OpBinary, "\x00\xff")
	bob.hear(ws.OpBinary, "\x00\xff")

	if got := ask(t, address[len("ws://"):], appRequest{Method: "GET", Path: "/room"}); got.Status != 426 {
		t.Errorf("no upgrade: %d %s", got.Status, got.Body)
	}
	if got := ask(t, address[len("ws://"):], appRequest{Method: "GET", Path: "/hono"}); got.Status == 101 {
		t.Errorf("no upgrade: %d %s", got.Status, got.Body)
	}
}

// TestWebSocket_reload: sockets of handlers outlive a reload, with what they have subscribed to; a pair's client is told.
func TestWebSocket_reload(t *testing.T) {
	logged := make(chan string, 1000)
	cmd, url := startServe(t, "", `export default {
		fetch(request, env, ctx) {
			if (new URL(request.url).pathname === "/room") return ctx.upgrade(request) ? undefined : new Response(null, { status: 426 });
			const [client, server] = Object.values(new WebSocketPair());
			server.accept();
			return new Response(null, { status: 101, webSocket: client });
		},
		websocket: {
			open(ws) { ws.subscribe("room"); ws.send("open"); },
			message(ws, message) { ws.send("got " + message); ws.publish("room", message); },
		},
	};`, logged)
	address := "ws" + strings.TrimPrefix(url, "http")
	before := dialSocket(t, address+"/room")
	before.hear(ws.OpText, "open")
	pair := dialSocket(t, address+"/pair")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	pair.hear(ws.OpClose, string(ws.NewCloseFrameBody(1012, "the app has changed")))
	before.say(ws.OpText, "hello")
	before.hear(ws.OpText, "got hello")
	after := dialSocket(t, address+"/room")
	after.hear(ws.OpText, "open")
	after.say(ws.OpText, "again")
	before.hear(ws.OpText, "again")
}
