package web

import (
	"context"
	"errors"
	"io"

	"github.com/dop251/goja"
)

// BodyLost is the message of the TypeError that reading a body ends with when the rest of it will never come.
const BodyLost = "request.body: the client left, or broke a rule, before the body was complete"

// arrival is the body of a request that is still coming in.
type arrival struct {
	first   []byte // what had come when the request was served
	receive func(job func(piece []byte, err error))
}

// stream is a ReadableStream of the body. It asks for a piece when it is read, so that who does not read holds the client up.
func (a *arrival) stream(r *Realm) *goja.Object {
	piece := a.first
	return r.readableFrom(byteSource{
		pull: func(push func([]byte), closed func()) goja.Value {
			if len(piece) > 0 {
				push(piece)
				piece = nil
				return goja.Undefined()
			}
			return r.operation("request.body", func(_ context.Context, settle func(finish func() goja.Value)) {
				a.receive(func(piece []byte, err error) {
					settle(func() goja.Value {
						switch {
						case err == nil:
							push(piece)
						case errors.Is(err, io.EOF):
							closed()
						default:
							panic(r.TypeError(BodyLost))
						}
						return goja.Undefined()
					})
				})
			})
		},
		cancel: func(goja.Value) goja.Value { return goja.Undefined() },
	})
}
