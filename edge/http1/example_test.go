package http1_test

import (
	"fmt"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

// A connection feeds what it has read and keeps what was not taken.
func Example() {
	p := http1.Parser{Limits: http1.DefaultLimits()}
	var req exchange.Request
	var buf []byte
	for _, read := range []string{"POST /greet HTTP/1.1\r\nHost: exam", "ple.com\r\nContent-Length: 5\r\n\r\nhel", "lo"} {
		buf = append(buf, read...)
		n, done, err := p.Parse(buf, &req)
		if err != nil {
			fmt.Printf("%s", http1.AppendRefusal(nil, err.(*http1.Error), nil))
			return
		}
		buf = buf[n:]
		fmt.Println(n, done)
	}
	fmt.Println(req.Method, req.Path, req.Host, string(req.Body))
	// Output:
	// 0 false
	// 65 false
	// 2 true
	// POST /greet example.com hello
}

func ExampleAppendHead() {
	body := "hello\n"
	out := http1.AppendHead(nil, &http1.Head{
		Status:        200,
		Header:        []exchange.Field{{Name: "Content-Type", Value: "text/plain"}},
		Minor:         1,
		Method:        "GET",
		ContentLength: int64(len(body)),
	})
	out = append(out, body...)
	fmt.Print(strings.ReplaceAll(string(out), "\r", ""))
	// Output:
	// HTTP/1.1 200 OK
	// Content-Type: text/plain
	// Content-Length: 6
	//
	// hello
}
