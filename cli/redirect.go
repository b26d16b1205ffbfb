package cli

import (
	"net"
	"strconv"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// redirect sends who comes by http to the same address by https, on port. The method and the body stay (308).
func redirect(port int) exchange.Handler {
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		q := x.Request()
		host := q.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
			if net.ParseIP(name).To4() == nil && net.ParseIP(name) != nil {
				host = "[" + name + "]"
			}
		}
		if host == "" || q.Target == "*" {
			answer(x, 400, "text/plain; charset=utf-8", []byte("this server answers by https only, and the request does not say for which host it is\n"))
			return
		}
		if port != 443 {
			host += ":" + strconv.Itoa(port)
		}
		x.Head(308, []exchange.Field{{Name: "Location", Value: "https://" + host + q.Target}})
		x.End()
	})
}
