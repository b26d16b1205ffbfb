package bundle

import (
	"reflect"
	"regexp"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	operator "github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"
)

// Names of the globals that Bundle.Program calls where goja would run native code that no interrupt reaches.
// They are functions but for one. They are no identifiers, so code can neither call nor hide them. Bundle.Code does not have these calls: they are put
// into its syntax tree, so that positions stay as they are.
const (
	SpreadName    = "fortuna:spread"    // (iterable): what [...iterable] iterates over
	ArgumentsName = "fortuna:arguments" // (iterable): what f(...iterable) iterates over
	RestName      = "fortuna:rest"      // a symbol: iterable[symbol] is what [...rest] = iterable iterates over; of every object
	MembersName   = "fortuna:members"   // (object): what {...object} copies
	PowerName     = "fortuna:power"     // (a, b): a ** b
	ShiftName     = "fortuna:shift"     // (a, b): a << b
	CompoundName  = "fortuna:compound"  // (b): b in o[p] **= b and o[p] <<= b
	BigIntsName   = "fortuna:bigints"   // (): called first in a program whose operators are checked
	NumbersName   = "fortuna:numbers"   // (): called first in a program whose operators are left alone: it has no BigInts
)

// mentionsBigInt finds what a program has that makes BigInts.
var mentionsBigInt = regexp.MustCompile(`Big|[0-9a-fA-F_]n\b`)

// insertCalls puts the calls of the functions named above into a tree; those on operators only where there may be BigInts.
func insertCalls(tree *ast.Program, code string) {
	n := &inserter{bigInts: mentionsBigInt.MatchString(code), seen: map[uintptr]bool{}}
	n.walk(reflect.ValueOf(tree.Body))
	first := NumbersName
	if n.bigInts {
		first = BigIntsName
	}
	tree.Body = append([]ast.Statement{&ast.ExpressionStatement{Expression: call(first, tree.Idx0())}}, tree.Body...)
}

// unguarded defines the functions named above.
var unguarded = goja.MustCompile("unguarded.js", `(define => {
	define("`+SpreadName+`", v => v); define("`+ArgumentsName+`", v => v); define("`+MembersName+`", v => v); define("`+CompoundName+`", v => v);
	define("`+PowerName+`", (a, b) => a ** b); define("`+ShiftName+`", (a, b) => a << b); define("`+NumbersName+`", () => {}); define("`+BigIntsName+`", () => {});
	define("`+RestName+`", Symbol());
	Object.defineProperty(Object.prototype, globalThis["`+RestName+`"], {get() { "use strict"; return this; }});
})((name, value) => Object.defineProperty(globalThis, name, {value}))`, true)

// Unguarded gives a VM the functions that Bundle.Program calls, without any bound: for code that is trusted. It panics
// when they are defined already.
func Unguarded(vm *goja.Runtime) {
	if _, err := vm.RunProgram(unguarded); err != nil {
		panic(err)
	}
}

type inserter struct {
	bigInts bool
	seen    map[uintptr]bool
}

// walk visits what is below v, the innermost first. The tree has no walker of its own.
func (n *inserter) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		n.walk(v.Elem())
		switch t := v.Interface().(type) {
		case *ast.BinaryExpression:
			if name := operatorName(t.Operator); name != "" && n.bigInts {
				v.Set(reflect.ValueOf(call(name, t.Idx0(), t.Left, t.Right)))
			}
		case *ast.ArrayPattern:
			if t.Rest != nil {
				v.Set(reflect.ValueOf(rest(t)))
			}
		}
	case reflect.Pointer:
		if v.IsNil() || n.seen[v.Pointer()] {
			return
		}
		n.seen[v.Pointer()] = true
		if _, ok := v.Interface().(*file.File); ok {
			return
		}
		n.walk(v.Elem())
		n.insert(v.Interface())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n.walk(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			n.walk(v.Index(i))
		}
	}
}

// insert puts calls into a node.
func (n *inserter) insert(node any) {
	switch t := node.(type) {
	case *ast.ArrayLiteral:
		spreads(SpreadName, t.Value)
	case *ast.CallExpression:
		spreads(ArgumentsName, t.ArgumentList)
	case *ast.NewExpression:
		spreads(ArgumentsName, t.ArgumentList)
	case *ast.ObjectLiteral:
		spreads(MembersName, t.Value)
	case *ast.AssignExpression:
		name := operatorName(t.Operator)
		switch left := t.Left.(type) {
		case *ast.Identifier:
			if name != "" && n.bigInts {
				t.Operator, t.Right = operator.ASSIGN, call(name, t.Idx0(), &ast.Identifier{Name: left.Name, Idx: left.Idx}, t.Right)
			}
		default:
			if name != "" && n.bigInts {
				t.Right = call(CompoundName, t.Right.Idx0(), t.Right)
			}
		}
	}
}

// spreads puts a call around what is spread in a list.
func spreads[E ast.Expression](name string, list []E) {
	for _, e := range list {
		if s, ok := any(e).(*ast.SpreadElement); ok {
			s.Expression = call(name, s.Expression.Idx0(), s.Expression)
		}
	}
}

// rest makes [...rest] a pattern for what its iterable has under a symbol: { [symbol]: [...rest] }.
func rest(p *ast.ArrayPattern) *ast.ObjectPattern {
	return &ast.ObjectPattern{LeftBrace: p.LeftBracket, RightBrace: p.RightBracket, Properties: []ast.Property{&ast.PropertyKeyed{
		Key: &ast.Identifier{Name: RestName, Idx: p.LeftBracket}, Kind: ast.PropertyKindValue, Computed: true, Value: p,
	}}}
}

func operatorName(t operator.Token) string {
	switch t {
	case operator.EXPONENT:
		return PowerName
	case operator.SHIFT_LEFT:
		return ShiftName
	}
	return ""
}

// call is a call of a global function at a position.
func call(name string, at file.Idx, args ...ast.Expression) *ast.CallExpression {
	return &ast.CallExpression{
		Callee:           &ast.Identifier{Name: unistring.NewFromString(name), Idx: at},
		LeftParenthesis:  at,
		ArgumentList:     args,
		RightParenthesis: at,
	}
}
