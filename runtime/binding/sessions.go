package binding

import (
	"context"
	"errors"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/web"
)

// visitors is ctx.sessions: all sessions of the app, for its own code to list and to end.
type visitors struct {
	s       *Sessions
	current *Visit // whose request it is; nil when it is nobody's
}

var sessionsClass = web.NewClass("Sessions")

// devicesMax bounds the sessions of one user that are listed.
const devicesMax = 1000

// All is ctx.sessions. current is the visit of the request, nil when there is none.
func (s *Sessions) All(r *web.Realm, current *Visit) *goja.Object {
	return r.Make(sessionsClass, &visitors{s, current})
}

func init() {
	sessionsClass.Define([]web.Member{
		web.Method("list", 1, func(r *web.Realm, v *visitors, c goja.FunctionCall) goja.Value {
			user := visitorName(r, "list", "user", c.Argument(0))
			return v.ask(r, "list", func(ctx context.Context) (func() goja.Value, error) {
				list, _, err := v.s.Store.List(ctx, user, "", devicesMax)
				return func() goja.Value {
					shown := make([]any, len(list))
					for i := range list {
						shown[i] = v.show(r, &list[i])
					}
					return r.VM.NewArray(shown...)
				}, err
			})
		}),
		web.Method("get", 1, func(r *web.Realm, v *visitors, c goja.FunctionCall) goja.Value {
			id := visitorName(r, "get", "id", c.Argument(0))
			return v.ask(r, "get", func(ctx context.Context) (func() goja.Value, error) {
				if !session.IsPublic(id) {
					return goja.Null, nil
				}
				info, err := v.s.Store.Show(ctx, id)
				if errors.Is(err, kv.ErrNotFound) {
					return goja.Null, nil
				}
				return func() goja.Value { return v.show(r, &info) }, err
			})
		}),
		web.Method("revoke", 1, func(r *web.Realm, v *visitors, c goja.FunctionCall) goja.Value {
			id := visitorName(r, "revoke", "id", c.Argument(0))
			return v.ask(r, "revoke", func(ctx context.Context) (func() goja.Value, error) {
				err := kv.ErrNotFound
				if session.IsPublic(id) {
					err = v.s.Store.Revoke(ctx, id)
				}
				was := err == nil
				if errors.Is(err, kv.ErrNotFound) {
					err = nil
				}
				return func() goja.Value { return r.VM.ToValue(was) }, err
			})
		}),
		web.Method("revokeUser", 1, func(r *web.Realm, v *visitors, c goja.FunctionCall) goja.Value {
			user := visitorName(r, "revokeUser", "user", c.Argument(0))
			return v.ask(r, "revokeUser", func(ctx context.Context) (func() goja.Value, error) {
				n, err := v.s.Store.RevokeUser(ctx, user)
				return func() goja.Value { return r.VM.ToValue(n) }, err
			})
		}),
		web.Method("revokeAll", 0, func(r *web.Realm, v *visitors, _ goja.FunctionCall) goja.Value {
			return v.ask(r, "revokeAll", func(ctx context.Context) (func() goja.Value, error) {
				return goja.Undefined, v.s.Store.RevokeAll(ctx)
			})
		}),
		web.Method("count", 0, func(r *web.Realm, v *visitors, _ goja.FunctionCall) goja.Value {
			return v.ask(r, "count", func(ctx context.Context) (func() goja.Value, error) {
				n, err := v.s.Store.Count(ctx)
				return func() goja.Value { return r.VM.ToValue(n) }, err
			})
		}),
	}, "")
}

// visitorName converts an argument that names a user or a session.
func visitorName(r *web.Realm, method, what string, v goja.Value) string {
	name := ""
	if k := web.Kind(v); k == "a string" || k == "a number" {
		name = web.Text(v)
	}
	if name == "" || len(name) > session.UserBytesMax {
		panic(r.TypeError("ctx.sessions.%s: the %s must be a string of 1 to %d bytes, got %s", method, what, session.UserBytesMax, r.Inspect(v)))
	}
	return name
}

// ask runs work, which asks the store, with a bound on its time.
func (v *visitors) ask(r *web.Realm, method string, work func(ctx context.Context) (result func() goja.Value, err error)) goja.Value {
	what := "ctx.sessions." + method
	return r.Await(what, func(ctx context.Context) func() goja.Value {
		ctx, cancel := context.WithTimeout(ctx, v.s.Wait)
		defer cancel()
		result, err := work(ctx)
		return func() goja.Value {
			if err != nil {
				panic(thrown(r, what, err))
			}
			return result()
		}
	})
}

// show is a session for code.
func (v *visitors) show(r *web.Realm, i *session.Info) goja.Value {
	user := goja.Null()
	if i.User != "" {
		user = r.VM.ToValue(i.User)
	}
	data := r.VM.NewObject()
	for name, text := range i.Data {
		if err := data.DefineDataProperty(name, r.ParseJSON(string(text)), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
			panic(err)
		}
	}
	return object(r, "id", i.ID, "user", user, "createdAt", date(r, i.Created), "usedAt", date(r, i.Active), "expiresAt", date(r, i.Expires),
		"current", v.current != nil && v.current.ID() == i.ID, "data", data)
}
