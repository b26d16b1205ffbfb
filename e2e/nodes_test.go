package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// node is one fortuna serve of a cluster.
type node struct {
	t      *testing.T
	dir    string
	listen string // what it serves on, the same for life
	cmd    *exec.Cmd
}

// startCluster runs three nodes that share their state.
func startCluster(t *testing.T, config, code string) []*node {
	t.Helper()
	return startNodes(t, config, code, func(_ int, members []string) []string { return members })
}

// startDelayed runs three nodes that hear of each other late: each reaches the others through a wire.
func startDelayed(t *testing.T, config, code string) []*node {
	t.Helper()
	return startNodes(t, config, code, func(node int, members []string) []string {
		var reached []string
		for i, m := range members {
			if i != node {
				m = wire(t, m, uint64(10*node+i))
			}
			reached = append(reached, m)
		}
		return reached
	})
}

// wire gives an address that leads to another one, with a random delay for what goes through, either way: mostly some
// milliseconds, now and then half a second.
func wire(t *testing.T, to string, seed uint64) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	carry := func(random *rand.Rand, from, to net.Conn) {
		defer from.Close()
		defer to.Close()
		for buffer := make([]byte, 64<<10); ; {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			delay := time.Duration(random.IntN(10_000)) * time.Microsecond
			if random.IntN(500) == 0 {
				delay = time.Duration(random.IntN(500)) * time.Millisecond
			}
			time.Sleep(delay) // it is what a wire is for
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for n := uint64(0); ; n += 2 {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				out, err := net.Dial("tcp", to)
				if err != nil { // it is down
					in.Close()
					return
				}
				go carry(rand.New(rand.NewPCG(seed, n)), in, out)
				carry(rand.New(rand.NewPCG(seed, n+1)), out, in)
			}()
		}
	}()
	return l.Addr().String()
}

// startNodes runs three nodes. reach gives the addresses by which a node reaches its members.
func startNodes(t *testing.T, config, code string, reach func(node int, members []string) []string) []*node {
	t.Helper()
	addresses := freeAddresses(t, 6)
	nodes := make([]*node, 3)
	var wait sync.WaitGroup
	for i := range nodes {
		n := &node{t: t, dir: t.TempDir(), listen: addresses[i]}
		nodes[i] = n
		members := `"` + strings.Join(reach(i, addresses[3:]), `", "`) + `"`
		toml := config + fmt.Sprintf("\n[admin]\nlisten = \"\"\n[log]\naccess = false\n[state.cluster]\nnode = \"n%d\"\nlisten = %q\nmembers = [%s]\nsecret_file = \"secret\"\n",
			i+1, addresses[3+i], members)
		for name, text := range map[string]string{"fortuna.toml": toml, "index.js": code, "secret": "a secret of this test only\n"} {
			if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			n.start()
		}()
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return nodes
}

// start runs the node and waits until it serves.
func (n *node) start() {
	path, err := exec.LookPath("fortuna")
	if err != nil {
		n.t.Error(err)
		return
	}
	n.cmd = exec.Command(path, "serve", "--listen", n.listen, n.dir)
	log, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		n.t.Error(err)
		return
	}
	cmd := n.cmd
	n.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
	ready := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if readyLine.MatchString(lines.Text()) {
				ready <- true
			} else if strings.Contains(lines.Text(), `"level":"ERROR"`) || strings.Contains(lines.Text(), "fortuna: error") {
				n.t.Logf("%s: %s", n.listen, lines.Text())
			}
		}
		ready <- false
	}()
	select {
	case ok := <-ready:
		if !ok {
			n.t.Errorf("node %s ended", n.listen)
		}
	case <-time.After(time.Minute):
		n.t.Errorf("node %s is never ready", n.listen)
	}
}

// crash ends it as a crash does.
func (n *node) crash() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// visitor is a client with a cookie.
type visitor struct {
	cookie string
	client http.Client
}

func newVisitor() *visitor {
	return &visitor{client: http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}}}
}

// ask sends a request to a node. A request without an answer has status 0.
func (v *visitor) ask(n *node, path string) (status int, body string) {
	q, err := http.NewRequest("GET", "http://"+n.listen+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	if v.cookie != "" {
		q.Header.Set("Cookie", v.cookie)
	}
	a, err := v.client.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return 0, err.Error()
	}
	if a.StatusCode == 500 {
		n.t.Errorf("%s %s: %s", n.listen, path, text)
	}
	for _, c := range a.Cookies() {
		v.cookie = c.Name + "=" + c.Value
	}
	return a.StatusCode, string(text)
}
