package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/edge/forwarded"
	"github.com/fortunadws/fortuna/edge/upstream"
	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/runtime/binding"
	"github.com/fortunadws/fortuna/runtime/web"
)

// configFile is the name of a project's configuration.
const configFile = "fortuna.toml"

// configBytesMax is far above what a configuration holds. Finding the place of every key takes quadratic time.
const configBytesMax = 64 << 10

// config is what fortuna.toml says.
type config struct {
	File string // its path; empty when there is none
	Name string
	Main string // the entry, relative to the file
	Dev  struct {
		Port *int // nil when it is not set; 0 takes a free one
		Host string
		Open bool
		TLS  bool
	}
	Server struct {
		Listen  string          // address; empty when it is not set
		Grace   time.Duration   // for what is in flight at the end; 0 when it is not set
		H2C     bool            // HTTP/2 without TLS
		Deflate bool            // of WebSocket messages
		Proxies forwarded.Trust // whose word about clients is taken
		TellsID bool            // answers have the field X-Request-Id
	}
	Access *float64 // the share of answers that is logged; nil when it is not set
	Admin  struct {
		Listen *string // address; empty is nowhere, nil when it is not set
		Pprof  bool
	}
	CompatibilityDate string // accepted, so that a Workers project moves over unchanged; nothing depends on it
	Vars              map[string]any
	Limits            []value           // checked where the limits are known
	Egress            []string          // what fetch may reach beyond the public internet
	EgressAt          value             // where that stands
	Define            map[string]string // names replaced by JavaScript expressions
	Minify            bool
	Tracing           tracingTable
	Uncompressed      bool // answers are sent as they are
	TLS               tlsTable
	Assets            assetsTable
	State             stateTable
	Secrets           secretsTable
	Session           sessionTable
	RateLimits        map[string]rateLimitTable // by their names in env
	Queues            map[string]queueTable     // by their names in env
	Crons             []binding.Cron
	KV                map[string]kvTable // namespaces, by their names in env
	Policy            upstream.Policy    // by which a node chooses another for a request
	Weight            int                // of this node beside others; 0 is 1
	Routes            []string           // the requests that a deployed app is for; none: all
}

// weightMax is HAProxy's too.
const weightMax = 256

// configKeys are what fortuna.toml may hold; "*" is any one key.
var configKeys = map[string]func(c *config, v value) error{
	"name":               func(c *config, v value) (err error) { c.Name, err = v.text(); return },
	"main":               func(c *config, v value) (err error) { c.Main, err = v.text(); return },
	"routes":             func(c *config, v value) error { return c.routes(v) },
	"compatibility_date": func(c *config, v value) (err error) { c.CompatibilityDate, err = v.date(); return },
	"balance.policy": func(c *config, v value) error {
		text, err := v.text()
		if err != nil {
			return err
		}
		if c.Policy, err = upstream.ParsePolicy(text); err != nil {
			return v.wrong("", "%s: %v", v.key(), err)
		}
		return nil
	},
	"balance.weight": func(c *config, v value) (err error) {
		c.Weight, err = v.integer(1, weightMax)
		return err
	},
	"dev.port": func(c *config, v value) error {
		port, err := v.integer(0, 65535)
		c.Dev.Port = &port
		return err
	},
	"dev.host":                 func(c *config, v value) (err error) { c.Dev.Host, err = v.text(); return },
	"dev.open":                 func(c *config, v value) (err error) { c.Dev.Open, err = v.truth(); return },
	"dev.https":                func(c *config, v value) (err error) { c.Dev.TLS, err = v.truth(); return },
	"server.listen":            func(c *config, v value) (err error) { c.Server.Listen, err = v.text(); return },
	"server.websocket_deflate": func(c *config, v value) (err error) { c.Server.Deflate, err = v.truth(); return },
	"server.h2c":               func(c *config, v value) (err error) { c.Server.H2C, err = v.truth(); return },
	"server.grace_ms": func(c *config, v value) error {
		n, err := v.integer(1, 3_600_000)
		c.Server.Grace = time.Duration(n) * time.Millisecond
		return err
	},
	"server.trusted_proxies": func(c *config, v value) error {
		list, err := v.texts()
		if err != nil {
			return err
		}
		if c.Server.Proxies.Proxies, err = forwarded.ParseProxies(list); err != nil {
			return v.wrong("", "%s: %v", v.key(), err)
		}
		return nil
	},
	"server.proxy_field": func(c *config, v value) error {
		name, err := v.text()
		if err == nil && !slices.Contains(forwarded.Fields, name) {
			err = v.expected("one of " + list(forwarded.Fields))
		}
		c.Server.Proxies.Field = name
		return err
	},
	"server.proxy_protocol": func(c *config, v value) (err error) { c.Server.Proxies.Protocol, err = v.truth(); return },
	"server.request_id":     func(c *config, v value) (err error) { c.Server.TellsID, err = v.truth(); return },
	"log.access":            func(c *config, v value) (err error) { c.Access, err = v.share(); return },
	"admin.listen": func(c *config, v value) error {
		listen, err := v.text()
		c.Admin.Listen = &listen
		return err
	},
	"admin.pprof":  func(c *config, v value) (err error) { c.Admin.Pprof, err = v.truth(); return },
	"build.minify": func(c *config, v value) (err error) { c.Minify, err = v.truth(); return },
	"egress.allow": func(c *config, v value) (err error) {
		c.Egress, err = v.texts()
		c.EgressAt = v
		return
	},
	"build.define.*": func(c *config, v value) error {
		expression, err := v.text()
		if err != nil {
			return err
		}
		c.Define[v.path[len(v.path)-1]] = expression
		return nil
	},
	"vars.*": func(c *config, v value) error {
		name := v.path[len(v.path)-1]
		if name == prototypeName {
			return v.wrong("choose another name", "%s: %s", v.key(), prototypeRefusal)
		}
		switch v.v.(type) {
		case string, int64, float64, bool:
			c.Vars[name] = v.v
			return nil
		}
		return v.expected("a string, a number, true or false")
	},
	"tls.cert":           func(c *config, v value) (err error) { c.TLS.Cert, err = v.text(); c.TLS.at = v; return },
	"tls.key":            func(c *config, v value) (err error) { c.TLS.Key, err = v.text(); c.TLS.at = v; return },
	"tls.certificates":   func(c *config, v value) error { return c.TLS.certificates(v) },
	"tls.client_ca":      func(c *config, v value) (err error) { c.TLS.ClientCA, err = v.text(); c.TLS.at = v; return },
	"tls.client_auth":    func(c *config, v value) error { return c.TLS.clientAuth(v) },
	"tls.acme.hosts":     func(c *config, v value) (err error) { c.TLS.ACME.Hosts, err = v.texts(); c.TLS.at = v; return },
	"tls.acme.email":     func(c *config, v value) (err error) { c.TLS.ACME.Email, err = v.text(); return },
	"tls.acme.directory": func(c *config, v value) (err error) { c.TLS.ACME.Directory, err = v.text(); return },
	"tls.acme.roots":     func(c *config, v value) (err error) { c.TLS.ACME.Roots, err = v.text(); return },
	"tls.acme.storage":   func(c *config, v value) (err error) { c.TLS.ACME.Storage, err = v.text(); return },
	"tls.redirect": func(c *config, v value) error {
		port, err := v.integer(0, 65535)
		c.TLS.Redirect = &port
		return err
	},
	"tls.hsts":           func(c *config, v value) (err error) { c.TLS.HSTS, err = v.integer(0, hstsMax); return },
	"tls.handshakes_max": func(c *config, v value) (err error) { c.TLS.HandshakesMax, err = v.integer(1, 1<<20); return },
	"assets.dir":         func(c *config, v value) (err error) { c.Assets.Dir, err = v.text(); c.Assets.at = v; return },
	"assets.spa":         func(c *config, v value) (err error) { c.Assets.SPA, err = v.truth(); return },
	"assets.not_found": func(c *config, v value) (err error) {
		c.Assets.NotFound, err = v.text()
		c.Assets.notFoundAt = v
		return
	},
	"assets.run_worker_first":  func(c *config, v value) (err error) { c.Assets.AppFirst, err = v.texts(); return },
	"assets.redirects":         func(c *config, v value) (err error) { c.Assets.Redirects, err = v.texts(); return },
	"assets.headers.*":         func(c *config, v value) error { return c.Assets.header(v) },
	"assets.files_max":         func(c *config, v value) (err error) { c.Assets.FilesMax, err = v.integer(1, 1<<20); return },
	"assets.memory_bytes":      func(c *config, v value) error { return c.Assets.bytes(&c.Assets.MemoryBytes, v) },
	"assets.memory_file_bytes": func(c *config, v value) error { return c.Assets.bytes(&c.Assets.MemoryOfFile, v) },
	"tracing.endpoint":         func(c *config, v value) (err error) { c.Tracing.Endpoint, err = v.text(); c.Tracing.at = v; return },
	"tracing.ratio":            func(c *config, v value) (err error) { c.Tracing.Ratio, err = v.share(); return },
	"compression.enabled": func(c *config, v value) error {
		on, err := v.truth()
		c.Uncompressed = !on
		return err
	},
	"secrets.key_file":       func(c *config, v value) (err error) { c.Secrets.KeyFile, err = v.text(); return },
	"secrets.required":       func(c *config, v value) (err error) { c.Secrets.Required, err = v.texts(); c.Secrets.at = v; return },
	"session":                func(c *config, v value) error { return c.Session.read(v) },
	"rate_limit.*":           (*config).rateLimit,
	"queue.*":                (*config).queue,
	"triggers":               (*config).triggers,
	"kv.*":                   (*config).namespace,
	"state.dir":              func(c *config, v value) (err error) { c.State.Dir, err = v.text(); return },
	"state.durability":       func(c *config, v value) error { return c.State.durability(v) },
	"state.store_bytes":      func(c *config, v value) error { return c.Assets.bytes(&c.State.StoreBytes, v) },
	"state.cache_bytes":      func(c *config, v value) error { return c.Assets.bytes(&c.State.CacheBytes, v) },
	"state.nats.url":         func(c *config, v value) (err error) { c.State.External.URL, err = v.text(); return },
	"state.nats.credentials": func(c *config, v value) (err error) { c.State.External.Credentials, err = v.text(); return },
	"state.nats.replicas":    func(c *config, v value) (err error) { c.State.External.Copies, err = v.integer(1, 5); return },
	"state.cluster.name": func(c *config, v value) (err error) {
		c.State.Cluster.Name, err = v.text()
		c.State.Cluster.at = v
		return
	},
	"state.cluster.node": func(c *config, v value) (err error) {
		c.State.Cluster.Node, err = v.text()
		c.State.Cluster.at = v
		return
	},
	"state.cluster.listen": func(c *config, v value) (err error) {
		c.State.Cluster.Listen, err = v.text()
		c.State.Cluster.at = v
		return
	},
	"state.cluster.members": func(c *config, v value) (err error) {
		c.State.Cluster.Members, err = v.texts()
		c.State.Cluster.at = v
		return
	},
	"state.cluster.secret_file": func(c *config, v value) (err error) { c.State.Cluster.SecretFile, err = v.text(); return },
	"limits.*": func(c *config, v value) error {
		c.Limits = append(c.Limits, v)
		return nil
	},
}

// routes are the requests that the app is for where several are deployed.
func (c *config) routes(v value) (err error) {
	if c.Routes, err = v.texts(); err != nil {
		return err
	}
	for _, text := range c.Routes {
		if _, err := artifact.ParseRoute(text); err != nil {
			return v.wrong("", "%s: %v", v.key(), err)
		}
	}
	return nil
}

// egress is what fetch may reach; the error names the place of [egress].
func (c *config) egress() (*web.Egress, error) {
	egress, err := web.ParseEgress(c.Egress)
	if err != nil {
		return nil, c.EgressAt.wrong("", "%v", err)
	}
	return egress, nil
}

// loadConfig reads fortuna.toml in dir, and over it the table [env.<env>] unless env is empty. Without the file it
// gives an empty config.
func loadConfig(dir, env string) (*config, error) {
	path := filepath.Join(dir, configFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if env != "" {
			return nil, refused("write a "+configFile+" with a table [env."+env+"]", "--env %s: there is no %s in %s", env, configFile, dir)
		}
		return &config{Vars: map[string]any{}, Define: map[string]string{}}, nil
	}
	return readConfig(path, env)
}

// readConfig reads the file at path as loadConfig does.
func readConfig(path, env string) (*config, error) {
	c := &config{Vars: map[string]any{}, Define: map[string]string{}}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, refused("", "read configuration: %v", err)
	}
	if len(data) > configBytesMax {
		return nil, refused("keep data in a file of its own and import it", "%s has %d bytes, more than %d", path, len(data), configBytesMax)
	}
	d, err := parseDocument(filepath.Base(path), bytes.TrimPrefix(data, []byte("\ufeff"))) // some editors begin with it
	if err != nil {
		return nil, err
	}
	c.File = path
	if err := c.apply(d, env); err != nil {
		return nil, err
	}
	return c, nil
}

// apply sets what d says. Every environment is checked, chosen or not.
func (c *config) apply(d *document, env string) error {
	base := maps.Clone(d.tree)
	overlays, ok := base["env"].(map[string]any)
	if _, has := base["env"]; has && !ok {
		return value{d, []string{"env"}, base["env"]}.expected("tables like [env.staging]")
	}
	delete(base, "env")
	if err := c.table(d, base, nil, nil); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(overlays))
	for _, name := range names {
		path := []string{"env", name}
		overlay, ok := overlays[name].(map[string]any)
		if !ok {
			return value{d, path, overlays[name]}.expected("a table")
		}
		into := &config{Vars: map[string]any{}, Define: map[string]string{}}
		if name == env {
			into = c
		}
		if err := into.table(d, overlay, path, nil); err != nil {
			return err
		}
	}
	if env != "" && !slices.Contains(names, env) {
		hint := suggest(env, names)
		if hint == "" && len(names) > 0 {
			hint = "known environments: " + strings.Join(names, ", ")
		}
		return refused(hint, "--env %s: %s has no table [env.%s]", env, d.file, env)
	}
	return nil
}

// table sets the keys of a table. path is where it stands in the file, key what it is called in configKeys.
func (c *config) table(d *document, table map[string]any, path, key []string) error {
	names := slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		pa, pb := d.places[pathKey(append(slices.Clone(path), a))], d.places[pathKey(append(slices.Clone(path), b))]
		return pa.Offset - pb.Offset
	})
	for _, name := range names {
		v := value{d, append(slices.Clone(path), name), table[name]}
		here := append(slices.Clone(key), name)
		set, ok := configKeys[strings.Join(here, ".")]
		if !ok && len(key) > 0 {
			set, ok = configKeys[strings.Join(key, ".")+".*"]
		}
		if ok {
			if err := set(c, v); err != nil {
				return err
			}
			continue
		}
		known := configNames(key)
		if len(path) == 0 {
			known = append(known, "env")
		}
		if inner := configNames(here); len(inner) == 0 {
			hint := suggest(name, known)
			if hint == "" {
				hint = "known keys: " + strings.Join(known, ", ")
			}
			return v.wrong(hint, "unknown key %q", v.key())
		}
		inner, ok := v.v.(map[string]any)
		if !ok {
			return v.expected("a table")
		}
		if err := c.table(d, inner, v.path, here); err != nil {
			return err
		}
	}
	return nil
}

// configNames are the keys that may stand in a table of configKeys.
func configNames(table []string) []string {
	prefix := ""
	if len(table) > 0 {
		prefix = strings.Join(table, ".") + "."
	}
	seen := map[string]bool{}
	for key := range configKeys {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			seen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
