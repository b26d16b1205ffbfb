package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/templates"
)

func typesCommand() *cli.Command {
	return &cli.Command{
		Name:      "types",
		Usage:     "write the TypeScript types of env and of handlers",
		ArgsUsage: "[directory]",
		Description: "Writes " + typesFile + ", which tsconfig.json includes. fortuna init and fortuna dev do it too: this is for a\n" +
			"machine that only checks the types.",
		Flags: []cli.Flag{envFlag()},
		Action: func(c *cli.Context) error {
			dir, err := word(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			project, vars, err := source{path: dir, env: c.String("env"), dev: true}.open(p.dir)
			if err != nil {
				return err
			}
			names := envTypes(project, vars, nil)
			if err := project.writeTypes(names); err != nil {
				return failed("", "%v", err)
			}
			p.term.result("%s", relative(p.dir, filepath.Join(project.root, filepath.FromSlash(typesFile))))
			return nil
		},
	}
}

// typesFile has the types of a project, made by us.
const typesFile = ".fortuna/types.d.ts"

// envTypes are the types of what handlers find in env, by name.
func envTypes(p *project, vars []variable, secrets []string) map[string]string {
	names := map[string]string{}
	for _, v := range vars {
		switch p.config.Vars[v.name].(type) {
		case bool:
			names[v.name] = "boolean"
		case int64, float64:
			names[v.name] = "number"
		default:
			names[v.name] = "string"
		}
	}
	for _, name := range append(secrets, p.config.Secrets.Required...) {
		names[name] = "string"
	}
	for name := range p.config.KV {
		names[name] = "KVNamespace"
	}
	for name := range p.config.Queues {
		names[name] = "Queue"
	}
	for name := range p.config.RateLimits {
		names[name] = "fortuna.RateLimit"
	}
	return names
}

// typed reports whether somebody looks at types.
func (p *project) typed() bool {
	return isFile(filepath.Join(p.root, "tsconfig.json")) || isFile(filepath.Join(p.root, "jsconfig.json"))
}

// writeTypes writes typesFile, unless it is as it should be: editors read it again whenever it changes.
func (p *project) writeTypes(env map[string]string) error {
	var b strings.Builder
	b.WriteString("// Made by fortuna from " + configFile + ": changes here are lost.\n\n")
	b.WriteString("/** What handlers find in env. */\ninterface Env {\n")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if bindingName.MatchString(name) {
			fmt.Fprintf(&b, "  %s: %s;\n", name, env[name])
		} else {
			fmt.Fprintf(&b, "  %q: %s;\n", name, env[name])
		}
	}
	b.WriteString("}\n\n" + templates.Types)
	path := filepath.Join(p.root, filepath.FromSlash(typesFile))
	if was, err := os.ReadFile(path); err == nil && bytes.Equal(was, []byte(b.String())) {
		return nil
	}
	if err := p.ignored(path); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write the types: %w", err)
	}
	return nil
}
