package edge

import (
	"os/exec"
	"strings"
	"testing"
)

// A child of this process inherits neither connections nor what evio polls with, which it leaves open on exec: held by
// a child, a connection would never end and its poll registration would spin.
func TestSocket_notInherited(t *testing.T) {
	s := start(t, Config{Handler: detachFirst(answering("hello"))})
	onLoop, carried := dial(t, s), dial(t, s)
	carried.moveToCarrier()
	onLoop.send(get)
	onLoop.answer("GET")
	out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, kind := range []string{"socket:", "eventpoll", "eventfd"} {
		if strings.Contains(string(out), kind) {
			t.Errorf("a child holds %s:\n%s", kind, out)
		}
	}
}
