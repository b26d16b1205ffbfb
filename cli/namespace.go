package cli

import (
	"bytes"
	"net"
	"regexp"
	"strconv"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

// kvTable is [kv.NAME] of fortuna.toml: a namespace that handlers have as env.NAME.
type kvTable struct {
	History int // revisions kept of each key; 0 and 1: the last
	at      value
}

var bindingName = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,63}$`)

// named gives the name and the members of a table like [kv.NAME], which handlers find as env.NAME. example is one.
func (v value) named(example string) (name string, table map[string]any, err error) {
	name = v.path[len(v.path)-1]
	table, ok := v.v.(map[string]any)
	if !ok {
		return "", nil, v.wrong(example, "%s must be a table: got %s", v.key(), describe(v.v))
	}
	if !bindingName.MatchString(name) || name == prototypeName {
		return "", nil, v.wrong(example, "%s: handlers find it as env.%s, so the name must be like that of a variable", v.key(), name)
	}
	return name, table, nil
}

// namespace reads a table [kv.NAME].
func (c *config) namespace(v value) error {
	name, table, err := v.named("[kv.CACHE]")
	if err != nil {
		return err
	}
	t := kvTable{at: v}
	err = v.members(table, map[string]func(value) error{
		"history": func(v value) (err error) { t.History, err = v.integer(1, kv.HistoryMax); return },
	})
	if err != nil {
		return err
	}
	if c.KV == nil {
		c.KV = map[string]kvTable{}
	}
	c.KV[name] = t
	return nil
}

// address reads a member's address.
func (t *clusterTable) address(key, text string) (embedded.Address, error) {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
		return embedded.Address{}, t.at.wrong("", `state.cluster.%s must be like "10.0.0.1:7422", got %q`, key, text)
	}
	return embedded.Address{Host: host, Port: n}, nil
}

func trimmed(b []byte) []byte { return bytes.TrimSpace(b) }
