package web

import (
	"fmt"

	"github.com/dop251/goja"
)

// JSONDepthMax is how deep arrays and objects may nest in text that is parsed as JSON. goja's parser recurses on the
// Go stack and cannot be interrupted, so the depth is checked before it sees the text.
const JSONDepthMax = 1000

// CheckJSON refuses text that nests deeper than JSONDepthMax. It need not be valid JSON.
func CheckJSON(s string) error {
	if d := jsonDepth(s); d > JSONDepthMax {
		return fmt.Errorf("JSON nests %d levels deep, more than the %d that are parsed", d, JSONDepthMax)
	}
	return nil
}

// jsonDepth is how deep arrays and objects nest in s.
func jsonDepth(s string) int {
	depth, deepest := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		}
	}
	return deepest
}

// parseJSON is JSON.parse(s) with the depth checked.
func (r *Realm) parseJSON(s string) goja.Value {
	if err := CheckJSON(s); err != nil {
		panic(r.newError("SyntaxError", err.Error()))
	}
	parse, _ := goja.AssertFunction(r.intrinsic("JSON", "parse"))
	v, err := parse(goja.Undefined(), r.VM.ToValue(s))
	if err != nil {
		panic(err)
	}
	return v
}

// stringifyJSON is JSON.stringify(v) as bytes; undefined and functions are a TypeError, as Response.json says.
func (r *Realm) stringifyJSON(what string, v goja.Value) []byte {
	if o, ok := v.(*goja.Object); ok {
		if _, isFunction := goja.AssertFunction(o); !isFunction {
			b, err := o.MarshalJSON()
			if err != nil {
				panic(err)
			}
			if b != nil {
				return b
			}
		}
	} else {
		stringify, _ := goja.AssertFunction(r.intrinsic("JSON", "stringify"))
		s, err := stringify(goja.Undefined(), v)
		if err != nil {
			panic(err)
		}
		if !goja.IsUndefined(s) {
			return immutableBytes(text(s))
		}
	}
	panic(r.TypeError("%s: %s cannot be written as JSON", what, kind(v)))
}
