package web

import (
	"math"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/cookie"
)

// cookieClass is Bun's Cookie, whose Go half is a *cookie.Cookie that passes its Check.
var cookieClass = expose("Cookie")

// cookieAttribute is a property of a Cookie that a dictionary of the same form may set.
type cookieAttribute struct {
	name string
	get  func(r *Realm, c *cookie.Cookie) goja.Value // undefined or null: not set
	set  func(r *Realm, c *cookie.Cookie, v goja.Value)
}

// cookieAttributes are the attributes in the order of toJSON.
var cookieAttributes = []cookieAttribute{
	{"domain", func(r *Realm, c *cookie.Cookie) goja.Value {
		if c.Domain == "" {
			return goja.Null()
		}
		return r.VM.ToValue(c.Domain)
	}, func(_ *Realm, c *cookie.Cookie, v goja.Value) {
		if c.Domain = ""; !nullish(v) {
			c.Domain = strings.ToLower(text(v))
		}
	}},
	{"path", func(r *Realm, c *cookie.Cookie) goja.Value { return r.VM.ToValue(c.Path) },
		func(_ *Realm, c *cookie.Cookie, v goja.Value) {
			if c.Path = "/"; !nullish(v) {
				c.Path = text(v)
			}
		}},
	{"expires", func(r *Realm, c *cookie.Cookie) goja.Value {
		if c.Expires.IsZero() {
			return goja.Undefined()
		}
		return r.date(c.Expires.UnixMilli())
	}, func(r *Realm, c *cookie.Cookie, v goja.Value) { c.Expires = r.cookieExpires(v) }},
	{"maxAge", func(r *Realm, c *cookie.Cookie) goja.Value {
		if !c.HasMaxAge {
			return goja.Undefined()
		}
		return r.VM.ToValue(c.MaxAge)
	}, func(r *Realm, c *cookie.Cookie, v goja.Value) {
		if c.MaxAge, c.HasMaxAge = 0, !nullish(v); c.HasMaxAge {
			c.MaxAge = r.cookieMaxAge(v)
		}
	}},
	cookieFlag("secure", func(c *cookie.Cookie) *bool { return &c.Secure }),
	{"sameSite", func(r *Realm, c *cookie.Cookie) goja.Value { return r.VM.ToValue(string(c.SameSite)) },
		func(r *Realm, c *cookie.Cookie, v goja.Value) {
			if c.SameSite = cookie.SameSite(strings.ToLower(text(v))); c.SameSite == "" {
				panic(r.TypeError("Cookie: sameSite must be \"strict\", \"lax\" or \"none\", got \"\""))
			}
		}},
	cookieFlag("httpOnly", func(c *cookie.Cookie) *bool { return &c.HTTPOnly }),
	cookieFlag("partitioned", func(c *cookie.Cookie) *bool { return &c.Partitioned }),
}

func cookieFlag(name string, of func(c *cookie.Cookie) *bool) cookieAttribute {
	return cookieAttribute{name, func(r *Realm, c *cookie.Cookie) goja.Value { return r.VM.ToValue(*of(c)) },
		func(_ *Realm, c *cookie.Cookie, v goja.Value) { *of(c) = v.ToBoolean() }}
}

func init() {
	cookieClass.length = 1
	cookieClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		if len(c.Arguments) > 1 {
			return r.newCookie("Cookie", c.Argument(0), c.Argument(1), c.Argument(2))
		}
		if o, ok := c.Argument(0).(*goja.Object); ok {
			return r.cookieFrom("Cookie", o)
		}
		return r.parseCookie("Cookie", c.Argument(0))
	}
	cookieClass.statics = []member{
		static("parse", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			return r.make(cookieClass, r.parseCookie("Cookie.parse", c.Argument(0)))
		}),
		static("from", 2, func(r *Realm, c goja.FunctionCall) goja.Value {
			return r.make(cookieClass, r.newCookie("Cookie.from", c.Argument(0), c.Argument(1), c.Argument(2)))
		}),
	}
	cookieClass.members = []member{
		getter("name", func(r *Realm, c *cookie.Cookie) goja.Value { return r.VM.ToValue(c.Name) }),
		accessor("value", func(r *Realm, c *cookie.Cookie) goja.Value { return r.VM.ToValue(c.Value) },
			func(_ *Realm, c *cookie.Cookie, v goja.Value) { c.Value = text(v) }),
	}
	for _, a := range cookieAttributes {
		cookieClass.members = append(cookieClass.members, accessor(a.name, a.get, func(r *Realm, c *cookie.Cookie, v goja.Value) {
			changed := *c
			a.set(r, &changed, v)
			r.checkCookie("Cookie."+a.name, &changed)
			*c = changed
		}))
	}
	cookieClass.members = append(cookieClass.members,
		method("isExpired", 0, func(r *Realm, c *cookie.Cookie, _ goja.FunctionCall) goja.Value {
			return r.VM.ToValue(c.Expired(time.Now()))
		}),
		method("toString", 0, func(r *Realm, c *cookie.Cookie, _ goja.FunctionCall) goja.Value {
			return r.VM.ToValue(r.cookieField("Cookie.toString", c))
		}),
		method("serialize", 0, func(r *Realm, c *cookie.Cookie, _ goja.FunctionCall) goja.Value {
			return r.VM.ToValue(r.cookieField("Cookie.serialize", c))
		}),
		method("toJSON", 0, func(r *Realm, c *cookie.Cookie, _ goja.FunctionCall) goja.Value {
			o := r.VM.NewObject()
			must(o.Set("name", c.Name))
			must(o.Set("value", c.Value))
			for _, a := range cookieAttributes {
				if v := a.get(r, c); !nullish(v) {
					must(o.Set(a.name, v))
				}
			}
			return o
		}),
	)
}

// newCookie is a cookie of a name, a value and a dictionary of attributes, which may be undefined.
func (r *Realm) newCookie(what string, name, value, attributes goja.Value) *cookie.Cookie {
	c := &cookie.Cookie{Name: text(name), Value: text(value), Path: "/", SameSite: cookie.Lax}
	if o := r.dictionary(what+": the options", attributes); o != nil {
		for _, a := range cookieAttributes {
			if v := field(o, a.name); v != nil {
				a.set(r, c, v)
			}
		}
	}
	r.checkCookie(what, c)
	return c
}

// cookieFrom is a cookie of a dictionary that names it: a CookieInit, or another Cookie.
func (r *Realm) cookieFrom(what string, o *goja.Object) *cookie.Cookie {
	if c, ok := half[*cookie.Cookie](o); ok {
		same := *c
		return &same
	}
	name, value := field(o, "name"), field(o, "value")
	if name == nil {
		panic(r.TypeError("%s: the object must have a name", what))
	}
	if value == nil {
		value = r.VM.ToValue("")
	}
	return r.newCookie(what, name, value, o)
}

// parseCookie reads a Set-Cookie field that code gives. What it leaves out has Bun's defaults.
func (r *Realm) parseCookie(what string, v goja.Value) *cookie.Cookie {
	c, err := cookie.ParseSet(text(v))
	if err != nil {
		panic(r.TypeError("%s: %v", what, err))
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.SameSite == "" {
		c.SameSite = cookie.Lax
	}
	r.checkCookie(what, &c)
	return &c
}

func (r *Realm) checkCookie(what string, c *cookie.Cookie) {
	if err := c.Check(); err != nil {
		panic(r.TypeError("%s: %v", what, err))
	}
}

// cookieField is the Set-Cookie field of c.
func (r *Realm) cookieField(what string, c *cookie.Cookie) string {
	s, err := c.Field()
	if err != nil {
		panic(r.TypeError("%s: %v", what, err))
	}
	return s
}

// dateSecondsMax is the last moment of a Date (ECMAScript 21.4.1.1), in seconds.
const dateSecondsMax = 8.64e12

// cookieExpires converts a Date, a number of seconds since 1970, or a date in text; undefined and null are none.
func (r *Realm) cookieExpires(v goja.Value) time.Time {
	if nullish(v) {
		return time.Time{}
	}
	if kind(v) == "a number" {
		seconds := v.ToFloat()
		if !(math.Abs(seconds) <= dateSecondsMax) {
			panic(r.TypeError("Cookie: expires must be a Date or seconds since 1970, got %v", seconds))
		}
		return time.UnixMilli(int64(seconds * 1000)).UTC()
	}
	o, ok := v.(*goja.Object)
	if !ok || !isDate(o) {
		o = r.date(text(v))
	}
	if isDate(o) {
		if when, ok := o.Export().(time.Time); ok {
			return when.UTC()
		}
	}
	panic(r.TypeError("Cookie: expires must be a valid Date, or seconds since 1970, got %q", text(v)))
}

func isDate(o *goja.Object) bool { return !isProxy(o) && o.ClassName() == "Date" }

// cookieMaxAge converts a number of seconds, and drops what it has behind the point.
func (r *Realm) cookieMaxAge(v goja.Value) int64 {
	const most = 1<<53 - 1
	seconds := v.ToFloat()
	if !(math.Abs(seconds) <= most) {
		panic(r.TypeError("Cookie: maxAge must be a number of seconds, got %v", seconds))
	}
	return int64(seconds)
}

// date is a new Date of milliseconds or text. The program may have put a Date of its own there before it was first asked for.
func (r *Realm) date(of any) *goja.Object {
	o, err := r.VM.New(r.intrinsic("globalThis", "Date"), r.VM.ToValue(of))
	if err != nil {
		panic(err)
	}
	return o
}
