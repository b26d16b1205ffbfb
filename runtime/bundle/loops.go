package bundle

import (
	"reflect"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// Loop is where the loop is that code interrupted at p was in; the zero Position stands for code that no source maps.
//
// goja keeps positions of expressions that may throw only. In `while (true) {}` there is none, so an interrupt is said to
// be at the last one before it. When p is in no loop of its function, the loop is the next one that begins after p in that
// function, or p when there is none.
func (b *Bundle) Loop(p Position) Position {
	m, err := b.sourceMap()
	if err != nil {
		return p
	}
	tree, err := goja.Parse(scriptName, b.Code, parser.WithDisableSourceMaps)
	if err != nil {
		return p
	}
	inside := func(n ast.Node) bool {
		start, ok := original(m, tree.File, n.Idx0())
		if !ok || start.File != p.File {
			return false
		}
		end, ok := original(m, tree.File, n.Idx1()-1)
		return ok && end.File == p.File && !before(p, start) && !before(end, p)
	}
	functions, loops := nodes(tree)
	var home ast.Node // the innermost function around p; nil at top level
	for _, f := range functions {
		if p.Line > 0 && inside(f) {
			home = f // they come outermost first
		}
	}
	next := p
	for _, l := range loops {
		start, ok := original(m, tree.File, l.node.Idx0())
		if !ok || p.Line > 0 && start.File != p.File || !sameHome(m, tree.File, l.function, home) {
			continue
		}
		if p.Line > 0 && inside(l.node) {
			return p
		}
		if (p.Line == 0 || before(p, start)) && (next == p || before(start, next)) {
			next = start
		}
	}
	return next
}

// sameHome reports whether a loop's function is home. The functions that bundling puts around a module come from no source:
// what they hold is at top level.
func sameHome(m *sourceMap, f *file.File, function, home ast.Node) bool {
	if function == home {
		return true
	}
	if home != nil || function == nil {
		return false
	}
	_, mapped := original(m, f, function.Idx0())
	return !mapped
}

func original(m *sourceMap, f *file.File, at file.Idx) (Position, bool) {
	p := f.Position(int(at) - f.Base())
	return m.position(p.Line, p.Column)
}

func before(a, b Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}

// loop is a loop statement and the innermost function it is in; nil at top level.
type loop struct {
	node, function ast.Node
}

// nodes finds every function and every loop statement of a program, outermost first. The tree has no walker of its own and
// dozens of node types, so it is walked by reflection; this runs once for each interrupt.
func nodes(tree *ast.Program) (functions []ast.Node, loops []loop) {
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value, function ast.Node)
	walk = func(v reflect.Value, function ast.Node) {
		switch v.Kind() {
		case reflect.Interface:
			walk(v.Elem(), function)
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return
			}
			seen[v.Pointer()] = true
			switch n := v.Interface().(type) {
			case *ast.WhileStatement, *ast.DoWhileStatement, *ast.ForStatement, *ast.ForInStatement, *ast.ForOfStatement:
				loops = append(loops, loop{n.(ast.Node), function})
			case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
				function = n.(ast.Node)
				functions = append(functions, function)
			case *file.File:
				return
			}
			walk(v.Elem(), function)
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i), function)
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), function)
			}
		}
	}
	walk(reflect.ValueOf(tree.Body), nil)
	return functions, loops
}
