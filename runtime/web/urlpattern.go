package web

import (
	"errors"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/urlpattern"
)

var urlPatternClass = expose("URLPattern")

func init() {
	urlPatternClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		return r.newURLPattern(c.Arguments)
	}
	for c := range urlpattern.Components {
		urlPatternClass.members = append(urlPatternClass.members, getter(c.String(), func(r *Realm, p *urlpattern.Pattern) goja.Value {
			return r.VM.ToValue(p.Part(c))
		}))
	}
	urlPatternClass.members = append(urlPatternClass.members,
		getter("hasRegExpGroups", func(r *Realm, p *urlpattern.Pattern) goja.Value { return r.VM.ToValue(p.HasRegexpGroups()) }),
		method("test", 0, func(r *Realm, p *urlpattern.Pattern, c goja.FunctionCall) goja.Value {
			found, _ := r.matchURLPattern("URLPattern.test", p, c)
			return r.VM.ToValue(found != nil)
		}),
		method("exec", 0, func(r *Realm, p *urlpattern.Pattern, c goja.FunctionCall) goja.Value {
			found, inputs := r.matchURLPattern("URLPattern.exec", p, c)
			if found == nil {
				return goja.Null()
			}
			return r.urlPatternResult(found, inputs)
		}),
	)
}

// newURLPattern is both constructors, (input, baseURL, options) and (input, options): the second argument decides.
func (r *Realm) newURLPattern(args []goja.Value) *urlpattern.Pattern {
	arg := func(i int) goja.Value {
		if i < len(args) {
			return args[i]
		}
		return goja.Undefined()
	}
	s, init := r.urlPatternInput("URLPattern", arg(0))
	var base *string
	options := arg(1)
	if _, isObject := options.(*goja.Object); len(args) > 2 || !isObject && !nullish(options) {
		base, options = new(text(options)), arg(2)
	}
	var o urlpattern.Options
	if v := field(r.dictionary("URLPattern: options", options), "ignoreCase"); v != nil {
		o.IgnoreCase = v.ToBoolean()
	}
	var p *urlpattern.Pattern
	var err error
	switch {
	case s != nil:
		p, err = urlpattern.Parse(&urlCanon, *s, base, o)
	case base != nil:
		panic(r.TypeError("URLPattern: a base URL goes with a string; an object has a baseURL of its own"))
	default:
		p, err = urlpattern.New(&urlCanon, init, o)
	}
	r.checkURLPattern("URLPattern", err)
	return p
}

// checkURLPattern throws err.
func (r *Realm) checkURLPattern(what string, err error) {
	switch {
	case errors.Is(err, urlpattern.ErrLimit):
		panic(r.RangeError("%s: %v", what, err))
	case err != nil:
		panic(r.TypeError("%s: %v", what, err))
	}
}

// urlPatternInput converts a URLPatternInput: a string, or else a URLPatternInit.
func (r *Realm) urlPatternInput(what string, v goja.Value) (s *string, init urlpattern.Init) {
	if _, isObject := v.(*goja.Object); !isObject && !nullish(v) {
		return new(text(v)), init
	}
	o := r.dictionary(what, v)
	get := func(name string) *string {
		if v := field(o, name); v != nil {
			return new(text(v))
		}
		return nil
	}
	init.BaseURL = get("baseURL") // the names are read in their order, which getters can see
	for _, c := range []urlpattern.Component{
		urlpattern.Hash, urlpattern.Hostname, urlpattern.Password, urlpattern.Pathname,
		urlpattern.Port, urlpattern.Protocol, urlpattern.Search, urlpattern.Username,
	} {
		init.Parts[c] = get(c.String())
	}
	return nil, init
}

// matchURLPattern matches the arguments (input, baseURL) of a method. It also returns what was converted of them, and
// nil when they do not match.
func (r *Realm) matchURLPattern(what string, p *urlpattern.Pattern, c goja.FunctionCall) (*[urlpattern.Components]urlpattern.Match, []any) {
	s, init := r.urlPatternInput(what, c.Argument(0))
	var base *string
	if v := c.Argument(1); !goja.IsUndefined(v) {
		base = new(text(v))
	}
	if s == nil {
		if base != nil {
			panic(r.TypeError("%s: a base URL goes with a string; an object has a baseURL of its own", what))
		}
		found, err := p.MatchInit(init)
		r.checkURLPattern(what, err)
		if found == nil {
			return nil, nil
		}
		return found, []any{r.urlPatternInit(init)}
	}
	found, err := p.MatchString(*s, base)
	r.checkURLPattern(what, err)
	inputs := []any{*s}
	if base != nil {
		inputs = append(inputs, *base)
	}
	return found, inputs
}

// urlPatternInit is init as an object again.
func (r *Realm) urlPatternInit(init urlpattern.Init) *goja.Object {
	o := r.VM.NewObject()
	if init.BaseURL != nil {
		r.put(o, "baseURL", r.VM.ToValue(*init.BaseURL))
	}
	for c, v := range init.Parts {
		if v != nil {
			r.put(o, urlpattern.Component(c).String(), r.VM.ToValue(*v))
		}
	}
	return o
}

// urlPatternResult is a URLPatternResult.
func (r *Realm) urlPatternResult(found *[urlpattern.Components]urlpattern.Match, inputs []any) *goja.Object {
	result := r.VM.NewObject()
	r.put(result, "inputs", r.VM.NewArray(inputs...))
	for c, m := range found {
		groups := r.VM.NewObject()
		for _, g := range m.Groups {
			value := goja.Undefined()
			if g.Matched {
				value = r.VM.ToValue(g.Value)
			}
			r.put(groups, g.Name, value)
		}
		component := r.VM.NewObject()
		r.put(component, "input", r.VM.ToValue(m.Input))
		r.put(component, "groups", groups)
		r.put(result, urlpattern.Component(c).String(), component)
	}
	return result
}

// put defines a property, whatever setters prototypes have: a group may be called "__proto__".
func (r *Realm) put(o *goja.Object, name string, v goja.Value) {
	must(o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}
