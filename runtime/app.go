package runtime

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/web"
)

// app is what a bundle exports, in one VM: its handlers, and the routes that lead to them.
type app struct {
	handlers []handler
	routes   []routeEntry
	fetch    int             // index of the fetch handler; -1 if there is none
	sockets  *socketHandlers // nil if the app has no websocket object
	jobs     map[string]int  // of JobHandlers, those that are exported
	unserved []string        // handlers that are exported and never called
}

// laterHandlers are handlers of Workers that this version does not call.
var laterHandlers = []string{"email", "tail", "alarm"}

// handler is a JavaScript function and the object it is a method of.
type handler struct {
	this goja.Value
	call goja.Callable
	sees int // how many of its arguments it can see
}

// routeEntry is one method of one declarative route: a handler, or a constant answer.
type routeEntry struct {
	method, pattern string
	handler         int
	constant        goja.Value // a Response, when not nil
}

const exportHint = "export default { fetch(request, env, ctx) { return new Response(\"Hello\") } }"

// newApp reads a module's exports: `export default` with fetch, routes or both, or a bare function.
func newApp(js *goja.Runtime, exports goja.Value) (*app, error) {
	a := &app{fetch: -1, jobs: map[string]int{}}
	module, _ := exports.(*goja.Object)
	if module == nil {
		return nil, noHandler("the app exports nothing")
	}
	def := module.Get("default")
	if def == nil || goja.IsUndefined(def) {
		if _, ok := goja.AssertFunction(module.Get("fetch")); !ok {
			return nil, noHandler("the app has no default export")
		}
		def = module
	}
	if f, ok := goja.AssertFunction(def); ok {
		a.fetch = a.add(goja.Undefined(), def, f)
		return a, nil
	}
	o, ok := def.(*goja.Object)
	if !ok {
		return nil, noHandler("the default export is neither an object nor a function")
	}
	fetch := o.Get("fetch")
	if f, ok := goja.AssertFunction(fetch); ok {
		a.fetch = a.add(o, fetch, f)
	}
	if err := a.addRoutes(js, o); err != nil {
		return nil, err
	}
	if err := a.addSockets(o); err != nil {
		return nil, err
	}
	for _, name := range JobHandlers {
		f := o.Get(name)
		if call, ok := goja.AssertFunction(f); ok {
			a.jobs[name] = a.add(o, f, call)
		}
	}
	for _, name := range laterHandlers {
		if _, ok := o.Get(name).(*goja.Object); ok {
			a.unserved = append(a.unserved, name)
		}
	}
	if a.fetch < 0 && len(a.routes) == 0 && len(a.jobs) == 0 {
		return nil, noHandler("the default export has neither a fetch function nor routes")
	}
	return a, nil
}

func noHandler(what string) *Failure {
	return &Failure{Code: "no_handler", Status: 500, Message: what, Hint: exportHint}
}

func (a *app) add(this, f goja.Value, call goja.Callable) int {
	a.handlers = append(a.handlers, handler{this, call, visible(f.String())})
	return len(a.handlers) - 1
}

// plainParameters is the beginning of a function whose parameters are names only.
var plainParameters = regexp.MustCompile(`^(?:async\s+)?(?:(?:function\b\s*)?[\w$]*\s*\(([\w$\s,]*)\)|[\w$]+\s*=>)`)

// visible says how many of its first three arguments a function with this source can see. One that it cannot is not made:
// a Request or a context costs more than the rest of a small handler.
func visible(source string) int {
	m := plainParameters.FindStringSubmatch(source)
	switch {
	case m == nil || strings.Contains(source, "arguments") || strings.Contains(source, "[native code]"):
		return 3
	case strings.HasSuffix(m[0], "=>"):
		return 1
	case strings.TrimSpace(m[1]) == "":
		return 0
	}
	return 1 + strings.Count(m[1], ",")
}

// addRoutes reads `routes: { "/users/:id": handler | Response | { GET: handler | Response } }`. An array is a
// framework's own list of routes (Hono's, itty-router's), which its fetch knows how to use.
func (a *app) addRoutes(js *goja.Runtime, o *goja.Object) error {
	routes, ok := o.Get("routes").(*goja.Object)
	if !ok || routes.ClassName() == "Array" {
		return nil
	}
	for _, pattern := range routes.Keys() {
		if !strings.HasPrefix(pattern, "/") {
			return &Failure{Code: "bad_route", Status: 500, Message: fmt.Sprintf("route %q must begin with \"/\"", pattern)}
		}
		v := routes.Get(pattern)
		if a.addRoute("", pattern, routes, v) {
			continue
		}
		methods, ok := v.(*goja.Object)
		if !ok {
			return &Failure{Code: "bad_route", Status: 500,
				Message: fmt.Sprintf("route %q must be a function, a Response or an object of methods", pattern)}
		}
		names := methods.Keys()
		slices.Sort(names)
		for _, m := range names {
			if m != strings.ToUpper(m) || !a.addRoute(m, pattern, methods, methods.Get(m)) {
				return &Failure{Code: "bad_route", Status: 500,
					Message: fmt.Sprintf("route %q: %q must be an upper-case method with a function or a Response", pattern, m)}
			}
		}
	}
	return nil
}

func (a *app) addRoute(method, pattern string, this *goja.Object, v goja.Value) bool {
	if f, ok := goja.AssertFunction(v); ok {
		a.routes = append(a.routes, routeEntry{method: method, pattern: pattern, handler: a.add(this, v, f)})
		return true
	}
	if web.IsResponse(v) {
		a.routes = append(a.routes, routeEntry{method: method, pattern: pattern, constant: v})
		return true
	}
	return false
}

// call runs the invocation's handler and returns what it returns.
func (a *app) call(v *vm, inv *invocation) (goja.Value, error) {
	if inv.event != nil {
		return inv.event.run(v, inv)
	}
	if inv.run != nil {
		return inv.run.call(v, inv)
	}
	h := &a.handlers[inv.handler]
	if h.sees == 0 {
		return h.call(h.this)
	}
	var receive func(job func(piece []byte, err error)) // made only if it is wanted
	if inv.request.Partial {
		receive = inv.receive
	}
	inv.object = v.realm.NewRequest(inv.request, inv.params, receive)
	if h.sees < 3 {
		return h.call(h.this, inv.object, v.env)
	}
	return h.call(h.this, inv.object, v.env, v.realm.NewExecutionContext(inv))
}
