package h2_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/h2"
	"github.com/fortunadws/fortuna/edge/http1"
)

// A connection is given to the server with what was read of it, here nothing, and who answers.
func ExampleServer_Serve() {
	server := h2.New(h2.Limits{
		HTTP: http1.DefaultLimits(), StreamsMax: 100, RequestsMax: -1, ResetsMax: 200, ControlsMax: 10000,
		HeadDeadline: 10 * time.Second, WriteDeadline: 30 * time.Second, IdleDeadline: time.Minute,
	}, slog.Default())
	defer server.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			panic(err)
		}
		server.Serve(nc, nil, func(t *h2.Stream) {
			var q exchange.Request
			if t.Request(&q) != nil {
				return
			}
			t.Head(200, []exchange.Field{{Name: "Content-Type", Value: "text/plain"}}, -1)
			_ = t.Write([][]byte{[]byte("hello " + q.Path)}, 0)
		}, func() {})
	}()

	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := http.Client{Transport: &http.Transport{Protocols: protocols}}
	r, err := client.Get("http://" + ln.Addr().String() + "/there")
	if err != nil {
		panic(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	fmt.Println(r.Proto, string(body), err)
	// Output: HTTP/2.0 hello /there <nil>
}
