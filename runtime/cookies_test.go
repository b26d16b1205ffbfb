package runtime

import (
	"slices"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

// What a handler changes in request.cookies is said by its answer, whatever Response that is, and only by that one.
func TestReply_cookies(t *testing.T) {
	h := start(t, Config{Workers: 1}, `
		const shared = new Response("shared", { headers: { "set-cookie": "own=1" } })
		export default { routes: {
			"/seen": request => new Response([...request.cookies].join()),
			"/set": async request => {
				request.cookies.set("a", "1")
				await new Promise(r => setTimeout(r))
				request.cookies.delete("b")
				return shared.clone()
			},
			"/unchanged": request => { request.cookies.get("b"); return shared.clone() },
			"/unseen": () => shared.clone(),
			"/redirect": request => { request.cookies.set("a", "1"); return Response.redirect("http://h/", 303) },
			"/stream": request => {
				request.cookies.set("a", "1")
				return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array([65])); c.close() } }))
			},
			"/fails": request => { request.cookies.set("a", "1"); throw new Error("no") },
			"/refused": request => { request.cookies.set("a\r\nb", "1"); return shared.clone() },
			"/broken": request => { request.cookies.set("a", "1") },
		} }`)
	const deleted = "b=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"
	for _, c := range []struct {
		target string
		status int
		body   string
		set    []string
	}{
		{"/seen", 200, "b,2,c,é", nil},
		{"/set", 200, "shared", []string{"own=1", "a=1; Path=/; SameSite=Lax", deleted}},
		{"/unchanged", 200, "shared", []string{"own=1"}},
		{"/unseen", 200, "shared", []string{"own=1"}},
		{"/redirect", 303, "", []string{"a=1; Path=/; SameSite=Lax"}},
		{"/stream", 200, "A", []string{"a=1; Path=/; SameSite=Lax"}},
		{"/fails", 500, "*", nil},
		{"/refused", 500, "*", nil},
		{"/broken", 500, "*", nil},
	} {
		x := h.begin("GET", c.target, "", exchange.Field{Name: "Cookie", Value: "b=2; c=%C3%A9"}).wait(t)
		var set []string
		for _, f := range x.header {
			if exchange.EqualFold(f.Name, "set-cookie") {
				set = append(set, f.Value)
			}
		}
		if x.status != c.status || c.body != "*" && string(x.body) != c.body || !slices.Equal(set, c.set) {
			t.Errorf("%s: got %d %q %q, want %d %q %q", c.target, x.status, x.body, set, c.status, c.body, c.set)
		}
	}
}
