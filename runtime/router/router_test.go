package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// route makes a router whose values are "method pattern" of the routes given in that form.
func route(t testing.TB, routes ...string) *Router[string] {
	t.Helper()
	r := New[string]()
	for _, v := range routes {
		method, pattern, _ := strings.Cut(v, " ")
		if err := r.Add(method, pattern, v); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// show is a match on one line: the value and the parameters, or the refusal.
func show(m Match[string], allow []string, ok bool) string {
	if !ok {
		if allow == nil {
			return "404"
		}
		return "405 " + strings.Join(allow, " ")
	}
	var b strings.Builder
	b.WriteString(m.Value)
	for _, p := range m.Params {
		fmt.Fprintf(&b, " %s=%q", p.Name, p.Value)
	}
	return b.String()
}

func TestMatch(t *testing.T) {
	r := route(t,
		"GET /", " /about", "GET /users", "POST /users",
		"GET /users/:id", "GET /users/me", "POST /users/:name", "PUT /users/:id/", "GET /users/:id/posts/:post",
		"GET /users/me/likes", "GET /users/*",
		" /files/*", "DELETE /files/*", "GET /files/:name/raw",
		"GET /caf%C3%A9", "GET /a%2Fb", "GET /100%25", "GET /v1/x:cancel", "GET /any", " /any", "HEAD /head", "GET /head",
		"GET /%2A", "GET /:p",
	)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/", "GET /"},
		{"HEAD", "/", "GET /"},
		{"POST", "/", "405 GET HEAD"},
		{"PURGE", "/about", " /about"},
		{"GET", "/about/", "404"},
		{"GET", "/users", "GET /users"},
		{"DELETE", "/users", "405 GET HEAD POST"},
		{"GET", "/users/7", `GET /users/:id id="7"`},
		{"GET", "/users/me", "GET /users/me"},
		{"POST", "/users/me", `POST /users/:name name="me"`},
		{"PATCH", "/users/me", "405 GET HEAD POST"},
		{"GET", "/users/me/likes", "GET /users/me/likes"},
		{"GET", "/users/me/posts/9", `GET /users/:id/posts/:post id="me" post="9"`},
		{"GET", "/users/me/friends", `GET /users/* *="me/friends"`},
		{"GET", "/users/", `GET /users/* *=""`},
		{"PUT", "/users/7/", `PUT /users/:id/ id="7"`},
		{"GET", "/users/7/", `GET /users/* *="7/"`},
		{"GET", "/users//posts/9", `GET /users/* *="/posts/9"`},
		{"GET", "/files", `GET /:p p="files"`},
		{"GET", "/files/a/b", ` /files/* *="a/b"`},
		{"DELETE", "/files/a/b", `DELETE /files/* *="a/b"`},
		{"GET", "/files/a/raw", `GET /files/:name/raw name="a"`},
		{"POST", "/files/a/raw", ` /files/* *="a/raw"`},
		{"GET", "/caf%C3%A9", "GET /caf%C3%A9"},
		{"GET", "/caf%c3%a9", "GET /caf%C3%A9"},
		{"GET", "/%61bout", " /about"},
		{"GET", "/a%2fb", "GET /a%2Fb"},
		{"GET", "/a/b", "404"},
		{"GET", "/100%25", "GET /100%25"},
		{"GET", "/v1/x:cancel", "GET /v1/x:cancel"},
		{"GET", "/any", "GET /any"},
		{"HEAD", "/any", "GET /any"},
		{"POST", "/any", " /any"},
		{"HEAD", "/head", "HEAD /head"},
		{"GET", "/*", "GET /%2A"},
		{"GET", "/users/a%2Fb", `GET /users/:id id="a/b"`},
		{"GET", "/users/%252F", `GET /users/:id id="%2F"`},
		{"GET", "/users/a%20b+c", `GET /users/:id id="a b+c"`},
		{"GET", "/users/%zz%4", `GET /users/:id id="%zz%4"`},
		{"GET", "/files/x%20/a%2Fb", ` /files/* *="x /a%2Fb"`},
		{"GET", "/users%2F7", `GET /:p p="users/7"`},
		{"GET", "", "404"},
		{"OPTIONS", "*", "404"},
		{"get", "/", "405 GET HEAD"},
	} {
		if got := show(r.Match(c.method, c.path)); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

func TestAdd_refuses(t *testing.T) {
	const have = "GET /users/:id"
	for _, c := range []struct{ method, pattern, want string }{
		{"GET", "/users/:id", `already taken by "/users/:id"`},
		{"GET", "/users/:name", `GET is already taken by "/users/:id"`},
		{"G T", "/x", "not a method"},
		{"GET", "", `must begin with "/"`},
		{"GET", "users", `must begin with "/"`},
		{"GET", "/*/x", "must be the last segment"},
		{"GET", "/a*", "segment of its own"},
		{"GET", "/:", "a parameter is a whole segment"},
		{"GET", "/:id?", "cannot be in it"},
		{"GET", "/:id.json", "a parameter is a whole segment"},
		{"GET", "/:1", "a parameter is a whole segment"},
		{"GET", "/:a/:a", `two parameters called "a"`},
		{"GET", "/x?y", "a pattern is a path"},
		{"GET", "/x y", "percent-encoded"},
		{"GET", "/100%", "two hexadecimal digits"},
		{"GET", "/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/*", "17 parameters"},
	} {
		r := route(t, have)
		err := r.Add(c.method, c.pattern, "new")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", c.pattern)) {
			t.Errorf("%s %s: got %v, want an error with %q", c.method, c.pattern, err, c.want)
		}
		if got := show(r.Match("GET", "/users/1")); got != `GET /users/:id id="1"` {
			t.Errorf("after %s %s: got %q", c.method, c.pattern, got)
		}
	}
}

func TestMatch_allocates(t *testing.T) {
	r := route(t, "GET /", "GET /a/b", " /c", "GET /d/:e")
	for path, want := range map[string]float64{"/": 0, "/a/b": 0, "/c": 0, "/d/1": 1, "/nothing/here": 0} {
		if got := testing.AllocsPerRun(100, func() { r.Match("GET", path) }); got != want {
			t.Errorf("%s: %v allocations, want %v", path, got, want)
		}
	}
}

// The same pattern in any order of Add leads to the same place.
func TestAdd_order(t *testing.T) {
	routes := []string{"GET /a/:b/c", "GET /a/*", "GET /:x/b/c", "GET /*", "GET /a/b/:c"}
	paths := []string{"/a/b/c", "/a/b/x", "/a/x/c", "/x/b/c", "/a/x/y", "/a/", "/x"}
	want := make(map[string]string)
	r := route(t, routes...)
	for _, p := range paths {
		want[p] = show(r.Match("GET", p))
	}
	slices.Reverse(routes)
	r = route(t, routes...)
	for _, p := range paths {
		if got := show(r.Match("GET", p)); got != want[p] {
			t.Errorf("%s: got %q, then %q", p, want[p], got)
		}
	}
}
