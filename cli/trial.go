package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// trial is a version that was loaded and has not proved itself, and how many processes have ended by their own fault meanwhile.
type trial struct {
	Crashes int `json:"crashes"`
}

const (
	trialTime  = 30 * time.Second // for which a version has to serve without the end of the process; then it is trusted
	crashesMax = 2                // of the process, before that: then it is parked
)

// Files in the directory of a version.
const (
	trialFile  = "trial.json"  // it is on trial
	provenFile = "proven.json" // it is trusted: however its processes end later, it was not what ended them
)

// errParked is a version that is not loaded any more.
var errParked = errors.New("it is parked")

// judge holds the end of the last process against what was on trial then, or forgives it when somebody else has ended it.
func (d *deployed) judge(crashed bool) error {
	files, err := filepath.Glob(filepath.Join(d.dir, "*", trialFile))
	if err != nil {
		return err
	}
	for _, file := range files {
		t := d.onTrial(filepath.Base(filepath.Dir(file)))
		if t.Crashes++; !crashed {
			t.Crashes--
		}
		if err := writeJSON(file, t); err != nil {
			return err
		}
	}
	return nil
}

// onTrial is how a version has done; one that cannot be read has done well.
func (d *deployed) onTrial(id string) (t trial) {
	text, err := os.ReadFile(filepath.Join(d.dir, id, trialFile))
	if err != nil || json.Unmarshal(text, &t) != nil {
		return trial{}
	}
	return t
}

// try begins a trial of a version that is about to be loaded, unless it needs none. The error is errParked when it has had
// its chances.
func (d *deployed) try(id string) error {
	if isFile(filepath.Join(d.dir, id, provenFile)) {
		return nil
	}
	t := d.onTrial(id)
	if t.Crashes >= crashesMax {
		return fmt.Errorf("%w: %d processes have crashed while it was loaded or had just been; deploy another version, or roll back", errParked, t.Crashes)
	}
	return writeJSON(filepath.Join(d.dir, id, trialFile), t)
}

// watch trusts a version that was loaded, when it has served for some time.
func (d *deployed) watch(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, going := d.trials[id]; !going && !isFile(filepath.Join(d.dir, id, provenFile)) {
		d.trials[id] = time.AfterFunc(trialTime, func() { d.trust(id) })
	}
}

// trust ends a trial well.
func (d *deployed) trust(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.trials, id)
	if err := writeJSON(filepath.Join(d.dir, id, provenFile), time.Now().UTC()); err != nil {
		d.app.journal.trouble(fmt.Errorf("note that version %s of %s serves well: %w", id, d.app.name, err))
	}
	d.forgive(id)
}

// forgive takes back that a version was loaded: what ends its process, or the trial, is not its doing.
func (d *deployed) forgive(id string) { _ = os.Remove(filepath.Join(d.dir, id, trialFile)) } // one that stays costs a chance

// rest ends the trials: the process ends because it was told to.
func (d *deployed) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, timer := range d.trials {
		if timer.Stop() {
			d.forgive(id)
		}
	}
}

// good is the version on the disk that was trusted last, besides one; "" when there is none.
func (d *deployed) good(besides string) (id string) {
	proven, err := filepath.Glob(filepath.Join(d.dir, "*", provenFile))
	if err != nil {
		return ""
	}
	var last time.Time
	for _, file := range proven {
		info, err := os.Stat(file)
		if name := filepath.Base(filepath.Dir(file)); err == nil && name != besides && info.ModTime().After(last) {
			id, last = name, info.ModTime()
		}
	}
	return id
}
