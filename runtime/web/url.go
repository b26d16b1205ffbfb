package web

import "github.com/dop251/goja"

// urlObject is the Go half of a URL object (URL 6.1).
type urlObject struct {
	urlRecord
	params *searchParams // once asked for
	object *goja.Object  // that params is the half of
}

var urlClass = expose("URL")

func init() {
	urlClass.length = 1
	urlClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		u, input, err := r.parseURLArguments(c.Arguments)
		if err != nil {
			panic(r.TypeError("Invalid URL: %.200q: %v", input, err))
		}
		return u
	}
	urlClass.statics = []member{
		static("parse", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			u, _, err := r.parseURLArguments(c.Arguments)
			if err != nil {
				return goja.Null()
			}
			return r.make(urlClass, u)
		}),
		static("canParse", 1, func(r *Realm, c goja.FunctionCall) goja.Value {
			_, _, err := r.parseURLArguments(c.Arguments)
			return r.VM.ToValue(err == nil)
		}),
	}
	href := func(r *Realm, u *urlObject, _ goja.FunctionCall) goja.Value { return r.VM.ToValue(u.href()) }
	urlClass.members = []member{
		accessor("href", func(r *Realm, u *urlObject) goja.Value { return r.VM.ToValue(u.href()) },
			func(r *Realm, u *urlObject, v goja.Value) {
				s := text(v)
				parsed, err := parseURL(s, nil)
				if err != nil {
					panic(r.TypeError("Invalid URL: %.200q: %v", s, err))
				}
				u.urlRecord = *parsed
				u.reread(r)
			}),
		getter("origin", func(r *Realm, u *urlObject) goja.Value { return r.VM.ToValue(u.origin()) }),
		urlPart("protocol", (*urlRecord).protocol, (*urlRecord).setProtocol),
		urlPart("username", func(u *urlRecord) string { return u.user }, (*urlRecord).setUsername),
		urlPart("password", func(u *urlRecord) string { return u.secret }, (*urlRecord).setPassword),
		urlPart("host", (*urlRecord).host, (*urlRecord).setHost),
		urlPart("hostname", (*urlRecord).hostname, (*urlRecord).setHostname),
		urlPart("port", (*urlRecord).port, (*urlRecord).setPort),
		urlPart("pathname", (*urlRecord).pathname, (*urlRecord).setPathname),
		accessor("search", func(r *Realm, u *urlObject) goja.Value { return r.VM.ToValue(u.search()) },
			func(r *Realm, u *urlObject, v goja.Value) {
				u.setSearch(text(v))
				u.reread(r)
			}),
		getter("searchParams", func(r *Realm, u *urlObject) goja.Value {
			if u.object == nil {
				list := r.queryPairs("URL.searchParams", u.query)
				u.params = &searchParams{list: list, size: pairsBytes(list), url: &u.urlRecord}
				u.object = r.make(searchParamsClass, u.params)
			}
			return u.object
		}),
		urlPart("hash", (*urlRecord).hash, (*urlRecord).setHash),
		method("toString", 0, href),
		method("toJSON", 0, href),
	}
}

// urlPart is the accessor of a part that only the record knows.
func urlPart(name string, get func(*urlRecord) string, set func(*urlRecord, string)) member {
	return accessor(name,
		func(r *Realm, u *urlObject) goja.Value { return r.VM.ToValue(get(&u.urlRecord)) },
		func(r *Realm, u *urlObject, v goja.Value) { set(&u.urlRecord, text(v)) })
}

// reread makes the searchParams show a query that was set as a whole.
func (u *urlObject) reread(r *Realm) {
	if u.params != nil {
		u.params.list = r.queryPairs("URL.searchParams", u.query)
		u.params.size = pairsBytes(u.params.list)
	}
}

// parseURLArguments parses (url, base) and also returns url as a string, for an error.
func (r *Realm) parseURLArguments(args []goja.Value) (u *urlObject, input string, err error) {
	input = text(args[0])
	var base *urlRecord
	if len(args) > 1 && !goja.IsUndefined(args[1]) {
		s := text(args[1])
		if base, err = parseURL(s, nil); err != nil {
			return nil, s, err
		}
	}
	u = &urlObject{}
	err = u.parseInput(input, base)
	return u, input, err
}
