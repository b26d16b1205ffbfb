package web

import "github.com/dop251/goja"

// Well-known symbols that goja lacks. A symbol belongs to no VM.
var (
	symAsyncIterator = goja.NewSymbol("Symbol.asyncIterator")
	symDispose       = goja.NewSymbol("Symbol.dispose")
	symAsyncDispose  = goja.NewSymbol("Symbol.asyncDispose")
)

// installLanguage gives a VM the parts of ECMAScript that goja lacks.
func installLanguage(r *Realm) {
	symbol := r.VM.GlobalObject().Get("Symbol").(*goja.Object)
	for name, s := range map[string]*goja.Symbol{
		"asyncIterator": symAsyncIterator, "dispose": symDispose, "asyncDispose": symAsyncDispose,
	} {
		must(symbol.DefineDataProperty(name, s, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	}
}
