package upstream

import (
	"slices"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/http1"
)

var (
	refuseStranger = &http1.Error{Status: 403, Code: "not_a_node", Reason: "this port is for nodes of the cluster, who show its certificate"}
	refuseNoHop    = &http1.Error{Status: 400, Code: "bad_hop", Reason: "the request does not say which node forwarded it"}
)

// Receiver returns the handler of a listener for nodes: it makes of a request what it was on the node that forwarded it, client
// and scheme and certificate and ID and trace, and gives it to next. HopOf tells next the rest. Whoever shows no certificate
// of an authority that the listener was given is refused.
//
// The listener (edge.Config) asks for certificates by tls.RequireClient and offers "h2" and "http/1.1". Fields that proxies
// write were judged where the request came in, so its Proxies trust every address; its limits of a request are a kilobyte and
// three fields above the public ones, and it has none of connections and resets that a single node could reach.
func Receiver(next exchange.Handler) exchange.Handler {
	return exchange.HandlerFunc(func(x exchange.Exchange) {
		q := x.Request()
		if q.Client == nil || !q.Client.Verified {
			refuse(x, refuseStranger)
			return
		}
		h, err := ParseHop(q.Get(fieldHop))
		if err != nil {
			refuse(x, refuseNoHop)
			return
		}
		q.Client = nil
		if text := q.Get(fieldClient); text != "" {
			if q.Client, err = parseClient(text); err != nil {
				refuse(x, refuseNoHop)
				return
			}
		}
		q.Remote, q.TLS, q.ID = h.Remote, h.TLS, h.ID
		q.Trace = exchange.NewTrace(q.Get("traceparent"))
		noHost := q.Host == nobodysHost
		if noHost {
			q.Host = ""
		}
		q.Header = slices.DeleteFunc(q.Header, func(f exchange.Field) bool {
			return ours(f.Name) || noHost && exchange.EqualFold(f.Name, "Host")
		})
		next.Serve(&received{Exchange: x, hop: h})
	})
}

// received is an exchange that came from another node.
type received struct {
	exchange.Exchange
	hop Hop
}

// Head says besides whether any code has seen the request, which is not the app's to say.
func (r *received) Head(status int, header []exchange.Field) {
	if slices.ContainsFunc(header, func(f exchange.Field) bool { return ours(f.Name) }) {
		header = slices.DeleteFunc(slices.Clone(header), func(f exchange.Field) bool { return ours(f.Name) })
	}
	if r.Request().Unserved {
		header = append(header[:len(header):len(header)], exchange.Field{Name: fieldUnserved, Value: "1"})
	}
	r.Exchange.Head(status, header)
}

// HopOf is how x came from another node; ok is false when it came from its client. Handlers that wrap an exchange hide it.
func HopOf(x exchange.Exchange) (h Hop, ok bool) {
	r, ok := x.(*received)
	if !ok {
		return Hop{}, false
	}
	return r.hop, true
}

// refuse answers by itself.
func refuse(x exchange.Exchange, e *http1.Error) {
	header, body := e.Answer()
	x.Head(e.Status, header)
	_ = x.Write([]byte(body)) // the client may have left
	x.End()
}
