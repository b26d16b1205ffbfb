package cli

import (
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
)

// front is what dev puts before the code: the code when it runs, the reason when none does. Everything may change
// while it serves.
type front struct {
	mu      sync.RWMutex     // held while code begins an exchange, so that code is not retired in between
	code    *runtime.Runtime // nil until a version has been deployed
	why     *fault           // why the newest version is not the one that runs; nil when it is
	version atomic.Uint64    // grows whenever code or why change
}

// Serve answers one exchange, on its loop.
func (f *front) Serve(x exchange.Exchange) {
	if x.Request().Path == versionPath {
		answer(x, 200, "text/plain; charset=utf-8", strconv.AppendUint(nil, f.version.Load(), 10))
		return
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.code != nil {
		f.code.Serve(x)
		return
	}
	why := f.why
	if why == nil {
		why = &fault{Status: 503, Code: "no_app", Title: "The code is being built for the first time"}
	}
	contentType, body := why.render(x.Request(), f.version.Load())
	answer(x, why.Status, contentType, body)
}

// run makes code answer from now on and gives back what answered before, or nil.
func (f *front) run(code *runtime.Runtime) (before *runtime.Runtime) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, f.code, f.why = f.code, code, nil
	f.version.Add(1)
	return before
}

// fail keeps what answers and notes why nothing newer does. It reports whether that is news.
func (f *front) fail(why *fault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != nil && reflect.DeepEqual(f.why, why) {
		return false
	}
	f.why = why
	f.version.Add(1)
	return true
}

// now is what answers, and why nothing newer does; either may be nil.
func (f *front) now() (*runtime.Runtime, *fault) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.code, f.why
}

// page is what the client of a failed request sees.
func (f *front) page(q *exchange.Request, e *runtime.Failure) (contentType string, body []byte) {
	return runFault(e).render(q, f.version.Load())
}

func answer(x exchange.Exchange, status int, contentType string, body []byte) {
	x.Head(status, []exchange.Field{
		{Name: "Content-Type", Value: contentType},
		{Name: "Cache-Control", Value: "no-store"},
	})
	if x.Request().Method != "HEAD" {
		_ = x.Write(body) // the peer has left: End says the rest
	}
	x.End()
}
