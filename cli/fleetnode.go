package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fortunadws/fortuna/cli/cluster"
)

// fleetNode is a node of a fleet: a process of its own, for only a process can be killed.
type fleetNode struct {
	name  string
	dir   string // of its data
	role  cluster.Role
	args  []string
	relay *relay
	died  chan<- *fleetNode // is told when it ends and nobody wanted that

	reviving atomic.Bool

	mu    sync.Mutex
	cmd   *exec.Cmd
	pid   int // 0: it does not run
	url   string
	ended chan struct{} // closed when cmd has
	meant bool          // that it ends
	brisk chan struct{} // closed when it need not be slow any more; nil: it is not slow
}

// A slow node is stopped for most of the time: all of it, as on a machine that others use too.
const (
	slowPeriod = 100 * time.Millisecond
	slowAwake  = 10 * time.Millisecond // of each period
)

// nodeStarts is how long a node may take until it serves.
const nodeStarts = time.Minute

// start runs it, and waits until it serves.
func (n *fleetNode) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return failed("", "start %s: %v", n.name, err)
	}
	cmd := exec.Command(self, append([]string{"serve", "--data", n.dir, "--while-stdin"}, n.args...)...)
	cmd.Args[0] = "fortuna"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what is typed here is not typed there: Ctrl-C
	_, err = cmd.StdinPipe()                              // is closed when this process is no more, however it ends
	var out io.ReadCloser
	if err == nil {
		out, err = cmd.StderrPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return failed("", "start %s: %v", n.name, err)
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	n.mu.Lock()
	n.cmd, n.pid, n.ended, n.meant = cmd, cmd.Process.Pid, ended, false
	n.mu.Unlock()
	go n.follow(cmd, out, ready, ended)
	timeout := time.NewTimer(nodeStarts)
	defer timeout.Stop()
	select {
	case url := <-ready:
		n.mu.Lock()
		n.url = url
		n.mu.Unlock()
		return nil
	case <-ended:
		return failed("fortuna dev --fresh, which begins without what the nodes keep", "%s does not start", n.name)
	case <-timeout.C:
		return failed("", "%s does not serve within %v", n.name, nodeStarts)
	case <-ctx.Done():
		return errInterrupted
	}
}

// follow relays what the process says until it ends.
func (n *fleetNode) follow(cmd *exec.Cmd, out io.Reader, ready chan<- string, ended chan<- struct{}) {
	lines := bufio.NewReaderSize(out, 1<<20)
	serves := false
	for {
		line, tooLong, err := lines.ReadLine()
		if err != nil {
			break
		}
		if url := n.relay.line(line, tooLong); url != "" && !serves {
			serves = true
			ready <- url
		}
	}
	_ = cmd.Wait() // how it ended is not what matters
	n.mu.Lock()
	n.pid = 0
	unforeseen := serves && !n.meant
	n.unslow()
	n.mu.Unlock()
	close(ended)
	if unforeseen {
		n.died <- n
	}
}

// unslow lets it run; n.mu is held.
func (n *fleetNode) unslow() bool {
	slow := n.brisk != nil
	if slow {
		close(n.brisk)
		n.brisk = nil
	}
	return slow
}

// send sends it a signal that ends it. The channel is closed when it has ended; nil when it does not run.
func (n *fleetNode) send(sig os.Signal) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pid == 0 {
		return nil
	}
	n.meant = true
	n.unslow()
	_ = n.cmd.Process.Signal(sig) // it may just have ended
	return n.ended
}

// kill ends it as a crash does. It reports whether it ran.
func (n *fleetNode) kill() bool {
	ended := n.send(os.Kill)
	if ended != nil {
		<-ended
	}
	return ended != nil
}

// stop has it finish what it does, and kills it when that takes longer than grace.
func (n *fleetNode) stop(grace time.Duration) {
	ended := n.send(syscall.SIGTERM)
	if ended == nil {
		return
	}
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-ended:
	case <-timeout.C:
		n.kill()
	}
}

// slow lets it run for a part of the time only. It reports whether it ran as it should.
func (n *fleetNode) slow() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pid == 0 || n.brisk != nil {
		return false
	}
	brisk, process := make(chan struct{}), n.cmd.Process
	n.brisk = brisk
	go func() {
		for {
			_ = process.Signal(syscall.SIGSTOP) // it may have ended, which closes brisk
			stopped := wait(slowPeriod-slowAwake, brisk)
			_ = process.Signal(syscall.SIGCONT)
			if !stopped || !wait(slowAwake, brisk) {
				return
			}
		}
	}()
	return true
}

// wait reports whether d has gone by before over was closed.
func wait(d time.Duration, over <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
		return false
	}
}

// hasten lets a slow node run as it can. It reports whether it was slow.
func (n *fleetNode) hasten() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unslow()
}

// state is how it is, for a person.
func (n *fleetNode) state() (state, url string, runs bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.pid == 0:
		return "dead", "-", false
	case n.brisk != nil:
		return "slow", n.url, true
	}
	return "runs", n.url, true
}
