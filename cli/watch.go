package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long nothing must happen before a change is told: an editor's save is several events.
	quiet = 30 * time.Millisecond

	// restless is after how long a change is told although events go on.
	restless = 400 * time.Millisecond

	// watchedDirectoriesMax bounds the directories of a project watched while its code does not build.
	watchedDirectoriesMax = 500
)

// watcher tells when files change. It watches their directories, because editors save by renaming a new file over the
// old one. Its methods may be called from anywhere.
type watcher struct {
	changes chan []string // the files of a burst of changes, absolute; "" when events were lost

	events *fsnotify.Watcher
	mu     sync.Mutex
	files  map[string]bool // those that matter; nil means every file in the directories
	tree   string          // every file below it matters too; "": none
}

// newWatcher begins to watch nothing. Close it.
func newWatcher() (*watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{changes: make(chan []string, 1), events: events, files: map[string]bool{}}
	go w.run()
	return w, nil
}

// Close ends the watching.
func (w *watcher) Close() error { return w.events.Close() }

// follow tells of changes to a project: to these files, to those that its code is made of, to its assets. With broken it tells of
// any other too: what is missing may appear anywhere.
func (w *watcher) follow(p *project, files, inputs []string, broken bool) error {
	files = append(files, filepath.Join(p.root, p.entry))
	for _, f := range inputs {
		if !strings.Contains(filepath.ToSlash(f), "/node_modules/") {
			files = append(files, f)
		}
	}
	if broken {
		return w.everything(p.root, files)
	}
	return w.only(files, p.assetsDir())
}

// only tells of changes to these files, to any below tree unless that is "", and to no others.
func (w *watcher) only(files []string, tree string) error {
	matter := make(map[string]bool, len(files))
	dirs := map[string]bool{}
	for _, f := range files {
		matter[f] = true
		dirs[filepath.Dir(f)] = true
	}
	err := below(tree, dirs)
	w.mu.Lock()
	w.files, w.tree = matter, tree
	w.mu.Unlock()
	return errors.Join(err, w.watch(dirs))
}

// everything tells of changes to these files and to any file of the project at root: what is missing may appear
// anywhere. Packages are not looked into, but for the file a package manager writes last.
func (w *watcher) everything(root string, files []string) error {
	dirs := map[string]bool{root: true}
	for _, f := range files {
		dirs[filepath.Dir(f)] = true
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil // what cannot be read is not watched
		case len(dirs) >= watchedDirectoriesMax:
			return fs.SkipAll
		case d.Name() == "node_modules":
			dirs[path] = true
			return fs.SkipDir
		case path != root && d.Name()[0] == '.':
			return fs.SkipDir
		}
		dirs[path] = true
		return nil
	})
	w.mu.Lock()
	w.files = nil
	w.mu.Unlock()
	return errors.Join(err, w.watch(dirs))
}

// below adds a directory and those in it.
func below(tree string, dirs map[string]bool) error {
	if tree == "" {
		return nil
	}
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil // what cannot be read is not watched
		case len(dirs) >= watchedDirectoriesMax:
			return fmt.Errorf("%s has more than %d directories", tree, watchedDirectoriesMax)
		}
		dirs[path] = true
		return nil
	})
}

// watch makes the watched directories these.
func (w *watcher) watch(dirs map[string]bool) error {
	for _, old := range w.events.WatchList() {
		if !dirs[old] {
			// A directory that is gone is not watched any more; that is what was asked for.
			_ = w.events.Remove(old)
		}
	}
	var err error
	for dir := range dirs {
		if e := w.events.Add(dir); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// run gathers events into changes until Close.
func (w *watcher) run() {
	var (
		changed []string
		first   time.Time
		due     = time.NewTimer(0)
	)
	<-due.C
	note := func(name string) {
		now := time.Now()
		if len(changed) == 0 {
			first = now
		}
		changed = append(changed, name)
		due.Reset(max(0, min(quiet, restless-now.Sub(first))))
	}
	for {
		select {
		case e, ok := <-w.events.Events:
			if !ok {
				return
			}
			if e.Op != fsnotify.Chmod && w.matters(e.Name) {
				note(e.Name)
			}
		case _, ok := <-w.events.Errors:
			if !ok {
				return
			}
			note("") // events were lost: something may have changed
		case <-due.C:
			select {
			case w.changes <- changed:
				changed = nil
			default: // the last change has not been taken yet: this one joins it later
				due.Reset(quiet)
			}
		}
	}
}

func (w *watcher) matters(file string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files == nil || w.files[file] || w.tree != "" && strings.HasPrefix(file, w.tree+string(filepath.Separator))
}
