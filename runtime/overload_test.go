package runtime

import "testing"

// windows lets came requests come and taken be taken in each of n windows, and returns whether the last one is let in.
func (l *load) windows(t *int64, n, came, taken, queued int) (admitted bool) {
	for range n {
		for range came - 1 {
			l.admits(queued, 2, *t)
		}
		l.taken.Add(int64(taken))
		*t += int64(loadWindow)
		admitted = l.admits(queued, 2, *t)
	}
	return admitted
}

func TestLoad(t *testing.T) {
	var l load
	var clock int64
	clock = int64(loadWindow)
	l.admits(0, 2, clock)
	if !l.windows(&clock, 20, 50, 50, 60) {
		t.Error("a long queue that does not grow is no overload")
	}
	if !l.windows(&clock, loadGrown-1, 500, 50, 100) || !l.windows(&clock, 5, 50, 50, 400) {
		t.Error("a burst is no overload")
	}
	if l.windows(&clock, loadGrown, 500, 50, 400) {
		t.Error("ten times what can be done is let in")
	}
	if !l.admits(1, 2, clock) {
		t.Error("a request is refused while a worker is about to be free")
	}
	if l.windows(&clock, 5, 500, 50, 2) {
		t.Error("overload ends although as much comes as before")
	}
	if !l.windows(&clock, 1, 40, 50, 2) {
		t.Error("overload does not end with the load")
	}
	l.windows(&clock, loadGrown, 500, 50, 400)
	clock += 10 * int64(loadWindow)
	if l.admits(0, 2, clock); !l.admits(2, 2, clock) {
		t.Error("overload does not end in a pause")
	}
}
