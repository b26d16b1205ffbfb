package cli

import (
	"reflect"
	"strconv"
	"sync/atomic"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
)

// front is what dev puts before the code: the code when it runs, the reason when none does. Everything may change
// while it serves.
type front struct {
	code    atomic.Pointer[runtime.Runtime] // nil until a version has been deployed
	fault   atomic.Pointer[fault]           // why the newest version is not the one that runs; nil when it is
	version atomic.Uint64                   // grows whenever code or fault change
}

// Serve answers one exchange, on its loop.
func (f *front) Serve(x exchange.Exchange) {
	if x.Request().Path == versionPath {
		answer(x, 200, "text/plain; charset=utf-8", strconv.AppendUint(nil, f.version.Load(), 10))
		return
	}
	if code := f.code.Load(); code != nil {
		code.Serve(x)
		return
	}
	why := f.fault.Load()
	if why == nil {
		why = &fault{Status: 503, Code: "no_app", Title: "The code is being built for the first time"}
	}
	contentType, body := why.render(x.Request(), f.version.Load())
	answer(x, why.Status, contentType, body)
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

// run makes code answer from now on and gives back what answered before, or nil.
func (f *front) run(code *runtime.Runtime) (before *runtime.Runtime) {
	before = f.code.Swap(code)
	f.fault.Store(nil)
	f.version.Add(1)
	return before
}

// fail keeps what answers and notes why nothing newer does. It reports whether that is news.
func (f *front) fail(why *fault) bool {
	before := f.fault.Swap(why)
	f.version.Add(1)
	return before == nil || !reflect.DeepEqual(before, why)
}

// page is what the client of a failed request sees.
func (f *front) page(q *exchange.Request, e *runtime.Failure) (contentType string, body []byte) {
	return runFault(e).render(q, f.version.Load())
}
