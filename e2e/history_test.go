package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// history is what clients saw of one key that they all swap.
type history struct {
	key        string
	mu         sync.Mutex
	begun      time.Time
	operations []porcupine.Operation
	additions  []porcupine.Operation // of 1 to a number in the session that all share
}

// add makes one addition.
func (h *history) add(v *visitor, n *node) {
	begun := time.Since(h.begun)
	status, body := v.ask(n, "/now")
	ended, sum := time.Since(h.begun), -1 // nobody knows whether it was made
	if status == 200 {
		sum, _ = strconv.Atoi(body)
	} else {
		ended = time.Hour
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.additions = append(h.additions, porcupine.Operation{ClientId: len(h.additions), Output: sum, Call: int64(begun), Return: int64(ended)})
}

// counter begins at 1, and each addition tells the sum. One whose fate is unknown is made or not.
var counter = porcupine.NondeterministicModel{
	Init: func() []any { return []any{1} },
	Step: func(state, _, output any) []any {
		now, sum := state.(int), output.(int)
		switch sum {
		case -1:
			return []any{now, now + 1}
		case now + 1:
			return []any{sum}
		}
		return nil
	},
	Equal: func(a, b any) bool { return a == b },
}

type swap struct{ expected uint64 }

// swapped is the revision that a swap made; 0: the key had another; maybe: nobody knows.
type swapped struct {
	rev   uint64
	maybe bool
}

// swap tries one, and returns the revision to expect next.
func (h *history) swap(v *visitor, n *node, rev uint64) uint64 {
	begun := time.Since(h.begun)
	status, body := v.ask(n, fmt.Sprintf("/cas?key=%s&rev=%d", h.key, rev))
	out := swapped{maybe: status != 200}
	ended := time.Since(h.begun)
	next := rev
	if out.maybe {
		ended = time.Hour // it may be made at any later time
	} else {
		what, number, _ := strings.Cut(body, " ")
		next, _ = strconv.ParseUint(number, 10, 64) // "null" is 0: no value
		if what == "made" {
			out.rev = next
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: len(h.operations), Input: swap{rev}, Output: out, Call: int64(begun), Return: int64(ended),
	})
	return next
}

// register is a key that has a revision, and changes it only for who knows it. A swap whose fate is unknown may make a revision
// that it was not told: state -1, which ends with a swap by somebody who has read it.
var register = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(int64), input.(swap), output.(swapped)
		matches := now == int64(in.expected)
		switch {
		case out.maybe && matches:
			return true, int64(-1)
		case out.maybe:
			return true, now
		case now == -1 && out.rev == 0:
			return true, now
		case now == -1:
			return true, int64(out.rev)
		case out.rev == 0:
			return !matches, now
		}
		return matches, int64(out.rev)
	},
	Equal: func(a, b any) bool { return a == b },
}
