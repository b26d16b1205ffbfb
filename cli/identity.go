package cli

import "github.com/fortunadws/fortuna/edge/exchange"

// begin gives a request its place in a trace. More than one traceparent is none (W3C Trace Context 3.2).
func begin(q *exchange.Request) {
	parent := ""
	for i := range q.Header {
		if exchange.EqualFold(q.Header[i].Name, "traceparent") {
			if parent != "" {
				parent = ""
				break
			}
			parent = q.Header[i].Value
		}
	}
	q.Trace = exchange.NewTrace(parent)
}

// requestID is what a request is called in logs: as a proxy that is trusted has called it, else by its span. It is empty
// for one that was refused before a handler.
func requestID(q *exchange.Request) string {
	if q.ID != "" {
		return q.ID
	}
	return q.Trace.SpanID()
}

// identified is an exchange whose answer tells its client what the request is called.
type identified struct {
	exchange.Exchange
}

// requestIDField is what proxies and clients know that name by.
const requestIDField = "X-Request-Id"

func (x identified) Head(status int, header []exchange.Field) {
	own := make([]exchange.Field, 0, len(header)+1) // header may be a constant answer's, which all requests share
	for _, f := range header {
		if !exchange.EqualFold(f.Name, requestIDField) {
			own = append(own, f)
		}
	}
	x.Exchange.Head(status, append(own, exchange.Field{Name: requestIDField, Value: requestID(x.Request())}))
}
