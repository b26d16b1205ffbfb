package cli

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fortunadws/fortuna/edge/assets"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
)

// front is what dev puts before the code: the code when it runs, the reason when none does. Everything may change
// while it serves.
type front struct {
	mu      sync.RWMutex     // held while code begins an exchange, so that code is not retired in between
	files   *assets.Assets   // before code; nil without
	code    *runtime.Runtime // nil until a version has been deployed
	why     *fault           // why the newest version is not the one that runs; nil when it is
	version atomic.Uint64    // grows whenever code or why change

	testScheduled bool // scheduledPath calls the scheduled handler
}

// Serve answers one exchange, on its loop.
func (f *front) Serve(x exchange.Exchange) {
	begin(x.Request())
	if x.Request().Path == versionPath {
		answer(x, 200, "text/plain; charset=utf-8", strconv.AppendUint(nil, f.version.Load(), 10))
		return
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.testScheduled && x.Request().Path == scheduledPath {
		testScheduled(x, f.code)
		return
	}
	if f.files != nil && f.files.Serve(x) {
		return
	}
	why := f.why
	if f.code != nil && (why == nil || !opensPage(x.Request())) {
		f.code.Serve(x)
		return
	}
	if why == nil {
		why = &fault{Status: 503, Code: "no_app", Title: "The code is being built for the first time"}
	}
	contentType, body := why.render(x.Request(), moment{f.version.Load(), f.code != nil})
	answer(x, why.Status, contentType, body)
}

// opensPage reports whether a browser asks for what its person is about to look at: then they have to learn that the
// newest version is broken. What pages fetch, forms they send and other programs go to the version that works.
func opensPage(q *exchange.Request) bool {
	return q.Method == "GET" && q.Get("Sec-Fetch-Mode") == "navigate" && q.Get("Sec-Fetch-Dest") == "document" &&
		strings.Contains(q.Get("Accept"), "text/html")
}

// run makes code answer from now on and gives back what answered before, or nil.
func (f *front) run(code *runtime.Runtime) (before *runtime.Runtime) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, f.code, f.why = f.code, code, nil
	f.version.Add(1)
	return before
}

// serveFiles makes files answer from now on, or none.
func (f *front) serveFiles(files *assets.Assets) {
	f.mu.Lock()
	before := f.files
	f.files = files
	f.mu.Unlock()
	if before != nil {
		go before.Close()
	}
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
	return runFault(e).render(q, moment{version: f.version.Load()})
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
