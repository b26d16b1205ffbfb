package cli

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge/upstream"
)

// configOf loads a fortuna.toml with that text.
func configOf(t *testing.T, text, env string) (*config, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return loadConfig(dir, env)
}

const everyKey = `
name = "shop"
main = "src/main.ts"
compatibility_date = 2026-11-01
egress.allow = ["10.0.0.0/8"]

[dev]
port = 0
host = "::1"
open = true

[balance]
policy = "header:X-Tenant"
weight = 3

[server]
listen = ":80"
grace_ms = 500
h2c = true
websocket_deflate = true

[kv.CART]
[kv.PAGES_OF]
history = 5

[rate_limit.LOGIN]
limit = 5

[session]
idle_s = 60
strict = ["/admin/*"]

[state]
dir = "state"
durability = "always"
store_bytes = 1000000

[vars]
TITLE = "Shop"
RATE = 0.5
PAGES = 3
OPEN = true

[limits]
cpu_ms = 80
body_bytes = 2048
streams_max = 50

[build]
minify = true
define = { VERSION = '"1.2"', "process.env.X" = "1" }

[env.staging]
main = "src/staging.ts"
vars = { TITLE = "Staging" }

[env.staging.limits]
cpu_ms = 200
`

func TestLoadConfig(t *testing.T) {
	c, err := configOf(t, everyKey, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "shop" || c.Main != "src/main.ts" || c.CompatibilityDate != "2026-11-01" {
		t.Errorf("got %+v", c)
	}
	if c.Dev.Port == nil || *c.Dev.Port != 0 || c.Dev.Host != "::1" || !c.Dev.Open || !c.Minify {
		t.Errorf("got %+v", c)
	}
	if c.Server.Listen != ":80" || c.Server.Grace != 500*time.Millisecond || !c.Server.H2C || !c.Server.Deflate {
		t.Errorf("got %+v", c.Server)
	}
	if c.Policy.String() != "header:X-Tenant" || c.Weight != 3 {
		t.Errorf("got %v, %v", c.Policy, c.Weight)
	}
	if want := map[string]any{"TITLE": "Shop", "RATE": 0.5, "PAGES": int64(3), "OPEN": true}; !reflect.DeepEqual(c.Vars, want) {
		t.Errorf("vars: got %v, want %v", c.Vars, want)
	}
	if want := map[string]string{"VERSION": `"1.2"`, "process.env.X": "1"}; !reflect.DeepEqual(c.Define, want) {
		t.Errorf("define: got %v, want %v", c.Define, want)
	}
	if !reflect.DeepEqual(c.Egress, []string{"10.0.0.0/8"}) {
		t.Errorf("egress: got %v", c.Egress)
	}
	inside, outside, err := c.limits()
	if err != nil || inside.CPU.Milliseconds() != 80 || outside.HTTP.BodyBytesMax != 2048 || outside.StreamsMax != 50 {
		t.Errorf("limits: got %v, %v, %v", inside.CPU, outside.HTTP.BodyBytesMax, err)
	}
}

func TestLoadConfig_environment(t *testing.T) {
	c, err := configOf(t, everyKey, "staging")
	if err != nil {
		t.Fatal(err)
	}
	if c.Main != "src/staging.ts" || c.Name != "shop" || c.Vars["TITLE"] != "Staging" || c.Vars["RATE"] != 0.5 {
		t.Errorf("got %+v", c)
	}
	if inside, _, err := c.limits(); err != nil || inside.CPU.Milliseconds() != 200 {
		t.Errorf("limits: got %v, %v", inside.CPU, err)
	}
}

func TestLoadConfig_refused(t *testing.T) {
	for _, tt := range []struct{ name, text, env, what, hint string }{
		{"unknown key", "name = \"x\"\nmian = \"a.js\"", "", `fortuna.toml:2:1: unknown key "mian"`, `did you mean "main"?`},
		{"unknown key in a table", "[dev]\n  prot = 1", "", `fortuna.toml:2:3: unknown key "dev.prot"`, `did you mean "port"?`},
		{"unknown dotted key", "dev.prot = 1", "", `fortuna.toml:1:5: unknown key "dev.prot"`, `did you mean "port"?`},
		{"unknown inline key", "dev = { prot = 1 }", "", `fortuna.toml:1:9: unknown key "dev.prot"`, `did you mean "port"?`},
		{"unknown table", "[vras]\nA = 1", "", `fortuna.toml:1:2: unknown key "vras"`, `did you mean "vars"?`},
		{"nothing near", "zzzzzzzz = 1", "", `fortuna.toml:1:1: unknown key "zzzzzzzz"`,
			"known keys: admin, assets, balance, build, compatibility_date, compression, dev, egress, kv, limits, log, main, name, queue, rate_limit, routes, secrets, server, session, state, tls, tracing, triggers, vars, env"},
		{"unknown key in an environment nobody chose", "[env.staging]\nnmae = \"x\"", "", `fortuna.toml:2:1: unknown key "env.staging.nmae"`, `did you mean "name"?`},
		{"environments do not nest", "[env.a.env.b]\nname = \"x\"", "", `fortuna.toml:1:8: unknown key "env.a.env"`,
			"known keys: admin, assets, balance, build, compatibility_date, compression, dev, egress, kv, limits, log, main, name, queue, rate_limit, routes, secrets, server, session, state, tls, tracing, triggers, vars"},
		{"string for a number", "[dev]\nport = \"80\"", "", `fortuna.toml:2:1: dev.port must be a whole number from 0 to 65535, got the string "80"`, ""},
		{"number out of range", "[dev]\nport = 70000", "", `fortuna.toml:2:1: dev.port must be a whole number from 0 to 65535, got the number 70000`, ""},
		{"number for a string", "main = 1", "", `fortuna.toml:1:1: main must be a string, got the number 1`, ""},
		{"value for a table", "dev = 1", "", `fortuna.toml:1:1: dev must be a table, got the number 1`, ""},
		{"value for the environments", "env = 1", "", `fortuna.toml:1:1: env must be tables like [env.staging], got the number 1`, ""},
		{"value for an environment", "env.a = 1", "", `fortuna.toml:1:5: env.a must be a table, got the number 1`, ""},
		{"list in vars", "[vars]\nA = [1]", "", `fortuna.toml:2:1: vars.A must be a string, a number, true or false, got a list`, ""},
		{"list of something else", "egress.allow = [1]", "", `fortuna.toml:1:8: egress.allow must be a list of strings, got the number 1 in it`, ""},
		{"namespace that is no table", "[kv]\nCART = true", "", `fortuna.toml:2:1: kv.CART must be a table: got true`, "[kv.CACHE]"},
		{"namespace that is no name", "[kv.my-cart]", "", `fortuna.toml:1:5: kv.my-cart: handlers find it as env.my-cart, so the name must be like that of a variable`, "[kv.CACHE]"},
		{"unknown key of a namespace", "[kv.CART]\nhistroy = 1", "", `fortuna.toml:2:1: unknown key "kv.CART.histroy"`, `did you mean "history"?`},
		{"weight out of range", "[balance]\nweight = 0", "", `fortuna.toml:2:1: balance.weight must be a whole number from 1 to 256, got the number 0`, ""},
		{"unknown policy", "[balance]\npolicy = \"fastest\"", "", `fortuna.toml:2:1: balance.policy: unknown policy "fastest": there are ` + upstream.Policies, ""},
		{"history out of range", "[kv.CART]\nhistory = 65", "", `fortuna.toml:2:1: kv.CART.history must be a whole number from 1 to 64, got the number 65`, ""},
		{"rate limit without a limit", "[rate_limit.RL]", "", `fortuna.toml:1:13: rate_limit.RL: limit must say how many calls of a key are let through in a period`, "limit = 5"},
		{"session that is no table", "session = true", "", `fortuna.toml:1:1: session must be a table, which may be empty: got true`, "[session]"},
		{"unknown key of the session", "[session]\nidle = 5", "", `fortuna.toml:2:1: unknown key "session.idle"`, `did you mean "idle_s"?`},
		{"durability", "[state]\ndurability = \"never\"", "", `fortuna.toml:2:1: state.durability must be "process" (a write outlives the process), "second" (a failure of power loses a second at most) or "always" (it loses nothing), got the string "never"`, ""},
		{"no date", `compatibility_date = "soon"`, "", `fortuna.toml:1:1: compatibility_date must be a date like "2026-11-01", got the string "soon"`, ""},
		{"no TOML", "name = \n", "", "fortuna.toml:1:8: unexpected character U+000A at start of value", ""},
		{"twice", "name = \"a\"\nname = \"b\"", "", "fortuna.toml:2:1: key name is already defined", ""},
		{"no such environment", "[env.staging]\nname = \"x\"", "stagign", "--env stagign: fortuna.toml has no table [env.stagign]", `did you mean "staging"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := configOf(t, tt.text, tt.env)
			refusal(t, err, tt.what, tt.hint)
		})
	}
}

func TestConfig_limitsRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, what, hint string }{
		{"unknown", "[limits]\ncpu_sm = 1", `fortuna.toml:2:1: unknown key "limits.cpu_sm"`, `did you mean "cpu_ms"?`},
		{"text for runtime", "[limits]\ncpu_ms = \"1\"", `fortuna.toml:2:1: limits.cpu_ms must be a whole number of ms above 0, got the string "1"`, ""},
		{"zero for runtime", "[limits]\ncpu_ms = 0", `fortuna.toml:2:1: limits.cpu_ms must be a whole number of ms above 0, got the number 0`, ""},
		{"zero for edge", "[limits]\nbody_bytes = 0", `fortuna.toml:2:1: limits.body_bytes must be a whole number of bytes above 0, got the number 0`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := configOf(t, tt.text, "")
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = c.limits()
			refusal(t, err, tt.what, tt.hint)
		})
	}
}

func TestLoadConfig_absent(t *testing.T) {
	c, err := loadConfig(t.TempDir(), "")
	if err != nil || c.File != "" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if _, err := loadConfig(t.TempDir(), "staging"); err == nil {
		t.Error("an environment of no file was accepted")
	}
}

// refusal checks that err is a problem with that text and hint, and the code for it.
func refusal(t *testing.T, err error, what, hint string) {
	t.Helper()
	var p *problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a problem", err)
	}
	if p.what != what || p.hint != hint || p.code != exitRefused {
		t.Errorf("got  %q, hint %q, code %d\nwant %q, hint %q, code %d", p.what, p.hint, p.code, what, hint, exitRefused)
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(everyKey))
	f.Add([]byte("a.b = {c = [{d = 1}]}\n[[x]]\ny = 2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDocument(configFile, data)
		if err != nil {
			return
		}
		c := &config{Vars: map[string]any{}, Define: map[string]string{}}
		if err := c.apply(d, ""); err == nil {
			_, _, _ = c.limits() // only panics count here
		}
	})
}
