package runtime

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/web"
)

// textEvent is an event that is a text.
type textEvent string

func (e textEvent) Value(r *web.Realm) goja.Value { return r.VM.ToValue(string(e)) }

const jobApp = `
	let last = "nothing"
	export default {
		async scheduled(event: any, env: any, ctx: any) {
			switch (event) {
			case "throw": throw new Error("thrown")
			case "later": await new Promise(r => setTimeout(r, 5)); throw new Error("later")
			case "never": await new Promise(() => {}); break
			case "spin": for (;;) {}
			case "session": return ctx.session
			case "upgrade": throw new Error("upgrade: " + ctx.upgrade(new Request("http://x/")))
			case "wait": ctx.waitUntil(new Promise<void>(r => setTimeout(() => { console.log("waited"); r() }, 5)))
			}
			await new Promise(r => setTimeout(r, 1))
			console.log(event + " " + env.WHO + " " + typeof ctx.traceId)
		},
		queue: (event: any) => { console.log("queue " + event) },
	}`

func TestRuntime_Run(t *testing.T) {
	limits := DefaultLimits()
	limits.Job, limits.JobCPU = 200*time.Millisecond, 50*time.Millisecond
	h := start(t, Config{Limits: limits, Vars: map[string]any{"WHO": "me"}}, jobApp)
	for event, want := range map[string]string{
		"fine": "", "wait": "", "throw": "Error: thrown", "later": "Error: later", "never": "limits.job_ms = 200",
		"spin": "limits.job_cpu_ms = 50", "session": "no visitor has called the scheduled handler", "upgrade": "upgrade: false",
	} {
		f := h.rt.Run(Job{Handler: "scheduled", Name: event, Event: textEvent(event)})
		switch {
		case want == "" && f != nil:
			t.Errorf("%s: %v", event, f)
		case want != "" && (f == nil || !strings.Contains(f.Message, want)):
			t.Errorf("%s: got %v, want %s", event, f, want)
		case f != nil && (f.Request == nil || f.Request.Method != "scheduled" || f.Request.Path != event):
			t.Errorf("%s: the failure is of %v", event, f.Request)
		}
	}
	if f := h.rt.Run(Job{Handler: "queue", Event: textEvent("x")}); f != nil {
		t.Error(f)
	}
	// A request finds no fetch handler.
	if x := h.begin("GET", "/", "").wait(t); x.status != 404 {
		t.Errorf("a request: %d", x.status)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, line := range []string{"fine me string", "queue x"} {
		if !strings.Contains(strings.Join(h.lines, "\n"), line) {
			t.Errorf("no line %q in %q", line, h.lines)
		}
	}
	if len(h.failures) != 6 {
		t.Errorf("%d failures were reported", len(h.failures))
	}
}

// Jobs run beside each other while they wait, and hold no request up while they compute.
func TestRuntime_Run_concurrent(t *testing.T) {
	h := start(t, Config{}, `
		let waiting: any[] = []
		export default {
			fetch: () => new Response("here"),
			async queue() {
				await new Promise<void>(r => { waiting.push(r); if (waiting.length === 20) for (const w of waiting) w() })
			},
			scheduled() { for (const end = Date.now() + 300; Date.now() < end;) {} },
		}`)
	var wait sync.WaitGroup
	for range 20 { // each waits for all others
		wait.Go(func() {
			if f := h.rt.Run(Job{Handler: "queue", Event: textEvent("")}); f != nil {
				t.Error(f)
			}
		})
	}
	wait.Wait()
	busy := make(chan *Failure)
	go func() { busy <- h.rt.Run(Job{Handler: "scheduled", Event: textEvent("")}) }()
	for n := 0; ; n++ {
		select {
		case f := <-busy:
			if f != nil || n == 0 {
				t.Errorf("%v, and %d requests meanwhile", f, n)
			}
			return
		default:
			if got := h.get("/"); got != "here" {
				t.Fatalf("got %q", got)
			}
		}
	}
}

// A deployment that is replaced finishes its jobs; those that come go to the new one.
func TestRuntime_Run_replaced(t *testing.T) {
	h := start(t, Config{}, `export default { async queue(e: any) { console.log("one begins"); await new Promise(r => setTimeout(r, 100)); console.log("one ends") } }`)
	done := make(chan *Failure)
	go func() { done <- h.rt.Run(Job{Handler: "queue", Event: textEvent("")}) }()
	for h.log() != "one begins" {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.rt.Deploy(build(t, `export default { queue() { console.log("two") } }`)); err != nil {
		t.Fatal(err)
	}
	if f := h.rt.Run(Job{Handler: "queue", Event: textEvent("")}); f != nil {
		t.Error(f)
	}
	if f := <-done; f != nil {
		t.Error(f)
	}
	if got := h.log(); got != "one begins\ntwo\none ends" {
		t.Errorf("got %q", got)
	}
	if _, err := h.rt.Deploy(build(t, `export default { fetch() {} }`)); err != nil {
		t.Fatal(err)
	}
	if f := h.rt.Run(Job{Handler: "queue", Event: textEvent("")}); f == nil || f.Code != "no_handler" {
		t.Errorf("without a handler: %v", f)
	}
}

func (h *harness) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.lines, "\n")
}
