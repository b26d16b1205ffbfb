//go:build linux || darwin

package edge_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
)

func ExampleListen() {
	s, err := edge.Listen(edge.Config{
		Addr: "127.0.0.1:0",
		Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
			x.Head(200, []exchange.Field{{Name: "Content-Type", Value: "text/plain"}})
			_ = x.Write([]byte("hello from " + x.Request().Path)) // fails when the client is gone
			x.End()
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	r, err := http.Get("http://" + s.Addr().String() + "/here")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	fmt.Println(r.StatusCode, string(body), err)
	// Output: 200 hello from /here <nil>
}
