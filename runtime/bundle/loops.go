package bundle

import (
	"reflect"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// Loop is where the loop is that code interrupted at p was in.
//
// goja keeps positions of expressions that may throw only. In `while (true) {}` there is none, so an interrupt is said to
// be at the last one before it. When p is in no loop, the loop is the next one that begins after p in its file.
func (b *Bundle) Loop(p Position) Position {
	m, err := b.sourceMap()
	if err != nil {
		return p
	}
	tree, err := goja.Parse(scriptName, b.Code, parser.WithDisableSourceMaps)
	if err != nil {
		return p
	}
	next := p
	for _, loop := range loops(tree) {
		start, ok := original(m, tree.File, loop.Idx0())
		if !ok || start.File != p.File {
			continue
		}
		end, ok := original(m, tree.File, loop.Idx1()-1)
		if ok && end.File == p.File && !before(p, start) && !before(end, p) {
			return p
		}
		if before(p, start) && (next == p || before(start, next)) {
			next = start
		}
	}
	return next
}

func original(m *sourceMap, f *file.File, at file.Idx) (Position, bool) {
	p := f.Position(int(at) - f.Base())
	return m.position(p.Line, p.Column)
}

func before(a, b Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}

// loops finds every loop statement of a program. The tree has no walker of its own and dozens of node types, so it is
// walked by reflection; this runs once for each interrupt.
func loops(tree *ast.Program) (found []ast.Node) {
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Interface:
			walk(v.Elem())
		case reflect.Pointer:
			if v.IsNil() || seen[v.Pointer()] {
				return
			}
			seen[v.Pointer()] = true
			switch n := v.Interface().(type) {
			case *ast.WhileStatement, *ast.DoWhileStatement, *ast.ForStatement, *ast.ForInStatement, *ast.ForOfStatement:
				found = append(found, n.(ast.Node))
			case *file.File:
				return
			}
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		}
	}
	walk(reflect.ValueOf(tree.Body))
	return found
}
