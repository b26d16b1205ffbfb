package web

import (
	"fmt"

	"github.com/dop251/goja"
)

// domException is the Go half of a DOMException (Web IDL 2.8).
type domException struct {
	name, message string
}

var domExceptionClass = expose("DOMException")

// domExceptionCodes are the names with a legacy code, by that code (Web IDL 2.8.1).
var domExceptionCodes = []struct{ constant, name string }{
	1: {"INDEX_SIZE_ERR", "IndexSizeError"}, 2: {"DOMSTRING_SIZE_ERR", ""}, 3: {"HIERARCHY_REQUEST_ERR", "HierarchyRequestError"},
	4: {"WRONG_DOCUMENT_ERR", "WrongDocumentError"}, 5: {"INVALID_CHARACTER_ERR", "InvalidCharacterError"},
	6: {"NO_DATA_ALLOWED_ERR", ""}, 7: {"NO_MODIFICATION_ALLOWED_ERR", "NoModificationAllowedError"},
	8: {"NOT_FOUND_ERR", "NotFoundError"}, 9: {"NOT_SUPPORTED_ERR", "NotSupportedError"}, 10: {"INUSE_ATTRIBUTE_ERR", "InUseAttributeError"},
	11: {"INVALID_STATE_ERR", "InvalidStateError"}, 12: {"SYNTAX_ERR", "SyntaxError"}, 13: {"INVALID_MODIFICATION_ERR", "InvalidModificationError"},
	14: {"NAMESPACE_ERR", "NamespaceError"}, 15: {"INVALID_ACCESS_ERR", "InvalidAccessError"}, 16: {"VALIDATION_ERR", ""},
	17: {"TYPE_MISMATCH_ERR", "TypeMismatchError"}, 18: {"SECURITY_ERR", "SecurityError"}, 19: {"NETWORK_ERR", "NetworkError"},
	20: {"ABORT_ERR", "AbortError"}, 21: {"URL_MISMATCH_ERR", "URLMismatchError"}, 22: {"QUOTA_EXCEEDED_ERR", "QuotaExceededError"},
	23: {"TIMEOUT_ERR", "TimeoutError"}, 24: {"INVALID_NODE_TYPE_ERR", "InvalidNodeTypeError"}, 25: {"DATA_CLONE_ERR", "DataCloneError"},
}

func init() {
	domExceptionClass.builtin = "Error"
	domExceptionClass.construct = func(r *Realm, c goja.ConstructorCall) any {
		e := &domException{name: "Error"}
		if v := c.Argument(0); !goja.IsUndefined(v) {
			e.message = text(v)
		}
		switch v := c.Argument(1).(type) {
		case *goja.Object: // { name, cause }
			if n := field(v, "name"); n != nil {
				e.name = text(n)
			}
			if cause := field(v, "cause"); cause != nil {
				must(c.This.DefineDataProperty("cause", cause, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
			}
		default:
			if !goja.IsUndefined(v) {
				e.name = text(v)
			}
		}
		r.stackOf(c.This, e)
		return e
	}
	domExceptionClass.members = []member{
		getter("name", func(r *Realm, e *domException) goja.Value { return r.VM.ToValue(e.name) }),
		getter("message", func(r *Realm, e *domException) goja.Value { return r.VM.ToValue(e.message) }),
		getter("code", func(r *Realm, e *domException) goja.Value {
			for code, d := range domExceptionCodes {
				if d.name != "" && d.name == e.name {
					return r.VM.ToValue(code)
				}
			}
			return r.VM.ToValue(0)
		}),
	}
	for code, d := range domExceptionCodes {
		if d.constant != "" {
			domExceptionClass.constants = append(domExceptionClass.constants, constant{d.constant, code})
		}
	}
}

// Exception is a new DOMException for code to catch: panic with it.
func (r *Realm) Exception(name, format string, args ...any) *goja.Object {
	e := &domException{name: name, message: fmt.Sprintf(format, args...)}
	o := r.make(domExceptionClass, e)
	r.stackOf(o, e)
	return o
}

// stackOf gives o the stack of this moment, as an Error would have.
func (r *Realm) stackOf(o *goja.Object, e *domException) {
	stack := e.name + ": " + e.message
	for _, f := range r.VM.CaptureCallStack(10, nil) {
		if p := f.Position(); p.Line > 0 {
			stack += fmt.Sprintf("\n    at %s (%s:%d:%d)", f.FuncName(), f.SrcName(), p.Line, p.Column)
		}
	}
	must(o.DefineDataProperty("stack", r.VM.ToValue(stack), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}
