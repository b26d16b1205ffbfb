package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// workload is one app and one request to it, the same for every server.
type workload struct {
	name    string
	source  string // of the app, in apps
	imports bool   // packages from npm, so that it must be bundled
	path    string
	body    string // when not empty, a POST of JSON
	want    string // the body of the answer
	media   string // its type
	servers []string
}

//go:embed apps
var apps embed.FS

// fetchServers are the peers that serve an app of the form export default { fetch }.
var fetchServers = []string{"fortuna", "bun", "deno", "node+hono", "workerd"}

var workloads = []*workload{
	{
		name: "hello", source: "hello.js", path: "/", want: `{"hello":"world"}`, media: "application/json",
		servers: []string{"fortuna", "bun", "deno", "node", "workerd", "nginx", "nginx+njs"},
	},
	{name: "hono", source: "hono.js", imports: true, path: "/", want: "Hello Hono!", media: "text/plain", servers: fetchServers},
	{
		name: "hono-route", source: "hono.js", imports: true, path: "/users/42?tab=posts", want: `{"id":"42","tab":"posts","theme":"dark"}`,
		media: "application/json", servers: fetchServers,
	},
	{name: "html50", source: "hono.js", imports: true, path: "/rows", want: rows(50), media: "text/html", servers: fetchServers},
	{
		name: "json-echo", source: "echo.js", path: "/", body: order, want: order, media: "application/json",
		servers: fetchServers,
	},
	{name: "await2ms", source: "await.js", path: "/", want: "later", media: "text/plain", servers: fetchServers},
}

func workloadOf(name string) *workload { return workloads[slices.Index(workloadNames(), name)] }

// cookie goes with every request, as it does with a browser's.
const cookie = "theme=dark; visitor=7c9e6679"

// order is a body of about 300 bytes, in the form JSON.stringify gives it.
const order = `{"id":"a81bc81b-dead-4e5d-abff-90865d1e13b1","customer":{"name":"Ada Lovelace","mail":"ada@example.org"},` +
	`"lines":[{"article":"lamp","count":2,"price":19.5},{"article":"chair","count":4,"price":74},{"article":"rug","count":1,"price":120.25}],` +
	`"paid":true,"note":null,"tags":["new","gift","eu"]}`

// rows is what hono.js answers at /rows.
func rows(n int) string {
	var b strings.Builder
	b.WriteString("<table>")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "<tr><td>%d</td><td>row &lt;%d&gt;</td></tr>", i, i)
	}
	b.WriteString("</table>")
	return b.String()
}

func workloadNames() []string {
	var names []string
	for _, w := range workloads {
		names = append(names, w.name)
	}
	return names
}
