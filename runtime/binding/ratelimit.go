package binding

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// RateLimit lets so many calls with a key through in each period, over all nodes: Workers' rate limiting binding. Its methods
// may be called from any goroutine.
type RateLimit struct {
	Name     string // in env
	App      string
	Counters *kv.Counters
	Limit    int64
	Period   time.Duration // whole seconds
	Wait     time.Duration // how long the store is asked before it counts as unavailable

	mu      sync.Mutex
	window  int64
	refused map[string]struct{} // keys that have had all of this window: the store need not be asked
	former  map[string]int64    // what keys have had in the window before, as far as it was asked for
}

// refusedMax bounds how many keys a node remembers; beyond it the store is asked for each call.
const refusedMax = 100_000

var rateLimitClass = web.NewClass("RateLimit")

func init() {
	rateLimitClass.Define([]web.Member{
		web.Method("limit", 1, func(r *web.Realm, l *RateLimit, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return l.limit(r, c.Argument(0)) })
		}),
	}, "")
}

// Value is env.NAME in one VM.
func (l *RateLimit) Value(r *web.Realm) goja.Value { return r.Make(rateLimitClass, l) }

// limit counts a call. It gives { success }: false when the key has had more than its share.
func (l *RateLimit) limit(r *web.Realm, options goja.Value) goja.Value {
	what := "env." + l.Name + ".limit"
	v := web.Field(r.Options(what+": the options", options), "key")
	if v == nil || web.Kind(v) != "a string" && web.Kind(v) != "a number" {
		panic(r.TypeError("%s: takes { key }, a string that tells callers apart; got %s", what, web.Kind(v)))
	}
	key := strings.Clone(web.Text(v)) // else what it is cut from would stay
	if key == "" || len(key) > kv.KeyBytesMax {
		panic(r.TypeError("%s: the key has %d bytes, from 1 to %d are possible", what, len(key), kv.KeyBytesMax))
	}
	result := func(ok bool) *goja.Object { return object(r, "success", ok) }
	if r.Scope() != nil && l.known(key, time.Now()) {
		return result(false)
	}
	return r.Await(what, func(ctx context.Context) func() goja.Value {
		ctx, cancel := context.WithTimeout(ctx, l.Wait)
		defer cancel()
		ok, err := l.count(ctx, key, time.Now())
		return func() goja.Value {
			if err != nil {
				panic(thrown(r, what, err))
			}
			return result(ok)
		}
	})
}

// enter makes the state that of the window of a moment. It is called with the lock.
func (l *RateLimit) enter(now time.Time) (window int64) {
	window = now.UnixNano() / int64(l.Period)
	if window != l.window {
		l.window, l.refused, l.former = window, map[string]struct{}{}, map[string]int64{}
	}
	return window
}

// known reports whether a key is known to have had its share.
func (l *RateLimit) known(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enter(now)
	_, refused := l.refused[key]
	return refused
}

// count counts one call and says whether it is within the limit: what this window has, and as much of the one before as a
// period that ends now still covers, so that no two windows can be used up at their common edge.
func (l *RateLimit) count(ctx context.Context, key string, now time.Time) (ok bool, err error) {
	l.mu.Lock()
	window := l.enter(now)
	former, asked := l.former[key]
	l.mu.Unlock()
	n, err := l.add(ctx, key, window, 1)
	if err != nil {
		return false, err
	}
	if !asked && n <= l.Limit {
		if former, err = l.add(ctx, key, window-1, 0); err != nil {
			return false, err
		}
	}
	over := time.Duration(now.UnixNano() - window*int64(l.Period))
	weighed := float64(min(former, l.Limit))*float64(l.Period-over)/float64(l.Period) + float64(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.window == window && len(l.former)+len(l.refused) < refusedMax {
		l.former[key] = former
		if n > l.Limit {
			l.refused[key] = struct{}{}
		}
	}
	return weighed <= float64(l.Limit), nil
}

func (l *RateLimit) add(ctx context.Context, key string, window, n int64) (int64, error) {
	sum, err := l.Counters.Add(ctx, n, l.App, l.Name, strconv.FormatInt(window, 36), key)
	if errors.Is(err, kv.ErrFull) { // of what is only counted nothing need be kept
		return 0, kv.ErrUnavailable
	}
	return sum, err
}
