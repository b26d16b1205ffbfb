package cli

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/runtime"
)

// source is which app to serve, and what the command line puts into its env.
type source struct {
	path    string // "" is the working directory
	env     string // the environment of fortuna.toml that applies, or ""
	vars    []string
	envFile string
	dev     bool // secrets of the developer's own apply, from devVars
}

// devVars is the file of KEY=VALUE lines for env that only fortuna dev reads, as wrangler has it: secrets to try things with.
const devVars = ".dev.vars"

// sourceFlags are the flags that sourceOf reads.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "var", Usage: "`KEY=VALUE` that handlers find in env; may be repeated"},
		&cli.StringFlag{Name: "env-file", Usage: "`file` of KEY=VALUE lines for env"},
		envFlag(),
	}
}

func sourceOf(c *cli.Context) (source, error) {
	path, err := word(c)
	return source{path: path, env: c.String("env"), vars: c.StringSlice("var"), envFile: c.String("env-file")}, err
}

// files are those that change what the code of p is served with.
func (s source) files(dir string, p *project) []string {
	files := append(p.files(), filepath.Join(p.root, devVars))
	if s.envFile != "" {
		files = append(files, absolute(dir, s.envFile))
	}
	return files
}

// open reads the project and its variables, as seen from dir.
func (s source) open(dir string) (*project, []variable, error) {
	p, err := openProject(dir, s.path, s.env)
	if err != nil {
		return nil, nil, err
	}
	vars, err := s.variables(dir, p)
	return p, vars, err
}

// variables are what env holds, by name: --var wins over --env-file, that over .dev.vars in dev, and that over fortuna.toml,
// whose Vars then hold all of them.
func (s source) variables(dir string, p *project) ([]variable, error) {
	byName := map[string]variable{}
	p.given = map[string]bool{}
	for name := range p.config.Vars {
		byName[name] = variable{name: name, source: configFile}
	}
	var given []variable
	if path := filepath.Join(p.root, devVars); s.dev && isFile(path) {
		read, err := readVars(path, devVars)
		if err != nil {
			return nil, err
		}
		given = read
	}
	if s.envFile != "" {
		read, err := readVars(absolute(dir, s.envFile), s.envFile)
		if err != nil {
			return nil, err
		}
		given = append(given, read...)
	}
	for _, line := range s.vars {
		v, err := parseVar("--var", line)
		if err != nil {
			return nil, err
		}
		given = append(given, v)
	}
	for _, v := range given {
		if v.name == prototypeName {
			return nil, refused("choose another name", "%s: %s", v.source, prototypeRefusal)
		}
		byName[v.name] = v
		p.given[v.name] = true
		p.config.Vars[v.name] = v.value
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b variable) int { return strings.Compare(a.name, b.name) }), nil
}

// runtime is the configuration of a runtime for the project with state s, without what it reports to.
func (p *project) runtime(loops int, s *state) (c runtime.Config, err error) {
	c = runtime.Config{Loops: loops}
	if c.Limits, _, err = p.config.limits(); err != nil {
		return c, err
	}
	if c.Egress, err = p.config.egress(); err != nil {
		return c, err
	}
	if c.Bindings, err = s.bindings(p, c.Limits.State); err != nil {
		return c, err
	}
	if c.Sessions, err = s.sessions(p, c.Limits.State); err != nil {
		return c, err
	}
	c.Vars, err = s.env(p)
	return c, err
}
