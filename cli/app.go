package cli

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fortunadws/fortuna/edge/assets"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime"
	"github.com/fortunadws/fortuna/runtime/bundle"
)

// app is code that is served, and can be replaced while it is.
type app struct {
	name    string
	loops   int
	journal *journal
	state   *state
	tally   tally
	jobless bool // queues and crons are another's

	mu     sync.RWMutex     // held while code begins an exchange, so that code is not retired in between
	code   *runtime.Runtime // nil until a version is loaded
	files  *assets.Assets   // before code; nil without
	config *config          // of code
}

// version is code that is loaded, and nobody serves yet.
type version struct {
	project *project
	bundle  *bundle.Bundle
	code    *runtime.Runtime
	files   *assets.Assets
	crew    crew
}

// serve answers one exchange, on its loop. It reports false, and does nothing, when no code is loaded.
func (a *app) serve(x exchange.Exchange) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.code == nil {
		return false
	}
	if a.files == nil || !a.files.Serve(x) {
		a.code.Serve(x)
	}
	return true
}

// unload serves nothing from now on. What is in flight finishes.
func (a *app) unload() {
	a.mu.Lock()
	former, files := a.code, a.files
	a.code, a.files = nil, nil
	a.mu.Unlock()
	a.state.rest()
	if files != nil {
		go files.Close()
	}
	if former != nil {
		a.tally.former(former.Stats())
		retire(former)
	}
}

// prepare builds and loads the app of p. With an error there is nothing to discard.
func (a *app) prepare(p *project) (_ *version, err error) {
	b, err := p.bundle()
	if err != nil {
		return nil, a.journal.fault(buildFault(p, err))
	}
	c, err := p.runtime(a.loops, a.state)
	if err != nil {
		return nil, err
	}
	if p.built { // it has loaded in less, elsewhere
		c.Limits.StartUp = min(c.Limits.StartUp, verifyCPU*time.Second)
	}
	c.Console = func(l runtime.Line) {
		l.Text = a.state.hide(l.Text)
		a.journal.console(l)
	}
	c.Failed, c.Page = a.failed, bareFailure
	if c.Relay, err = a.state.relay(p, a.hear); err != nil {
		return nil, err
	}
	v := &version{project: p, bundle: b, code: runtime.New(c)}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.code.Close(context.Background()))
		}
	}()
	deployed, err := v.code.Deploy(b)
	if err != nil {
		return nil, a.journal.fault(loadFault(b, err))
	}
	if !a.jobless {
		if v.crew, err = a.state.crew(p, deployed.Jobs, v.code); err != nil {
			return nil, err
		}
	}
	if v.files, err = p.openAssets(a.journal.log); err != nil {
		return nil, err
	}
	for _, m := range b.Warnings {
		a.journal.warn(m.String())
	}
	for _, warning := range append(unserved(deployed), p.idle(deployed.Jobs)...) {
		a.journal.warn(warning)
	}
	return v, nil
}

// change makes v the version that answers; the former one finishes what it has begun.
func (a *app) change(v *version) {
	if a.code != nil { // only change sets it
		v.code.Inherit(a.code)
	}
	a.mu.Lock()
	former, formerFiles := a.code, a.files
	a.code, a.files, a.config = v.code, v.files, v.project.config
	a.mu.Unlock()
	a.state.employ(v.crew)
	if formerFiles != nil {
		go formerFiles.Close()
	}
	if former != nil {
		a.tally.former(former.Stats())
		retire(former)
	}
}

// hear gives what another node has published to the code that answers.
func (a *app) hear(topic string, text bool, p []byte) {
	if code, _ := a.now(); code != nil {
		code.Hear(topic, text, p)
	}
}

// now is what answers, and its configuration.
func (a *app) now() (*runtime.Runtime, *config) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.code, a.config
}

// failed counts and logs why a request, or what it left running, did not end well.
func (a *app) failed(f *runtime.Failure) {
	a.tally.failed(f.Code)
	a.journal.failure(a.state.hideIn(f))
}
