package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// workshop turns the project on disk into the code that front serves, again and again. It belongs to one goroutine,
// but for drain; what it gives to front serves from many.
type workshop struct {
	process *process
	options devOptions
	front   *front
	watcher *watcher
	loops   int

	project *project        // as last read without an error
	vars    []variable      // of the project and the command line
	builder *bundle.Builder // of the project
	code    *runtime.Runtime
	running string   // hash of the bundle that code runs; "" when none
	inputs  []string // the files of the last build
	door    door     // as it was opened
	state   *state
	wide    bool // every file of the project is watched, not only those of the bundle
}

func newWorkshop(p *process, o devOptions) *workshop {
	return &workshop{process: p, options: o, front: &front{testScheduled: o.testScheduled}, loops: eventLoops(p.getenv)}
}

// open reads the project. Close the workshop unless there was an error.
func (w *workshop) open() error {
	if err := w.configure(); err != nil {
		if w.state != nil {
			w.state.close()
		}
		return err
	}
	var err error
	if w.watcher, err = newWatcher(); err != nil {
		w.builder.Close()
		w.state.close()
		return failed("", "watch files: %v", err)
	}
	return nil
}

// configure reads the project and makes a builder and a runtime for it. With an error nothing changes.
func (w *workshop) configure() error {
	p, vars, err := w.options.source.open(w.process.dir)
	if err != nil {
		return err
	}
	if w.state == nil {
		w.state = newState(newStore(p, p.stateDir(w.process.dir, w.options.persistTo, devState, w.process.getenv),
			slog.New(slog.NewTextHandler(streamWriter{w.process.term, w.process.term.err}, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		if w.options.fresh {
			if err := w.state.erase(); err != nil {
				return err
			}
		}
	}
	code, err := w.newRuntime(p)
	if err != nil {
		return err
	}
	builder, err := bundle.Open(bundle.Options{Root: p.root, Entry: p.entry, Define: p.config.Define})
	if err != nil {
		return errors.Join(refused("", "%v", err), code.Close(context.Background()))
	}
	files, err := p.openAssets(slog.New(slog.DiscardHandler))
	if err != nil {
		builder.Close()
		return errors.Join(err, code.Close(context.Background()))
	}
	w.front.serveFiles(files)
	if w.builder != nil {
		w.builder.Close()
	}
	if w.code != nil && w.running == "" {
		retire(w.code) // it never served
	}
	w.project, w.vars, w.builder, w.code, w.running = p, vars, builder, code, ""
	if p.typed() {
		if err := p.writeTypes(envTypes(p, vars, w.state.secretsThere())); err != nil {
			w.process.term.warn(err.Error())
		}
	}
	return nil
}

// openAssets reads the directory whose files are served, as it is now.
func (w *workshop) openAssets() error {
	files, err := w.project.openAssets(slog.New(slog.DiscardHandler))
	if err == nil {
		w.front.serveFiles(files)
	}
	return err
}

// changeAssets reads the directory of assets again when a file in it has changed. It reports whether nothing else has.
func (w *workshop) changeAssets(files []string) bool {
	dir := w.project.assetsDir() + string(filepath.Separator)
	inside := func(f string) bool { return len(dir) > 1 && strings.HasPrefix(f, dir) }
	if !slices.ContainsFunc(files, inside) {
		return false
	}
	begun := time.Now()
	if err := w.openAssets(); err != nil {
		w.process.term.warn(err.Error() + "; what was there is still served")
	} else {
		w.process.term.note("%s in %s", w.process.term.err.paint(green, "Assets read"), milliseconds(time.Since(begun)))
	}
	if _, broken := w.front.now(); broken != nil || slices.ContainsFunc(files, func(f string) bool { return !inside(f) }) {
		return false
	}
	w.watch(false) // there may be new directories
	return true
}

func (w *workshop) newRuntime(p *project) (*runtime.Runtime, error) {
	c, err := p.runtime(w.loops, w.state)
	if err != nil {
		return nil, err
	}
	t, level := w.process.term, w.options.level
	c.Console = func(l runtime.Line) {
		if levelOf(l.Level) >= level {
			l.Text = w.state.hide(l.Text)
			t.console(l)
		}
	}
	c.Failed = func(f *runtime.Failure) { t.fault(runFault(w.state.hideIn(f))) }
	c.Page = func(q *exchange.Request, f *runtime.Failure) (contentType string, body []byte) {
		return w.front.page(q, w.state.hideIn(f))
	}
	return runtime.New(c), nil
}

// change is what a save leads to.
func (w *workshop) change(files []string) {
	begun := time.Now()
	_, broken := w.front.now()
	if broken != nil {
		w.watch(true) // before the build: what appears while it runs is then told
	}
	if w.reconfigures(files) {
		if err := w.configure(); err != nil {
			w.fail(configFault(err))
			return
		}
		if d, err := w.options.door(w.project.config); err == nil && d != w.door {
			w.process.term.note("Start fortuna dev again to listen as %s says now.", configFile)
		}
	}
	if w.changeAssets(files) {
		return
	}
	before := w.front.version.Load()
	w.build()
	if _, broken := w.front.now(); broken == nil && w.front.version.Load() != before {
		w.process.term.note("%s in %s", w.process.term.err.paint(green, "Reloaded"), milliseconds(time.Since(begun)))
	}
}

// reconfigures reports whether a change of files, "" being one that was lost, is more than one of the code.
func (w *workshop) reconfigures(files []string) bool {
	known := append(w.options.files(w.process.dir, w.project), "")
	return slices.ContainsFunc(files, func(f string) bool { return slices.Contains(known, f) }) ||
		!isFile(filepath.Join(w.project.root, w.project.entry))
}

// build makes a bundle of the files as they are and deploys it. When that fails, what ran before runs on.
func (w *workshop) build() {
	b, err := w.builder.Build()
	if b != nil {
		w.inputs = b.Inputs
	}
	if err != nil {
		narrow := !w.wide
		w.fail(buildFault(w.project, err))
		if narrow {
			w.build() // what was missing may have come when nobody was watching for it yet
		}
		return
	}
	if b.Hash == w.running {
		if _, broken := w.front.now(); broken != nil {
			w.front.run(w.code)
		}
		w.watch(false)
		return
	}
	for _, m := range b.Warnings {
		w.process.term.warn(w.process.term.err.printable(m.String()))
	}
	deployed, err := w.code.Deploy(b)
	if err != nil {
		w.fail(loadFault(b, err))
		return
	}
	crew, err := w.state.crew(w.project, deployed.Jobs, w.code)
	if err != nil {
		w.fail(configFault(err))
		return
	}
	for _, warning := range append(unserved(deployed), w.project.idle(deployed.Jobs)...) {
		w.process.term.warn(warning)
	}
	w.running = b.Hash
	if before, _ := w.front.now(); before != nil && before != w.code {
		w.code.Inherit(before)
		defer retire(before)
	}
	w.front.run(w.code)
	w.state.employ(crew)
	w.watch(false)
}

// fail shows why the newest version does not run, once.
func (w *workshop) fail(why *fault) {
	if w.front.fail(why) {
		w.process.term.fault(why)
		if code, _ := w.front.now(); code != nil {
			w.process.term.note("The last version that worked goes on serving.")
		}
	}
	w.watch(true)
}

// watch follows the files the code is made of; with broken also any that may appear.
func (w *workshop) watch(broken bool) {
	w.wide = broken
	err := w.watcher.follow(w.project, w.options.files(w.process.dir, w.project), w.inputs, broken)
	if err != nil {
		w.process.term.warn("some changes will not be seen: " + err.Error())
	}
}

// retire closes a runtime that serves nothing new when its last request has finished.
func retire(code *runtime.Runtime) {
	go func() { _ = code.Close(context.Background()) }() // without a deadline there is no error
}

// configFault explains why the project cannot be read.
func configFault(err error) *fault {
	f := &fault{Status: 500, Code: "bad_config", Title: "The project cannot be read", Remarks: []remark{{Text: err.Error()}}}
	var p *problem
	if errors.As(err, &p) {
		f.Hint = p.hint
	}
	return f
}

// greet prints what handlers find in env.
func (w *workshop) greet() {
	t := w.process.term
	t.note("%s %s", t.err.paint(bold, w.project.name()), t.err.paint(dim, w.project.entry))
	config := w.project.config
	secrets := slices.DeleteFunc(slices.Clone(w.state.secretsThere()), func(name string) bool { return w.project.given[name] })
	if len(w.vars)+len(config.KV)+len(config.RateLimits)+len(config.Queues)+len(secrets) == 0 {
		return
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  Binding\tKind\tFrom")
	for _, name := range secrets {
		fmt.Fprintf(table, "  env.%s\tsecret\t%s\n", name, t.err.printable(relative(w.project.root, w.state.dir)))
	}
	for _, v := range w.vars {
		if slices.Contains(secrets, v.name) {
			continue
		}
		fmt.Fprintf(table, "  env.%s\tvariable\t%s\n", t.err.printable(v.name), v.source)
	}
	for _, name := range slices.Sorted(maps.Keys(config.KV)) {
		fmt.Fprintf(table, "  env.%s\tkey-value\t%s\n", name, t.err.printable(relative(w.project.root, w.state.dir)))
	}
	for _, name := range slices.Sorted(maps.Keys(config.Queues)) {
		fmt.Fprintf(table, "  env.%s\tqueue\t%s\n", name, t.err.printable(relative(w.project.root, w.state.dir)))
	}
	for name, l := range config.RateLimits {
		fmt.Fprintf(table, "  env.%s\trate limit\t%d in %d s\n", name, l.Limit, l.Period)
	}
	_ = table.Flush() // into memory
	t.note("%s", strings.TrimRight(b.String(), "\n"))
}

// close frees what open took.
func (w *workshop) close() error {
	w.builder.Close()
	w.state.close()
	return w.watcher.Close()
}
