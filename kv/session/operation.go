package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// operation is a change of a record, which can be made again on another.
type operation func(r *record) error

// do makes an operation on the draft, and notes it. When it fails nothing has changed.
func (v *Visit) do(op operation) error {
	if !v.updating {
		if err := v.open(); err != nil {
			return err
		}
	}
	next := v.draft.clone()
	if err := op(next); err != nil {
		return err
	}
	if n := next.size(); n > v.s.cfg.BytesMax {
		return fmt.Errorf("%w: it would take %d bytes, at most %d are allowed: session.bytes_max", ErrTooLarge, n, v.s.cfg.BytesMax)
	}
	v.draft = next
	if !v.updating {
		v.ops = append(v.ops, op)
	}
	return nil
}

// storable says what speaks against a JSON text: one that nests ten thousand deep cannot be written again.
func storable(value json.RawMessage) error {
	if !json.Valid(value) {
		return fmt.Errorf("%w: it nests too deep, or is no JSON", ErrKind)
	}
	return nil
}

// Set keeps a JSON text under a name.
func (v *Visit) Set(name string, value json.RawMessage) error {
	if err := storable(value); err != nil {
		return err
	}
	return v.do(func(r *record) error {
		put(&r.Data, name, value)
		return nil
	})
}

// Delete forgets a name.
func (v *Visit) Delete(name string) error {
	if _, has := v.draft.Data[name]; !has && len(v.ops) == 0 {
		return nil
	}
	return v.do(func(r *record) error {
		delete(r.Data, name)
		return nil
	})
}

// Add adds to the number under a name, 0 if there is none, and gives the sum.
func (v *Visit) Add(name string, n float64) (sum float64, err error) {
	err = v.do(func(r *record) error {
		before := 0.0
		if text := r.Data[name]; text != nil {
			var err error
			if before, err = strconv.ParseFloat(string(text), 64); err != nil {
				return fmt.Errorf("%w: %q holds no number", ErrKind, name)
			}
		}
		if sum = before + n; math.IsInf(sum, 0) || math.IsNaN(sum) {
			return fmt.Errorf("%w: the sum is no number", ErrKind)
		}
		text, err := json.Marshal(sum)
		put(&r.Data, name, text)
		return err
	})
	return sum, err
}

// Push appends JSON texts to the array under a name, an empty one if there is none.
func (v *Visit) Push(name string, values ...json.RawMessage) error {
	for _, value := range values {
		if err := storable(value); err != nil {
			return err
		}
	}
	return v.do(func(r *record) error {
		text := bytes.TrimSpace(r.Data[name])
		if len(text) == 0 {
			text = []byte("[]")
		}
		if text[0] != '[' {
			return fmt.Errorf("%w: %q holds no array", ErrKind, name)
		}
		next := append([]byte(nil), bytes.TrimSpace(text[:len(text)-1])...)
		for _, value := range values {
			if len(next) > 1 {
				next = append(next, ',')
			}
			next = append(next, value...)
		}
		put(&r.Data, name, append(next, ']'))
		return nil
	})
}

// SetFlash keeps a JSON text to be taken once.
func (v *Visit) SetFlash(name string, value json.RawMessage) error {
	if err := storable(value); err != nil {
		return err
	}
	return v.do(func(r *record) error {
		put(&r.Flash, name, value)
		return nil
	})
}

// Flash takes one: nil when there is none.
func (v *Visit) Flash(name string) (json.RawMessage, error) {
	value := v.draft.Flash[name]
	if value == nil {
		return nil, nil
	}
	return value, v.do(func(r *record) error {
		delete(r.Flash, name)
		return nil
	})
}

// Update makes whatever changes f makes by the other methods, as one operation: f is called again if another request was
// first. Commit says where.
func (v *Visit) Update(f func() error) error {
	if v.updating {
		return f()
	}
	if err := v.open(); err != nil {
		return err
	}
	before := *v
	v.updating = true
	err := f()
	v.updating = false
	if err != nil {
		*v = before
		return err
	}
	v.called = true
	v.ops = append(v.ops, func(r *record) error { // of a fork, while v waits for it
		waiting := *v
		v.draft, v.updating = r, true
		err := f()
		*r, *v = *v.draft, waiting
		return err
	})
	return nil
}

// Touch renews the session.
func (v *Visit) Touch() error {
	return v.do(func(*record) error { return nil }) // to write is to renew
}

func put(m *map[string]json.RawMessage, name string, value json.RawMessage) {
	if *m == nil {
		*m = map[string]json.RawMessage{}
	}
	(*m)[strings.Clone(name)] = bytes.Clone(value) // else what code cut them from would stay
}
