package binding

import (
	"context"
	"errors"
	"math/big"
	"strings"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// atomic is env.NAME.atomic(): changes of several keys that are made together or not at all.
type atomic struct {
	n      *namespace
	checks map[string]kv.Check
	writes []kv.Write
	sums   []sum
	found  map[string]bool // keys of sums that had a value
	done   bool
}

// sumDigitsMax bounds the numbers that are added.
const sumDigitsMax = 1000

// sum is a number to be added to the one that a key holds as decimal text.
type sum struct {
	key string
	add *big.Int
}

var atomicClass = web.NewClass("KVAtomic")

func init() {
	change := func(name string, arguments int, f func(a *atomic, r *web.Realm, c goja.FunctionCall)) web.Member {
		return web.Method(name, arguments, func(r *web.Realm, a *atomic, c goja.FunctionCall) goja.Value {
			f(a, r, c)
			if len(a.checks)+len(a.writes)+len(a.sums) > kv.CommitMax {
				panic(r.TypeError("%s: at most %d keys may be named", a.n.what("atomic"), kv.CommitMax))
			}
			return c.This
		})
	}
	atomicClass.Define([]web.Member{
		change("check", 2, func(a *atomic, r *web.Realm, c goja.FunctionCall) {
			if a.checks == nil {
				a.checks = map[string]kv.Check{}
			}
			a.checks[a.n.key(r, "atomic", c.Argument(0))] = a.n.revision(r, "atomic", "check", c.Argument(1))
		}),
		change("set", 2, func(a *atomic, r *web.Realm, c goja.FunctionCall) {
			w := kv.Write{Key: a.n.key(r, "atomic", c.Argument(0))}
			a.n.writeOptions(r, "atomic", &w, r.Options(a.n.what("atomic")+": the options", c.Argument(2)))
			if b, ok := r.Bytes(c.Argument(1)); ok {
				w.Value = append([]byte(nil), b...)
			} else if web.Kind(c.Argument(1)) == "an object" {
				panic(r.TypeError("%s: the value must be a string or bytes, got an object; use JSON.stringify", a.n.what("atomic")))
			} else {
				w.Value = []byte(web.Text(c.Argument(1)))
			}
			a.writes = append(a.writes, w)
		}),
		change("delete", 1, func(a *atomic, r *web.Realm, c goja.FunctionCall) {
			a.writes = append(a.writes, kv.Write{Key: a.n.key(r, "atomic", c.Argument(0)), Delete: true})
		}),
		change("sum", 2, func(a *atomic, r *web.Realm, c goja.FunctionCall) {
			digits := c.Argument(1).String()
			add, ok := new(big.Int), len(digits) <= sumDigitsMax // to read a million takes seconds
			if ok {
				_, ok = add.SetString(digits, 10)
			}
			if !ok {
				panic(r.TypeError("%s: sum adds a whole number or a BigInt, got %s", a.n.what("atomic"), r.Inspect(c.Argument(1))))
			}
			a.sums = append(a.sums, sum{a.n.key(r, "atomic", c.Argument(0)), add})
		}),
		web.Method("commit", 0, func(r *web.Realm, a *atomic, _ goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return a.commit(r) })
		}),
	}, "")
}

// errNotNumber is a key of a sum that holds no number.
var errNotNumber = errors.New("sum: the key holds no whole number")

// commit makes the changes. It gives { ok: true, revs }, or { ok: false } when a check failed.
func (a *atomic) commit(r *web.Realm) goja.Value {
	if a.done {
		panic(r.TypeError("%s: it was committed already", a.n.what("atomic")))
	}
	a.done = true
	return a.n.ask(r, "atomic", func(ctx context.Context) func() goja.Value {
		writes, revs, err := a.try(ctx)
		return func() goja.Value {
			switch {
			case errors.Is(err, kv.ErrMismatch), errors.Is(err, kv.ErrExists):
				return object(r, "ok", false)
			case errors.Is(err, errNotNumber):
				panic(r.TypeError("%s: %v", a.n.what("atomic"), err))
			}
			a.n.check(r, "atomic", err)
			byKey := r.VM.NewObject()
			for i, rev := range revs {
				a.n.set(byKey, writes[i].Key, int64(rev))
				a.n.saw(r, rev)
			}
			return object(r, "ok", true, "revs", byKey)
		}
	})
}

// try commits, again when what it added to was changed meanwhile.
func (a *atomic) try(ctx context.Context) (writes []kv.Write, revs []uint64, err error) {
	for {
		writes, a.found = append([]kv.Write(nil), a.writes...), map[string]bool{}
		for _, s := range a.sums {
			w, err := a.added(ctx, s)
			if err != nil {
				return nil, nil, err
			}
			writes = append(writes, w)
		}
		checks, err := a.resolve(ctx, writes)
		if err != nil {
			return nil, nil, err
		}
		revs, err = a.n.Space.Commit(ctx, writes, checks)
		if errors.Is(err, kv.ErrMismatch) && len(a.sums) > 0 && ctx.Err() == nil {
			if held, why := a.held(ctx, writes, checks); why != nil || !held {
				return nil, nil, errors.Join(why, err)
			}
			continue
		}
		if err == nil {
			for i, w := range writes {
				a.n.Replica.Keep(a.n.Space, w.Entry(revs[i]))
			}
		}
		return writes, revs, err
	}
}

// added is the write of a sum onto what the key holds now.
func (a *atomic) added(ctx context.Context, s sum) (kv.Write, error) {
	e, err := a.n.Space.GetLeader(ctx, s.key)
	total := new(big.Int)
	a.found[s.key] = err == nil
	switch {
	case errors.Is(err, kv.ErrNotFound):
	case err != nil:
		return kv.Write{}, err
	default:
		if len(e.Value) > sumDigitsMax {
			return kv.Write{}, errNotNumber
		}
		if _, ok := total.SetString(strings.TrimSpace(string(e.Value)), 10); !ok {
			return kv.Write{}, errNotNumber
		}
	}
	w := kv.Write{Key: s.key, Value: []byte(total.Add(total, s.add).String()), Meta: e.Meta, Check: kv.IfRev(e.Rev)}
	if left := e.Left(); left > 0 {
		w.TTL = left
	}
	return w, nil
}

// resolve gives checks of keys that are written to their writes, and the rest as revisions.
func (a *atomic) resolve(ctx context.Context, writes []kv.Write) (map[string]uint64, error) {
	rest := map[string]uint64{}
	for key, check := range a.checks {
		i := indexOf(writes, key)
		rev, known := check.Rev()
		switch {
		case i >= len(a.writes) && known: // a sum, which was read a moment ago
			if at, _ := writes[i].Check.Rev(); at != rev {
				return nil, kv.ErrMismatch
			}
		case i >= len(a.writes):
			if a.found[key] {
				return nil, kv.ErrMismatch
			}
		case i >= 0:
			writes[i].Check = check
		case known:
			rest[key] = rev
		default: // without a value it may still have the revision of its end
			e, err := a.n.Space.GetLeader(ctx, key)
			if err == nil {
				return nil, kv.ErrMismatch
			}
			if !errors.Is(err, kv.ErrNotFound) {
				return nil, err
			}
			rest[key] = e.Rev
		}
	}
	return rest, nil
}

// held reports whether all that code itself demanded is so, and only a sum was overtaken.
func (a *atomic) held(ctx context.Context, writes []kv.Write, checks map[string]uint64) (bool, error) {
	for key, check := range a.checks {
		e, err := a.n.Space.GetLeader(ctx, key)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return false, err
		}
		if rev, known := check.Rev(); known && rev != e.Rev || !known && err == nil {
			return false, nil
		}
	}
	return true, nil
}

func indexOf(writes []kv.Write, key string) int {
	for i := range writes {
		if writes[i].Key == key {
			return i
		}
	}
	return -1
}
