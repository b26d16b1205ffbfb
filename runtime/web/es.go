package web

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

// Well-known symbols that goja lacks. A symbol belongs to no VM.
var (
	symAsyncIterator = goja.NewSymbol("Symbol.asyncIterator")
	symDispose       = goja.NewSymbol("Symbol.dispose")
	symAsyncDispose  = goja.NewSymbol("Symbol.asyncDispose")
)

//go:embed es.js
var languageSource string

//go:embed es_iterators.js
var iteratorsSource string

//go:embed es_weak.js
var weakSource string

var (
	languageProgram  = compiled("fortuna:language", &languageSource)
	iteratorsProgram = compiled("fortuna:iterators", &iteratorsSource)
	weakProgram      = compiled("fortuna:weak", &weakSource)
)

// compiled compiles source, a function expression, when it is first asked for; all VMs share the program.
func compiled(name string, source *string) func() *goja.Program {
	return sync.OnceValue(func() *goja.Program { return goja.MustCompile(name, *source, true) })
}

// run evaluates a program that is a function, and returns it.
func (r *Realm) run(p *goja.Program) goja.Callable {
	v, err := r.VM.RunProgram(p)
	must(err)
	f, _ := goja.AssertFunction(v)
	return f
}

// Features is a set of parts of ECMAScript that goja lacks and installLanguage adds.
type Features uint16

// features are the parts in the order of their bits. To touch a built-in constructor of goja costs some 10 us and 10 kB
// in every VM, so what code cannot reach is not installed: any of the words leads to the feature.
var features = []struct{ name, words string }{
	{"symbols", `Symbol`},
	{"groupBy", `groupBy`},
	{"promise", `withResolvers|\.\s*try\b|['"]try['"]`},
	{"fromAsync", `fromAsync`},
	{"wellFormed", `WellFormed`},
	{"escape", `\.\s*escape\b|['"]escape['"]`},
	{"stack", `captureStackTrace|stackTraceLimit`},
	{"transfer", `\btransfer(ToFixedLength)?\b($|[^-])|\bdetached\b`},
	{"sumPrecise", `sumPrecise`},
	{"typedFrom", `(8|16|32|64|Clamped)Array`},
	{"locale", `toLocale|localeCompare`},
	// Whatever makes an iterator or a generator: the helpers have names that every program uses.
	{"iterators", `Iterator|\.(values|entries|keys|matchAll)\b|Symbol\.iterator|function\s*\*|(^|[{};,\n]|static)\s*\*`},
}

// Unmentioned returns the features that source, a whole bundle, cannot reach, for Options.Unmentioned. A name that code
// puts together at run time is not seen.
func Unmentioned(source string) Features {
	var f Features
	for i := range features {
		if !featureWords()[i].MatchString(source) {
			f |= 1 << i
		}
	}
	return f
}

var featureWords = sync.OnceValue(func() []*regexp.Regexp {
	words := make([]*regexp.Regexp, len(features))
	for i, f := range features {
		words[i] = regexp.MustCompile(f.words)
	}
	return words
})

// installLanguage gives a VM the features that its code can reach.
func installLanguage(r *Realm) {
	var install goja.Callable
	for i, f := range features {
		if r.opts.Unmentioned&(1<<i) != 0 {
			continue
		}
		switch f.name {
		case "symbols":
			r.symbols()
		case "iterators":
			r.iteratorHelpers()
		case "locale":
			r.localeMethods()
		default:
			if install == nil {
				install = r.run(languageProgram())
			}
			_, err := install(goja.Undefined(), r.VM.ToValue(f.name), r.languageHost(f.name))
			must(err)
		}
	}
}

// symbols adds the well-known symbols; to do it twice does no harm.
func (r *Realm) symbols() {
	symbol := r.VM.GlobalObject().Get("Symbol").(*goja.Object)
	for name, s := range map[string]*goja.Symbol{
		"asyncIterator": symAsyncIterator, "dispose": symDispose, "asyncDispose": symAsyncDispose,
	} {
		must(symbol.DefineDataProperty(name, s, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	}
}

// iteratorKit is what makes the global Iterator, in a VM that has the helpers.
var iteratorKit = conceal("fortuna.iterators")

func (r *Realm) iteratorHelpers() { r.class(iteratorKit) }

func init() {
	iteratorKit.scripted = func(r *Realm) *goja.Object {
		kit, err := r.run(iteratorsProgram())(goja.Undefined())
		must(err)
		return kit.(*goja.Object)
	}
	expose("Iterator").scripted = func(r *Realm) *goja.Object {
		build, _ := goja.AssertFunction(r.class(iteratorKit).constructor)
		iterator, err := build(goja.Undefined())
		must(err)
		return iterator.(*goja.Object)
	}
	weakKit := conceal("fortuna.weak")
	weakKit.scripted = func(r *Realm) *goja.Object {
		kit, err := r.run(weakProgram())(goja.Undefined())
		must(err)
		return kit.(*goja.Object)
	}
	for _, name := range strings.Fields("WeakRef FinalizationRegistry") {
		expose(name).scripted = func(r *Realm) *goja.Object { return r.class(weakKit).constructor.Get(name).(*goja.Object) }
	}
}
