package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/cli/cluster"
	"github.com/fortunadws/fortuna/kv/artifact"
)

// versionDir writes a version as a node has it on its disk.
func versionDir(t *testing.T, files map[string]string) (dir string, v artifact.Version) {
	t.Helper()
	dir = t.TempDir()
	v = artifact.Version{App: "shop", Main: "app.js"}
	for name, text := range files {
		v.Files = append(v.Files, artifact.File{Path: name, Sum: artifact.Sum([]byte(text)), Size: int64(len(text))})
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body, err := artifact.Body(v)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, versionFile), body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, v
}

// What is deployed has no file of the node read: neither as an asset, nor by an import of code that would be built there.
func TestOpenVersion_filesOfTheNode(t *testing.T) {
	for _, assets := range []string{"/etc", "..", "../..", "/proc/self/root/etc", "public/../.."} {
		dir, _ := versionDir(t, map[string]string{"app.js": "", "fortuna.toml": "[assets]\ndir = \"" + assets + "\"\n"})
		if _, _, err := openVersion(dir); err == nil || !strings.Contains(err.Error(), "assets.dir must be inside") {
			t.Errorf("assets.dir = %q: %v", assets, err)
		}
	}
	secret := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(secret, []byte("the key"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, _ := versionDir(t, map[string]string{
		"app.js": "import text from \"" + secret + "\" with { type: \"text\" }; export default { fetch: () => new Response(text) }", "app.js.map": "{}",
	})
	p, _, err := openVersion(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := p.bundle(); err == nil || !strings.Contains(err.Error(), "not a fortuna bundle") {
		t.Errorf("code that is no bundle: %v, %v", b, err)
	}
}

// What is the node's to give is not the app's to take.
func TestMember_allowed(t *testing.T) {
	m := &member{house: &house{config: &config{Egress: []string{"10.0.0.0/8"}}}, identity: &cluster.Identity{Name: "n1"}}
	for toml, want := range map[string]string{
		"":                                     "",
		"[limits]\ncpu_ms = 60000\n":           "",
		"[limits]\nturn_bytes = 1000\n":        "",
		"[egress]\nallow = [\"10.0.0.0/8\"]\n": "",
		"[limits]\ncall_stack_max = 2000000000\n":    "limits.call_stack_max = 2000000000: the node n1 lets an app have 2000 calls",
		"[limits]\nturn_bytes = 2000000000\n":        "limits.turn_bytes",
		"[egress]\nallow = [\"127.0.0.1\"]\n":        `does not let apps fetch from "127.0.0.1"`,
		"[egress]\nallow = [\"private\", \"::1\"]\n": "does not let apps fetch from",
	} {
		dir, v := versionDir(t, map[string]string{"app.js": "", "fortuna.toml": toml})
		p, _, err := openVersion(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = m.allowed(p, v)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", toml, err, want)
		}
	}
}

// A version is parked when processes have crashed with it, and not when they were killed; one that is trusted never is.
func TestDeployed_trial(t *testing.T) {
	d := &deployed{dir: t.TempDir()}
	start := func(crashed bool) error {
		t.Helper()
		if err := d.judge(crashed); err != nil {
			t.Fatal(err)
		}
		return d.try("v1")
	}
	for range 10 { // killed, again and again
		if err := start(false); err != nil {
			t.Fatal(err)
		}
	}
	if err := start(true); err != nil {
		t.Errorf("after one crash: %v", err)
	}
	if err := start(true); !errors.Is(err, errParked) {
		t.Errorf("after two crashes: %v", err)
	}
	if err := start(false); !errors.Is(err, errParked) {
		t.Errorf("it is parked no more: %v", err)
	}
	if err := d.try("v2"); err != nil {
		t.Errorf("another version: %v", err)
	}
	if good := d.good("v1"); good != "" {
		t.Errorf("%s is trusted", good)
	}
	if err := writeJSON(filepath.Join(d.dir, "v0", provenFile), true); err != nil {
		t.Fatal(err)
	}
	if good := d.good("v1"); good != "v0" {
		t.Errorf("%q is trusted, want v0", good)
	}
	if err := d.judge(true); err != nil {
		t.Fatal(err)
	}
	if err := d.try("v0"); err != nil {
		t.Errorf("a version that is trusted: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "v2", trialFile))
	var got trial
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil || got.Crashes != 1 {
		t.Errorf("v2: %+v, %v", got, err)
	}
}

func TestCanary_worse(t *testing.T) {
	c := &canary{version: "v2", share: 50}
	if why := c.worse(); why != "" {
		t.Error(why)
	}
	c.own.all.Store(100)
	c.own.failed.Store(5)
	c.others.all.Store(1000)
	if why := c.worse(); !strings.Contains(why, "5 of its 100 answers failed") {
		t.Error(why)
	}
	c.others.failed.Store(50) // the others do no better
	if why := c.worse(); why != "" {
		t.Error(why)
	}
	c.own.all.Store(1000)
	c.own.failed.Store(0)
	for range 1000 {
		c.own.buckets[40-1].Add(1)
		c.others.buckets[10].Add(1)
	}
	if why := c.worse(); !strings.Contains(why, "99th percentile") {
		t.Errorf("%q: %v, %v", why, c.own.p99(), c.others.p99())
	}
}
