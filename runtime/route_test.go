package runtime

import (
	"strings"
	"testing"
	"time"
)

func TestRoute_earnsAndLosesItsPlace(t *testing.T) {
	var r route
	window := func(observe func(time.Duration), slows int, slow time.Duration) {
		for i := range inlineWindow {
			if i < slows {
				observe(slow)
			} else {
				observe(inlineTurn / 2)
			}
		}
	}
	window(r.observeOnWorker, inlineSlowMax+1, 2*inlineTurn)
	if r.inline.Load() {
		t.Fatal("inline after a window with too many slow turns")
	}
	window(r.observeOnWorker, inlineSlowMax, 2*inlineTurn)
	if !r.inline.Load() {
		t.Fatal("not inline after a fast window")
	}
	window(r.observeSuspect, inlineSlowMax, 2*inlineTurnLimit)
	if !r.inline.Load() {
		t.Fatal("a few slow turns sent it back")
	}
	window(r.observeSuspect, inlineSlowMax+1, 2*inlineTurnLimit)
	if r.inline.Load() || r.penalty.Load() != int64(2*penaltyFirst) {
		t.Fatalf("after a slow window: inline %v, next penalty %v", r.inline.Load(), time.Duration(r.penalty.Load()))
	}
	window(r.observeOnWorker, 0, 0)
	if r.inline.Load() {
		t.Fatal("inline during its penalty")
	}
	r.until.Store(0)
	window(r.observeOnWorker, 0, 0)
	if !r.inline.Load() {
		t.Fatal("not inline after its penalty")
	}
	r.suspect.Store(0)
	r.observeOnLoop(2 * slowTurn)
	if !r.inline.Load() || r.suspect.Load() == 0 {
		t.Fatal("a turn that looked slow must make it a suspect, and no more")
	}
	r.observeSuspect(2 * inlineTurnMax)
	if r.inline.Load() || r.penalty.Load() != int64(4*penaltyFirst) {
		t.Fatalf("after one turn that hurts: inline %v, next penalty %v", r.inline.Load(), time.Duration(r.penalty.Load()))
	}
	if r.slow.Load() {
		t.Fatal("in the slow lane for a turn on the loop")
	}
	r.observeOnWorker(2 * slowTurn)
	if !r.slow.Load() {
		t.Fatal("not in the slow lane")
	}
	for range slowLaneForgiven {
		r.observeOnWorker(0)
	}
	if r.slow.Load() {
		t.Fatal("still in the slow lane")
	}
}

func TestShape(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "/users/17": "/users/*", "/x/0b1c": "/x/*", "/a/" + strings.Repeat("y", 30): "/a/*",
		"/1/2/3/4/5/6/7/8/9/10": "/*/*/*/*/*/*/*/*", "*": "*", "": "",
	} {
		if got := string(appendShape(nil, path)); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestRoute_paced(t *testing.T) {
	const budget = time.Hour
	var r route
	for range stopsMax {
		if d := r.pace(budget); d != 0 {
			t.Fatalf("paced by %v too early", d)
		}
		r.stopped()
	}
	for i, want := range []time.Duration{0, pacedBudgets * budget, 2 * pacedBudgets * budget} {
		if d := r.pace(budget); d > want || d < want-time.Minute {
			t.Errorf("request %d after %d stops: paced by %v, want %v", i, stopsMax, d, want)
		}
	}
	r.endedWell()
	if d := r.pace(budget); d != 0 {
		t.Errorf("paced by %v after one that ended well", d)
	}
}
