package upstream

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// Hop is what one node tells the next about a request, besides the request.
type Hop struct {
	Hops   int            // how often it was forwarded, this time included
	From   string         // the node that forwarded it
	App    string         // that is to serve it
	ID     string         // exchange.Request.ID
	Remote netip.AddrPort // the client
	TLS    bool           // whether the client asked by https
}

// Fields are the header fields that nodes write for each other. From anybody else they mean nothing: Strip removes them.
var Fields = []string{fieldHop, fieldClient, fieldUnserved}

const (
	fieldHop      = "Fortuna-Hop"
	fieldClient   = "Fortuna-Client"
	fieldUnserved = "Fortuna-Unserved" // of an answer: no code has seen the request
	hopBytesMax   = 1 << 10
	nobodysHost   = "none.invalid" // stands for the Host that a request of HTTP/1.0 need not have
	hopParts      = 6
	hopsReadMax   = 100 // what is above was not written by Append
	schemeSecure  = "https"
	schemePlain   = "http"
)

// Strip removes from a request what only nodes may say. Whoever serves the public calls it before anything else.
func Strip(q *exchange.Request) {
	for i := range q.Header {
		if ours(q.Header[i].Name) {
			q.Header = slices.DeleteFunc(slices.Clone(q.Header), func(f exchange.Field) bool { return ours(f.Name) })
			return
		}
	}
}

func ours(name string) bool {
	switch len(name) {
	case len(fieldHop):
		return exchange.EqualFold(name, fieldHop)
	case len(fieldClient):
		return exchange.EqualFold(name, fieldClient)
	case len(fieldUnserved):
		return exchange.EqualFold(name, fieldUnserved)
	}
	return false
}

// Append appends h as the value of a field: its parts with a space between, those that are text percent-encoded.
func (h *Hop) Append(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(h.Hops), 10)
	for _, part := range []string{h.From, h.App, h.ID} {
		dst = append(append(dst, ' '), url.PathEscape(part)...)
	}
	dst = append(dst, ' ')
	if h.Remote.IsValid() {
		dst = h.Remote.AppendTo(dst)
	}
	if h.TLS {
		return append(dst, " "+schemeSecure...)
	}
	return append(dst, " "+schemePlain...)
}

var errHop = errors.New("upstream: a " + fieldHop + " field that no node has written")

// ParseHop reads what Append wrote.
func ParseHop(text string) (h Hop, err error) {
	parts := strings.Split(text, " ")
	if len(text) > hopBytesMax || len(parts) != hopParts {
		return Hop{}, errHop
	}
	if h.Hops, err = strconv.Atoi(parts[0]); err != nil || h.Hops < 1 || h.Hops > hopsReadMax {
		return Hop{}, errHop
	}
	for i, into := range []*string{&h.From, &h.App, &h.ID} {
		if *into, err = url.PathUnescape(parts[1+i]); err != nil {
			return Hop{}, errHop
		}
	}
	if parts[4] != "" {
		if h.Remote, err = netip.ParseAddrPort(parts[4]); err != nil || h.Remote.Addr().Zone() != "" {
			return Hop{}, errHop
		}
	}
	switch parts[5] {
	case schemeSecure:
		h.TLS = true
	case schemePlain:
	default:
		return Hop{}, errHop
	}
	return h, nil
}

// appendClient appends what a client showed of itself as the value of a field.
func appendClient(dst []byte, c *exchange.Client) []byte {
	return append(dst, url.Values{
		"subject": {c.Subject}, "issuer": {c.Issuer}, "fingerprint": {c.Fingerprint}, "verified": {strconv.FormatBool(c.Verified)},
	}.Encode()...)
}

// parseClient reads what appendClient wrote.
func parseClient(text string) (*exchange.Client, error) {
	v, err := url.ParseQuery(text)
	if err != nil {
		return nil, fmt.Errorf("upstream: a %s field that no node has written: %w", fieldClient, err)
	}
	return &exchange.Client{
		Subject: v.Get("subject"), Issuer: v.Get("issuer"), Fingerprint: v.Get("fingerprint"), Verified: v.Get("verified") == "true",
	}, nil
}

// passed calls yield for each field of q that goes on to the next node: not those of the connection it came by (RFC 9110,
// section 7.6.1), not what the next connection says by itself, and not our own.
func passed(q *exchange.Request, yield func(f *exchange.Field)) {
	named := q.List("Connection")
	for i := range q.Header {
		f := &q.Header[i]
		if ofConnection(f.Name) || ofFraming(f.Name) || ours(f.Name) || named != "" && names(named, f.Name) ||
			exchange.EqualFold(f.Name, "traceparent") && q.Trace != (exchange.Trace{}) {
			continue
		}
		yield(f)
	}
	if q.Trace != (exchange.Trace{}) {
		yield(&exchange.Field{Name: "traceparent", Value: q.Trace.Traceparent()})
	}
}

// ofConnection reports whether a field is about one connection only.
func ofConnection(name string) bool {
	switch len(name) {
	case 2:
		return exchange.EqualFold(name, "TE")
	case 7:
		return exchange.EqualFold(name, "Upgrade") || exchange.EqualFold(name, "Trailer")
	case 10:
		return exchange.EqualFold(name, "Connection") || exchange.EqualFold(name, "Keep-Alive")
	case 16:
		return exchange.EqualFold(name, "Proxy-Connection")
	case 17:
		return exchange.EqualFold(name, "Transfer-Encoding")
	case 18:
		return exchange.EqualFold(name, "Proxy-Authenticate")
	case 19:
		return exchange.EqualFold(name, "Proxy-Authorization")
	}
	return false
}

// ofFraming reports whether the next connection writes a field by what it knows.
func ofFraming(name string) bool {
	switch len(name) {
	case 4:
		return exchange.EqualFold(name, "Host")
	case 6:
		return exchange.EqualFold(name, "Expect") // this node has answered it
	case 14:
		return exchange.EqualFold(name, "Content-Length")
	}
	return false
}

// names reports whether a Connection field names another, which is dropped then.
func names(connection, name string) bool {
	for member := range strings.SplitSeq(connection, ",") {
		if exchange.EqualFold(strings.Trim(member, " \t"), name) {
			return true
		}
	}
	return false
}
