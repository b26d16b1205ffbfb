package runtime

import "strings"

// elsewhere are globals that other platforms have and this one has not, with what to use here.
var elsewhere = map[string]string{
	"process":       "there is no process here: variables are in env, from [vars] in fortuna.toml",
	"Buffer":        "there is no Buffer here: use Uint8Array, TextEncoder and TextDecoder, atob and btoa",
	"require":       "there is no require at run time: write import, which is bundled",
	"caches":        "there is no cache here yet",
	"HTMLRewriter":  "there is no HTMLRewriter here: use a package that rewrites HTML",
	"WebSocketPair": "there are no WebSockets here yet",
	"WebSocket":     "there are no WebSockets here yet",
	"WebAssembly":   "there is no WebAssembly here",
	"Deno":          "this is not Deno: export default { fetch(request, env, ctx) { ... } }",
	"Bun":           "this is not Bun: export default { fetch(request, env, ctx) { ... } }",
	"window":        "there is no window on a server: use globalThis",
	"document":      "there is no document on a server",
}

// advice is what to do about an uncaught error, or "".
func advice(message string) string {
	name, ok := strings.CutPrefix(message, "ReferenceError: ")
	if !ok {
		return ""
	}
	name, _, _ = strings.Cut(name, " ")
	return elsewhere[name]
}
