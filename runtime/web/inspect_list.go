package web

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/dop251/goja"
)

// arrayShape writes elements; a run of holes is one part.
func (n *inspector) arrayShape(o *goja.Object, s *shape, level int) {
	length := lengthOf(o)
	s.array, s.open, s.close = true, "[", "]"
	s.keys = length <= inspectItemsMax // listing the properties of a long array costs more than they are worth
	s.skip = []string{"length"}
	if length == 0 {
		return
	}
	s.inside = func() {
		s.numeric = true
		shown, holes := 0, 0
		flush := func() {
			if holes == 1 {
				s.parts, shown = append(s.parts, "<1 empty item>"), shown+1
			} else if holes > 1 {
				s.parts, shown = append(s.parts, fmt.Sprintf("<%d empty items>", holes)), shown+1
			}
			s.numeric = s.numeric && holes == 0
			holes = 0
		}
		i := 0
		for ; i < length && shown < inspectItemsMax && n.left > 0; i++ {
			p, ok := n.property(o, n.r.VM.ToValue(strconv.Itoa(i)))
			if !ok {
				if holes++; holes > inspectItemsMax { // a sparse array may have 4 billion
					holes, i = holes-1+length-i, length
					break
				}
				continue
			}
			flush()
			s.parts, shown = append(s.parts, n.held(p, level)), shown+1
			s.numeric = s.numeric && isNumber(p.value)
		}
		flush()
		s.rest(length - i)
	}
}

// rest says how many items were left out.
func (s *shape) rest(count int) {
	if count > 1 {
		s.parts, s.more = append(s.parts, fmt.Sprintf("... %d more items", count)), true
	} else if count == 1 {
		s.parts, s.more = append(s.parts, "... 1 more item"), true
	}
}

func isNumber(v goja.Value) bool {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return false
	}
	if _, isObject := v.(*goja.Object); isObject {
		return false
	}
	switch v.ExportType().Kind() {
	case reflect.Int64, reflect.Float64, reflect.Pointer: // a number, or *big.Int
		return true
	}
	return false
}

// lengthOf is the length of an array, which is always plain data.
func lengthOf(o *goja.Object) int {
	if v := o.Get("length"); v != nil {
		return int(v.ToInteger())
	}
	return 0
}

// collection writes the entries of a Map or Set through the engine's own forEach.
func (n *inspector) collection(o *goja.Object, s *shape, class string, level int) {
	size := int(n.call(class, "get size", o).ToInteger())
	if size == 0 {
		return
	}
	s.inside = func() {
		seen := 0
		visit := n.r.VM.ToValue(func(c goja.FunctionCall) goja.Value {
			if seen++; seen > inspectItemsMax || n.left <= 0 {
				return goja.Undefined()
			}
			part := n.nested(c.Argument(0), level)
			if class == "Map" {
				part = n.nested(c.Argument(1), level) + " => " + part
			}
			s.parts = append(s.parts, part)
			return goja.Undefined()
		})
		n.call(class, "forEach", o, visit)
		s.rest(size - min(len(s.parts), size))
	}
}
