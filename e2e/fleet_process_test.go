package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
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

// fleet is nodes of one cluster that serve what is deployed, each a process on this machine.
type fleet struct {
	t     *testing.T
	dir   string
	nodes []*fleetNode
}

// fleetNode is one of them.
type fleetNode struct {
	fleet      *fleet
	name, data string
	join       string // ticket of the first start; "" founds the cluster
	role       string // with a ticket; "" is a worker
	listen     string
	asked      string // its admin listener
	cmd        *exec.Cmd
	ended      chan struct{}
	log        transcript
}

// startFleet runs n nodes, the first of which has the store, and logs in. roles are those of the others, workers unless they
// say otherwise.
func startFleet(t *testing.T, n int, roles ...string) *fleet {
	t.Helper()
	f := newFleet(t, n, roles...)
	f.start()
	return f
}

// newFleet is one whose nodes have not begun.
func newFleet(t *testing.T, n int, roles ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir()}
	addresses := freeAddresses(t, 2*n)
	for i := range n {
		node := &fleetNode{fleet: f, name: fmt.Sprint("n", i+1), listen: addresses[i], asked: addresses[n+i]}
		node.data = filepath.Join(f.dir, node.name)
		if i > 0 && len(roles) >= i {
			node.role = roles[i-1]
		}
		f.nodes = append(f.nodes, node)
	}
	return f
}

// start runs the nodes, one after the other, and logs in.
func (f *fleet) start() {
	f.t.Helper()
	for i, node := range f.nodes {
		if i > 0 {
			node.join = strings.TrimSpace(f.mustRun("", "token", "join", "--data", f.nodes[0].data))
		}
		node.start()
		if i == 0 {
			f.mustRun("", "login", "--data", node.data)
		}
	}
}

// freeAddresses are of this machine, and nobody's. They are below the ports that the system gives to whoever asks for any, or
// somebody could have been given one before it is used.
func freeAddresses(t *testing.T, n int) (all []string) {
	t.Helper()
	for tries := 0; len(all) < n; tries++ { // all at once, so that no two are the same
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000)))
		if err != nil {
			if tries > 1000 {
				t.Fatal(err)
			}
			continue
		}
		defer l.Close()
		all = append(all, l.Addr().String())
	}
	return all
}

// start runs the node and waits until it serves.
func (n *fleetNode) start() {
	t := n.fleet.t
	t.Helper()
	path, err := exec.LookPath("fortuna")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--data", n.data, "--name", n.name, "--listen", n.listen, "--admin", n.asked, "--log-level", "warn"}
	if n.join != "" {
		args = append(args, "--join", n.join)
		if n.role != "" {
			args = append(args, "--role", n.role)
		}
	} else {
		args = append(args, "--cluster", "127.0.0.1:0")
	}
	n.cmd = exec.Command(path, args...)
	out, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := n.cmd
	ready, ended := make(chan struct{}), make(chan struct{})
	n.ended = ended
	go func() {
		told := sync.OnceFunc(func() { close(ready) })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			_, _ = n.log.Write(append(lines.Bytes(), '\n')) // into memory
			if readyLine.MatchString(lines.Text()) {
				told()
			}
		}
		_ = cmd.Wait() // how it ended is what the test is about
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		if t.Failed() {
			t.Logf("%s:\n%s", n.name, n.log.String())
		}
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("%s ended:\n%s", n.name, n.log.String())
	case <-time.After(time.Minute):
		t.Fatalf("%s is never ready:\n%s", n.name, n.log.String())
	}
}

// crash ends it as a crash does.
func (n *fleetNode) crash() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// alive reports whether the process runs.
func (n *fleetNode) alive() bool {
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

// admin is where the node is asked.
func (n *fleetNode) admin() string {
	text, err := os.ReadFile(filepath.Join(n.data, "admin"))
	if err != nil {
		n.fleet.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// run types a command in dir.
func (f *fleet) run(dir string, args ...string) (stdout, stderr string, err error) {
	path, err := exec.LookPath("fortuna")
	if err != nil {
		return "", "", err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	if dir == "" {
		cmd.Dir = f.dir
	}
	var out, trouble strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &trouble
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+filepath.Join(f.dir, "config"), "HOME="+f.dir, "CI=true")
	err = cmd.Run()
	return out.String(), trouble.String(), err
}

func (f *fleet) mustRun(dir string, args ...string) string {
	f.t.Helper()
	out, trouble, err := f.run(dir, args...)
	if err != nil {
		f.t.Fatalf("fortuna %s: %v\n%s%s", strings.Join(args, " "), err, out, trouble)
	}
	return out
}

// project writes a project.
func (f *fleet) project(name string, files map[string]string) (dir string) {
	f.t.Helper()
	dir = filepath.Join(f.dir, "projects", name)
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
	return dir
}

// deployed is what fortuna deploy --json says.
type deployed struct {
	Version string
	TookMs  int64
	Missing int
	Nodes   []struct {
		Node    string
		Ready   bool
		Failure string
	}
}

func (f *fleet) deploy(dir string, args ...string) (d deployed) {
	f.t.Helper()
	out := f.mustRun(dir, append([]string{"deploy", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
	apps := 0 // nodes that run some
	for _, n := range f.nodes {
		if n.role != "balancer" {
			apps++
		}
	}
	if len(d.Nodes) != apps || d.Missing > 0 {
		f.t.Fatalf("deployed to %s", out)
	}
	return d
}

func (n *fleetNode) get(client *http.Client, path string) (status int, body string, err error) {
	a, err := client.Get("http://" + n.listen + path)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	var b strings.Builder
	_, err = bufio.NewReader(a.Body).WriteTo(&b)
	return a.StatusCode, b.String(), err
}

// asNode is the node as visitors of other tests see one.
func (n *fleetNode) asNode() *node { return &node{t: n.fleet.t, listen: n.listen} }

// version is the id of the i-th version that is listed.
func (f *fleet) version(dir string, i int) string {
	lines := strings.Split(strings.TrimSpace(f.mustRun(dir, "versions")), "\n")
	return strings.Fields(strings.TrimLeft(lines[i+1], "* "))[0]
}

// expect fails unless every node answers with a text.
func (f *fleet) expect(want string) {
	f.t.Helper()
	for _, n := range f.nodes {
		if status, body, err := n.get(http.DefaultClient, "/"); status != 200 || body != want {
			f.t.Errorf("%s: %d %q %v, want %q", n.name, status, body, err, want)
		}
	}
}

// eventually waits until every node answers with a text.
func (f *fleet) eventually(want string) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all := true
		for _, n := range f.nodes {
			if _, body, err := n.get(http.DefaultClient, "/"); err != nil || body != want {
				all = false
			}
		}
		if all {
			return
		}
		if time.Now().After(deadline) {
			f.expect(want)
			return
		}
	}
}
