package web

import (
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/cookie"
)

// cookieMap is the Go half of a CookieMap, as Bun defines it.
type cookieMap struct {
	list    []cookie.Pair // in the order of iteration: first those that code has set
	set     int           // how many these are
	changes []cookieChange
}

// cookieChange is what code did last with a name.
type cookieChange struct {
	name  string
	field string // of Set-Cookie
}

// cookiesMax bounds what code puts into a CookieMap. Browsers keep less than 200 cookies of a site.
const cookiesMax = 1000

var cookieMapClass = expose("CookieMap")

func init() {
	cookieMapClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		return &cookieMap{list: r.cookiePairs(c.Argument(0))}
	}
	cookieMapClass.members = append([]member{
		getter("size", func(r *Realm, m *cookieMap) goja.Value { return r.VM.ToValue(len(m.list)) }),
		method("get", 1, func(r *Realm, m *cookieMap, c goja.FunctionCall) goja.Value {
			if v, ok := m.get(text(c.Argument(0))); ok {
				return r.VM.ToValue(v)
			}
			return goja.Null()
		}),
		method("has", 1, func(r *Realm, m *cookieMap, c goja.FunctionCall) goja.Value {
			_, ok := m.get(text(c.Argument(0)))
			return r.VM.ToValue(ok)
		}),
		method("set", 1, func(r *Realm, m *cookieMap, c goja.FunctionCall) goja.Value {
			var k *cookie.Cookie
			if o, ok := c.Argument(0).(*goja.Object); ok {
				k = r.cookieFrom("CookieMap.set", o)
			} else if len(c.Arguments) < 2 {
				panic(r.TypeError("CookieMap.set: takes a name and a value, or a Cookie, or an object of name, value and attributes; got %s alone", kind(c.Argument(0))))
			} else {
				k = r.newCookie("CookieMap.set", c.Argument(0), c.Argument(1), c.Argument(2))
			}
			r.changeCookie(m, "CookieMap.set", k)
			m.list = slices.Insert(m.list, m.set, cookie.Pair{Name: k.Name, Value: k.Value})
			m.set++
			return goja.Undefined()
		}),
		method("delete", 1, func(r *Realm, m *cookieMap, c goja.FunctionCall) goja.Value {
			r.changeCookie(m, "CookieMap.delete", r.deletedCookie(c.Argument(0), c.Argument(1)))
			return goja.Undefined()
		}),
		method("toJSON", 0, func(r *Realm, m *cookieMap, _ goja.FunctionCall) goja.Value {
			o := r.VM.NewObject()
			seen := make(map[string]bool, len(m.list))
			for _, p := range m.list {
				if !seen[p.Name] { // the first of a name, as get has it
					seen[p.Name] = true
					must(o.DefineDataProperty(p.Name, r.VM.ToValue(p.Value), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
				}
			}
			return o
		}),
		method("toSetCookieHeaders", 0, func(r *Realm, m *cookieMap, _ goja.FunctionCall) goja.Value {
			fields := make([]any, len(m.changes))
			for i := range fields {
				fields[i] = m.changes[i].field
			}
			return r.VM.NewArray(fields...)
		}),
	}, pairs("CookieMap Iterator", func(r *Realm, m *cookieMap, i int) (goja.Value, goja.Value, bool) {
		if i >= len(m.list) {
			return nil, nil, false
		}
		return r.VM.ToValue(m.list[i].Name), r.VM.ToValue(m.list[i].Value), true
	})...)
	cookieMapClass.iterator = "entries"
}

func (m *cookieMap) get(name string) (value string, ok bool) {
	for i := range m.list {
		if m.list[i].Name == name {
			return m.list[i].Value, true
		}
	}
	return "", false
}

// changeCookie makes c the one change of its name, because an answer may set a name once only (RFC 6265bis 4.1.1), and
// takes the name off the list.
func (r *Realm) changeCookie(m *cookieMap, what string, c *cookie.Cookie) {
	change := cookieChange{c.Name, r.cookieField(what, c)}
	m.changes = slices.DeleteFunc(m.changes, func(o cookieChange) bool { return o.name == c.Name })
	if len(m.changes) >= cookiesMax {
		panic(r.RangeError("%s: %d cookies are set or deleted already, which is the most; %q does not fit", what, cookiesMax, c.Name))
	}
	m.changes = append(m.changes, change)
	named := func(p cookie.Pair) bool { return p.Name == c.Name }
	if slices.ContainsFunc(m.list[:m.set], named) {
		m.set--
	}
	m.list = slices.DeleteFunc(m.list, named)
}

// deletedCookie is the cookie that takes another's place and is expired: only one of the same name, domain and path does.
func (r *Realm) deletedCookie(which, options goja.Value) *cookie.Cookie {
	name := which
	if o, ok := which.(*goja.Object); ok {
		if name, options = field(o, "name"), o; name == nil {
			panic(r.TypeError("CookieMap.delete: the object must have a name"))
		}
	}
	c := &cookie.Cookie{Name: text(name), Path: "/", Expires: time.Unix(0, 0), SameSite: cookie.Lax}
	c.Secure = cookie.NeedsSecure(c.Name)
	o := r.dictionary("CookieMap.delete: the options", options)
	for _, a := range cookieAttributes[:2] { // domain and path
		if v := field(o, a.name); v != nil {
			a.set(r, c, v)
		}
	}
	return c
}

// cookiePairs converts what the constructor takes: a Cookie field, pairs, or a record.
func (r *Realm) cookiePairs(init goja.Value) (list []cookie.Pair) {
	room := func(n int) {
		if n > cookiesMax {
			panic(r.RangeError("CookieMap: there may be %d cookies, got %d", cookiesMax, n))
		}
	}
	add := func(name, value string) {
		room(len(list) + 1)
		list = append(list, cookie.Pair{Name: name, Value: value})
	}
	o, ok := init.(*goja.Object)
	switch {
	case nullish(init):
	case !ok && kind(init) != "a string":
		panic(r.TypeError("CookieMap: takes the text of a Cookie header, an array of pairs or an object, got %s", kind(init)))
	case !ok:
		field := text(init)
		room(strings.Count(field, ";") + 1)
		list = cookie.Parse(field)
	case nullish(o.GetSymbol(goja.SymIterator)):
		for _, name := range o.Keys() {
			if v := o.Get(name); v != nil { // a getter may have deleted it
				add(name, text(v))
			}
		}
	default:
		r.sequence("CookieMap: cookies", o, func(v goja.Value) {
			var pair []string
			r.sequence("CookieMap: each cookie", v, func(v goja.Value) {
				if pair = append(pair, text(v)); len(pair) > 2 {
					panic(r.TypeError("CookieMap: each cookie must be a pair of name and value, got more than 2 parts"))
				}
			})
			if len(pair) < 2 {
				panic(r.TypeError("CookieMap: each cookie must be a pair of name and value, got %d parts", len(pair)))
			}
			add(pair[0], pair[1])
		})
	}
	return list
}

// requestCookies is a CookieMap of what the client sent: in HTTP/2 perhaps in several fields (RFC 9113 8.2.3).
func (r *Realm) requestCookies(q *request) *goja.Object {
	m := &cookieMap{}
	for _, f := range q.fields().list {
		if exchange.EqualFold(f.Name, "cookie") {
			m.list = append(m.list, cookie.Parse(f.Value)...)
		}
	}
	return r.make(cookieMapClass, m)
}

// SetCookies are the fields that tell the client what code changed in the cookies of a request that NewRequest made, also
// when it has put something else in their place since. o may be nil.
func (r *Realm) SetCookies(o *goja.Object) (fields []exchange.Field) {
	if o == nil {
		return nil
	}
	q, ok := half[*request](o)
	if !ok || q.cookies == nil {
		return nil
	}
	m, _ := half[*cookieMap](q.cookies)
	for _, c := range m.changes {
		fields = append(fields, exchange.Field{Name: "Set-Cookie", Value: c.field})
	}
	return fields
}
