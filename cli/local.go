package cli

import (
	"context"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/acme"
	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/upstream"
)

// local is one app that is served from the files of its project.
type local struct {
	house  *house
	source source
	app    *app
}

func newLocal(h *house, p *project) *local {
	store := newStore(p, p.stateDir(h.process.dir, "", serveState, h.process.getenv), h.journal.log)
	return &local{h, h.options.source, &app{name: p.name(), loops: h.loops, journal: h.journal, state: newState(store)}}
}

// open loads the first version.
func (l *local) open(p *project) error {
	v, err := l.app.prepare(p)
	if err == nil {
		l.app.change(v)
	}
	return err
}

// again makes the app as its files are now the one that answers, if it can be loaded.
func (l *local) again() {
	p, _, err := l.source.open(l.house.process.dir)
	var v *version
	if err == nil {
		v, err = l.app.prepare(p)
	}
	if err != nil {
		l.house.journal.reloadFailed(err)
		return
	}
	l.app.change(v)
	l.house.journal.reloaded(v.bundle.Hash)
}

func (l *local) serve(x exchange.Exchange)   { l.app.serve(x) }
func (l *local) answered(*edge.Record)       {}
func (l *local) apps() []*app                { return []*app{l.app} }
func (l *local) upstreams() []upstream.Stats { return nil }
func (l *local) ready() error                { return nil }
func (l *local) changes() <-chan struct{}    { return l.app.state.changes }
func (l *local) certificates() acme.Storage  { return nil }
func (l *local) opened(*entrance)            {}
func (l *local) depart()                     {}
func (l *local) leave(context.Context) error { return nil }
func (l *local) close()                      { l.app.state.close() }
