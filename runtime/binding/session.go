package binding

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/session"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Sessions gives requests their sessions: by a cookie, and only to those that may use it.
type Sessions struct {
	Store      *session.Store
	Strict     []string // paths that are refused without a session that is certainly not over; "*" at the end stands for anything
	Origins    []string // other origins whose pages may send forms and open WebSockets: "https://app.example.com"
	Persistent bool     // browsers keep the cookie when they are closed
	Wait       time.Duration
	NewMax     int // sessions that one client's address may begin in a minute, on this node; 0: as many as it likes

	newcomers newcomers
}

// readWait is how long a request waits to learn whose it is.
const readWait = 2 * time.Second

// Names of the cookie: over TLS one that no other host can set (RFC 6265bis 4.1.3.2), else one that browsers take.
const (
	cookieName   = "__Host-sid"
	insecureName = "sid"
)

// Visit is the session of one request, as its handler has it.
type Visit struct {
	*session.Visit
	s      *Sessions
	client netip.Addr
	secure bool
	cross  bool // the request was made by a page of another origin
	strict bool
	err    error // why nobody knows whose it is
	object *goja.Object
	saved  func() // to be called when the Save that is under way has ended; nil for nothing
	call   func(ctx context.Context, job func() error) error
}

// Begin finds out whose request it is. ready is false when the store has to be asked first: by Load. refused says that the
// request must not be served: a page of another origin made it, with the visitor's cookie.
func (s *Sessions) Begin(q *exchange.Request) (v *Visit, ready, refused bool) {
	text := sessionCookie(q)
	v = &Visit{Visit: s.Store.Visit(text), s: s, client: q.Remote.Addr(), secure: q.TLS, cross: !sameOrigin(q, s.Origins), strict: s.strict(q.Path)}
	if v.cross && text != "" {
		return v, true, true
	}
	return v, v.Cached(), false
}

// Load asks the store, off the loop. What it finds out, code learns.
func (v *Visit) Load() {
	ctx, cancel := context.WithTimeout(context.Background(), readWait)
	defer cancel()
	v.err = v.Visit.Load(ctx, v.strict)
}

// Known says why nobody knows whose request it is; nil if that is known.
func (v *Visit) Known() error { return v.err }

// Refused reports that a strict route cannot be served.
func (v *Visit) Refused() bool { return v.strict && v.err != nil }

// sessionCookie is the value of the session's cookie, or "".
func sessionCookie(q *exchange.Request) string {
	name := insecureName
	if q.TLS {
		name = cookieName
	}
	for _, f := range q.Header {
		if !exchange.EqualFold(f.Name, "cookie") {
			continue
		}
		for pair := range strings.SplitSeq(f.Value, ";") {
			if k, value, ok := strings.Cut(pair, "="); ok && strings.TrimSpace(k) == name {
				return strings.TrimSpace(value)
			}
		}
	}
	return ""
}

// sameOrigin reports whether a request that may change something was made by a page of the same origin, by a person, or by no
// browser at all (Fetch Metadata; as Go's http.CrossOriginProtection). WebSockets count: browsers open them across origins.
func sameOrigin(q *exchange.Request, trusted []string) bool {
	upgrade := q.Get("Upgrade") != ""
	switch q.Method {
	case "GET", "HEAD", "OPTIONS":
		if !upgrade {
			return true
		}
	}
	origin := q.Get("Origin")
	switch site := q.Get("Sec-Fetch-Site"); {
	case slices.Contains(trusted, origin):
		return true
	case site == "same-origin" || site == "none":
		return true
	case site != "":
		return false
	case origin == "":
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == q.Host
}

// strict reports whether a path is one of Strict in any spelling that a router may take for it.
func (s *Sessions) strict(p string) bool {
	if len(s.Strict) == 0 {
		return false
	}
	if !strings.Contains(p, "%") && !strings.Contains(p, "/.") && !strings.Contains(p, "//") { // as nearly all are
		return matches(s.Strict, p)
	}
	plain := p
	if decoded, err := url.PathUnescape(p); err == nil {
		plain = decoded
	}
	return matches(s.Strict, p) || matches(s.Strict, plain) || matches(s.Strict, path.Clean("/"+plain))
}

func matches(patterns []string, path string) bool {
	for _, p := range patterns {
		if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(path, prefix) || p == path {
			return true
		}
	}
	return false
}

// Fields are what the answer says of the session. seen is the last revision of other state that the client was told of.
func (v *Visit) Fields(seen uint64) []exchange.Field {
	if v.err != nil {
		return nil
	}
	if v.Rev() != 0 {
		v.See(seen)
	}
	text, set, clear := v.Token()
	if !set && !clear {
		return nil
	}
	name, attributes := insecureName, "; Path=/; HttpOnly; SameSite=Lax"
	if v.secure {
		name, attributes = cookieName, "; Path=/; Secure; HttpOnly; SameSite=Lax"
	}
	if clear {
		attributes += "; Max-Age=0"
	} else if v.s.Persistent {
		attributes += "; Max-Age=" + strconv.Itoa(int(time.Until(v.Expires()).Seconds()))
	}
	return []exchange.Field{{Name: "Set-Cookie", Value: name + "=" + text + attributes}}
}

// Save makes the changes durable. work waits for the store, on any goroutine; joined follows, in a turn.
func (v *Visit) Save() (work func(ctx context.Context) error, joined func(err error)) {
	fork := v.Fork()
	if fork.Begins() && !v.s.newcomers.admit(v.client, v.s.NewMax, time.Now()) {
		return func(context.Context) error { return errNewcomer }, func(err error) { v.Join(fork, err) }
	}
	work = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, v.s.Wait)
		defer cancel()
		return fork.Commit(ctx, func(job func() error) error { return v.call(ctx, job) })
	}
	return work, func(err error) {
		v.Join(fork, err)
		if next := v.saved; next != nil {
			v.saved = nil
			next()
		}
	}
}

// WhenSaved has next called, in a turn, when the Save that is under way has ended.
func (v *Visit) WhenSaved(next func()) { v.saved = next }

// Object is ctx.session. call runs a job in a turn of the invocation, from any other goroutine, and returns its error, or
// that of ctx.
func (v *Visit) Object(r *web.Realm, call func(ctx context.Context, job func() error) error) *goja.Object {
	if v.object == nil {
		v.call = call
		v.object = r.Make(sessionClass, v)
	}
	return v.object
}

// known throws unless it is known whose request it is.
func (v *Visit) known(r *web.Realm) {
	if v.err != nil {
		panic(r.Unavailable("ctx.session: the state store does not answer, so nobody knows whose request this is"))
	}
}

// change throws what speaks against a change, or err.
func (v *Visit) change(r *web.Realm, method string, f func() error) {
	v.known(r)
	if v.cross {
		panic(r.TypeError("ctx.session.%s: a page of another origin made this request: session.trusted_origins says who may", method))
	}
	if err := f(); err != nil {
		var thrown *goja.Exception
		switch {
		case errors.As(err, &thrown):
			panic(thrown.Value())
		case errors.Is(err, session.ErrTooLarge):
			panic(r.Exception("QuotaExceededError", "ctx.session.%s: %s", method, strings.TrimPrefix(err.Error(), "session: ")))
		}
		panic(r.TypeError("ctx.session.%s: %s", method, strings.TrimPrefix(err.Error(), "session: ")))
	}
}

var sessionClass = web.NewClass("Session")

// nameBytesMax bounds the name of a value.
const nameBytesMax = 256

func sessionName(r *web.Realm, method string, v goja.Value) string {
	name := ""
	if s, ok := v.(goja.String); ok {
		name = web.Text(s)
	}
	if name == "" || len(name) > nameBytesMax {
		panic(r.TypeError("ctx.session.%s: the name must be a string of 1 to %d bytes, got %s", method, nameBytesMax, r.Inspect(v)))
	}
	return name
}

func init() {
	value := func(r *web.Realm, text json.RawMessage) goja.Value {
		if text == nil {
			return goja.Undefined()
		}
		return r.ParseJSON(string(text))
	}
	state := func(name string, f func(r *web.Realm, v *Visit) goja.Value) web.Member {
		return web.Getter(name, func(r *web.Realm, v *Visit) goja.Value {
			v.known(r)
			return f(r, v)
		})
	}
	sessionClass.Define([]web.Member{
		state("id", func(r *web.Realm, v *Visit) goja.Value {
			if v.ID() == "" {
				return goja.Null()
			}
			return r.VM.ToValue(v.ID())
		}),
		state("isNew", func(r *web.Realm, v *Visit) goja.Value { return r.VM.ToValue(v.IsNew()) }),
		state("rev", func(r *web.Realm, v *Visit) goja.Value { return r.VM.ToValue(int64(v.Rev())) }),
		state("expiresAt", func(r *web.Realm, v *Visit) goja.Value {
			if v.Expires().IsZero() {
				return goja.Null()
			}
			return date(r, v.Expires())
		}),
		web.Accessor("user", func(r *web.Realm, v *Visit) goja.Value {
			v.known(r)
			if v.User() == "" {
				return goja.Null()
			}
			return r.VM.ToValue(v.User())
		}, func(r *web.Realm, v *Visit, u goja.Value) {
			user := ""
			if !web.Nullish(u) {
				if k := web.Kind(u); k != "a string" && k != "a number" {
					panic(r.TypeError("ctx.session.user is a string or a number, or null for nobody, got %s", k))
				}
				user = web.Text(u)
			}
			v.change(r, "user", func() error { return v.SetUser(user) })
		}),
		web.Method("get", 1, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			v.known(r)
			return value(r, v.Get(sessionName(r, "get", c.Argument(0))))
		}),
		web.Method("keys", 0, func(r *web.Realm, v *Visit, _ goja.FunctionCall) goja.Value {
			v.known(r)
			var names []any
			for _, name := range v.Names() {
				names = append(names, name)
			}
			return r.VM.NewArray(names...)
		}),
		web.Method("set", 2, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			name := sessionName(r, "set", c.Argument(0))
			text := r.StringifyJSON("ctx.session.set", c.Argument(1))
			v.change(r, "set", func() error { return v.Set(name, text) })
			return c.This
		}),
		web.Method("delete", 1, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			name := sessionName(r, "delete", c.Argument(0))
			had := v.Get(name) != nil
			v.change(r, "delete", func() error { return v.Delete(name) })
			return r.VM.ToValue(had)
		}),
		web.Method("inc", 1, func(r *web.Realm, v *Visit, c goja.FunctionCall) (sum goja.Value) {
			name, n := sessionName(r, "inc", c.Argument(0)), 1.0
			if by := c.Argument(1); !goja.IsUndefined(by) {
				if n = by.ToFloat(); web.Kind(by) != "a number" {
					panic(r.TypeError("ctx.session.inc: the second argument must be a number, got %s", web.Kind(by)))
				}
			}
			v.change(r, "inc", func() error {
				total, err := v.Add(name, n)
				sum = r.VM.ToValue(total)
				return err
			})
			return sum
		}),
		web.Method("push", 2, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			name := sessionName(r, "push", c.Argument(0))
			var texts []json.RawMessage
			for _, item := range c.Arguments[1:] {
				texts = append(texts, r.StringifyJSON("ctx.session.push", item))
			}
			v.change(r, "push", func() error { return v.Push(name, texts...) })
			return c.This
		}),
		web.Method("flash", 1, func(r *web.Realm, v *Visit, c goja.FunctionCall) (taken goja.Value) {
			name := sessionName(r, "flash", c.Argument(0))
			taken = goja.Undefined()
			if len(c.Arguments) > 1 {
				text := r.StringifyJSON("ctx.session.flash", c.Argument(1))
				v.change(r, "flash", func() error { return v.SetFlash(name, text) })
				return taken
			}
			v.change(r, "flash", func() error {
				text, err := v.Flash(name)
				taken = value(r, text)
				return err
			})
			return taken
		}),
		web.Method("update", 1, func(r *web.Realm, v *Visit, c goja.FunctionCall) (result goja.Value) {
			f, ok := goja.AssertFunction(c.Argument(0))
			if !ok {
				panic(r.TypeError("ctx.session.update: the argument must be a function, got %s", web.Kind(c.Argument(0))))
			}
			v.change(r, "update", func() (err error) {
				return v.Update(func() error {
					if result, err = f(goja.Undefined(), c.This); err == nil && isPromise(result) {
						return fmt.Errorf("the function must not be async: it may have to be called again")
					}
					return err
				})
			})
			return result
		}),
		web.Method("touch", 0, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			v.change(r, "touch", v.Touch)
			return goja.Undefined()
		}),
		web.Method("regenerate", 0, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			v.change(r, "regenerate", v.Regenerate)
			return goja.Undefined()
		}),
		web.Method("destroy", 0, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			v.change(r, "destroy", v.Destroy)
			return goja.Undefined()
		}),
		web.Method("save", 0, func(r *web.Realm, v *Visit, c goja.FunctionCall) goja.Value {
			var work func(ctx context.Context) error
			var joined func(err error)
			v.change(r, "save", func() error {
				switch {
				case v.Busy():
					return errors.New("the session is being saved already: await that")
				case v.Updating():
					return errors.New("in the function of update only values can be changed: save after it")
				}
				work, joined = v.Save()
				return nil
			})
			return r.Await("ctx.session.save", func(ctx context.Context) func() goja.Value {
				err := work(ctx)
				return func() goja.Value {
					joined(err)
					if err != nil {
						panic(saveError(r, err))
					}
					return goja.Undefined()
				}
			})
		}),
		web.Method("toJSON", 0, func(r *web.Realm, v *Visit, _ goja.FunctionCall) goja.Value {
			v.known(r)
			o := r.VM.NewObject()
			for _, name := range v.Names() {
				if err := o.DefineDataProperty(name, value(r, v.Get(name)), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
					panic(err)
				}
			}
			return o
		}),
	}, "")
}

// saveError is what code gets of an error of Save.
func saveError(r *web.Realm, err error) *goja.Object {
	status, _, message := Failure(err)
	if status == 503 {
		return r.Unavailable("ctx.session.save: " + message)
	}
	return r.TypeError("ctx.session.save: %s", message)
}

// isPromise reports whether v is one. The type is asked first, because exporting any other object copies it.
func isPromise(v goja.Value) bool {
	o, ok := v.(*goja.Object)
	return ok && o.ExportType() == promiseType
}

var promiseType = reflect.TypeFor[*goja.Promise]()

func date(r *web.Realm, t time.Time) goja.Value {
	d, err := r.VM.New(r.VM.GlobalObject().Get("Date"), r.VM.ToValue(t.UnixMilli()))
	if err != nil {
		panic(err)
	}
	return d
}

// errNewcomer refuses a session to an address that has begun too many.
var errNewcomer = errors.New("this address has begun too many sessions in a minute: session.new_per_minute")

// Failure says what an error of Commit means to the client: a status and a message.
func Failure(err error) (status int, code, message string) {
	switch {
	case errors.Is(err, errNewcomer):
		return 429, "session_quota", err.Error()
	case errors.Is(err, session.ErrEnded):
		return 401, "session_ended", "the session was ended while the request ran: what it changed is not kept"
	case errors.Is(err, kv.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, kv.ErrFull):
		return 503, "state_unavailable", "the session cannot be kept: " + strings.TrimPrefix(err.Error(), "kv: ")
	}
	return 500, "session", "the session cannot be kept: " + err.Error()
}
