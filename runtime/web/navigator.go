package web

import (
	"runtime"

	"github.com/dop251/goja"
)

// navigator is the Go half of the one Navigator object of a VM (HTML 8.9.1): only what a server can say.
type navigator struct{}

var navigatorClass = expose("Navigator")

func init() {
	navigatorClass.members = []member{
		getter("userAgent", func(r *Realm, _ *navigator) goja.Value { return r.VM.ToValue(UserAgent) }),
		getter("hardwareConcurrency", func(r *Realm, _ *navigator) goja.Value { return r.VM.ToValue(runtime.GOMAXPROCS(0)) }),
		getter("language", func(r *Realm, _ *navigator) goja.Value { return r.VM.ToValue("en-US") }),
		getter("languages", func(r *Realm, _ *navigator) goja.Value { return r.strings([]string{"en-US"}) }),
	}
	exposeValue("navigator", func(r *Realm) goja.Value { return r.make(navigatorClass, &navigator{}) })
}
