package web

import (
	"encoding/base64"
	"strings"

	"github.com/dop251/goja"
)

// fetchData answers a data: URL (Fetch 6).
func (r *Realm) fetchData(u *urlRecord) goja.Value {
	href := u.withoutFragment()
	typ, data, ok := parseData(strings.TrimPrefix(href, "data:"))
	if !ok {
		panic(r.TypeError("fetch: the data: URL is malformed; it must read data:<type>,<data>"))
	}
	s := &response{status: 200, statusText: "OK", typ: "basic", url: href, header: &headers{}, body: body{present: true, data: data}}
	s.header.append("content-type", typ)
	s.header.immutable = true
	return r.make(responseClass, s)
}

// parseData is the data: URL processor (Fetch 6) for what follows "data:".
func parseData(s string) (typ string, data []byte, ok bool) {
	typ, rest, ok := strings.Cut(s, ",")
	if !ok {
		return "", nil, false
	}
	typ = strings.Trim(typ, " \t\n\f\r")
	plain := percentDecode(rest)
	if head, last, found := cutLast(typ, ';'); found && strings.EqualFold(strings.TrimLeft(last, " "), "base64") {
		typ = head
		plain = strings.Map(func(c rune) rune {
			if strings.ContainsRune(" \t\n\f\r", c) {
				return -1
			}
			return c
		}, plain)
		if len(plain)%4 == 0 {
			plain = strings.TrimSuffix(strings.TrimSuffix(plain, "="), "=")
		}
		b, err := base64.RawStdEncoding.DecodeString(plain)
		if err != nil {
			return "", nil, false
		}
		data = b
	} else {
		data = []byte(plain)
	}
	if strings.HasPrefix(typ, ";") {
		typ = "text/plain" + typ
	}
	if kind, sub, found := strings.Cut(typ, "/"); !found || !isToken(strings.TrimSpace(kind)) || sub == "" {
		typ = "text/plain;charset=US-ASCII"
	}
	return typ, data, true
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
