package cli

import (
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/fortunadws/fortuna/edge/assets"
)

// assetsTable is [assets] of fortuna.toml.
type assetsTable struct {
	assets.Options
	Dir            string // relative to the file; empty when there are none
	at, notFoundAt value
}

func (t *assetsTable) header(v value) (err error) {
	if t.Headers == nil {
		t.Headers = map[string][]string{}
	}
	t.Headers[v.path[len(v.path)-1]], err = v.texts()
	return err
}

func (t *assetsTable) bytes(to *int64, v value) error {
	n, err := v.integer(1, 1<<40)
	*to = int64(n)
	return err
}

// assetsDir is the directory whose files are served, absolute; empty when there is none.
func (p *project) assetsDir() string {
	if p.config.Assets.Dir == "" {
		return ""
	}
	return absolute(p.root, p.config.Assets.Dir)
}

// openAssets reads the directory whose files are served. It gives nil when there is none.
func (p *project) openAssets(log *slog.Logger) (*assets.Assets, error) {
	t, dir := &p.config.Assets, p.assetsDir()
	if dir == "" {
		return nil, nil
	}
	if inside, err := filepath.Rel(dir, p.root); err == nil && filepath.IsLocal(inside) {
		return nil, t.at.wrong("move what is to be served into a directory of its own: dir = \"public\"",
			"assets.dir = %q holds the project itself: its source and configuration would be served", t.Dir)
	}
	if t.NotFound != "" && len(t.AppFirst) == 0 {
		return nil, t.notFoundAt.wrong("run_worker_first = [\"/api/*\"]",
			"assets.not_found answers all that is no file, so that the app would never be asked: run_worker_first must say which paths are the app's")
	}
	o := t.Options
	o.Log = log
	a, err := assets.Open(dir, o)
	if err != nil {
		return nil, t.at.wrong("", "%s", strings.TrimPrefix(err.Error(), "open assets: "))
	}
	return a, nil
}
