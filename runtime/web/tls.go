package web

import (
	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// requestTLS is request.tls: its client is what the client showed of itself by a certificate, or null.
func (r *Realm) requestTLS(c *exchange.Client) *goja.Object {
	o := r.VM.NewObject()
	if c == nil {
		must(o.Set("client", goja.Null()))
		return o
	}
	client := r.VM.NewObject()
	must(client.Set("subject", c.Subject))
	must(client.Set("issuer", c.Issuer))
	must(client.Set("fingerprint", c.Fingerprint))
	must(client.Set("verified", c.Verified))
	must(o.Set("client", client))
	return o
}
