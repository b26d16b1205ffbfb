// Package cli is the command line: it alone reads arguments and the environment, prints and exits, and it wires edge
// to runtime. It knows neither how bytes move nor how JavaScript runs.
//
// A command is a file: a *cli.Command literal and one function that takes the process and its options, and neither
// exits nor prints but through term. Failures are *problem values; exit.go has the table of codes.
package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// commands are the verbs, in the order help shows them.
func commands() []*cli.Command {
	return []*cli.Command{initCommand(), devCommand(), buildCommand(), serveCommand(), loginCommand(), deployCommand(), versionsCommand(), rollbackCommand(), promoteCommand(), statusCommand(), explainCommand(), tailCommand(), auditCommand(), nodeCommand(), tokenCommand(), kvCommand(), sessionCommand(), secretCommand(), backupCommand(), restoreCommand(), typesCommand(), limitsCommand(), verifyCommand(), versionCommand(), completionCommand()}
}

// run does what p.args ask for.
func run(p *process) exitCode {
	defer p.term.flush()
	code := report(p.term, runApp(p))
	if err := p.term.lost; err != nil && code == exitOK {
		return report(p.term, failed("", "the result is lost: %v", err))
	}
	return code
}

func runApp(p *process) error {
	tuneMemory(p.getenv)
	app := newApp(p)
	args, err := arrange(app, p.args)
	if err != nil {
		return err
	}
	return app.RunContext(context.Background(), append([]string{app.Name}, args...))
}

func newApp(p *process) *cli.App {
	app := &cli.App{
		Name:                      "fortuna",
		Usage:                     "the edge runtime you own",
		CustomAppHelpTemplate:     appHelp,
		Commands:                  commands(),
		Writer:                    streamWriter{p.term, p.term.out},
		ErrWriter:                 streamWriter{p.term, p.term.err},
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usage,
		Metadata:                  map[string]any{"process": p},
	}
	for _, c := range app.Commands {
		c.OnUsageError = usage
		c.HideHelpCommand = true
		c.CustomHelpTemplate = commandHelp
		action := c.Action
		c.Action = func(cc *cli.Context) error {
			if cc.Bool(noColor) {
				p.term.out.colour, p.term.err.colour = false, false
			}
			return action(cc)
		}
		c.Flags = append(c.Flags, &cli.BoolFlag{Name: noColor, Usage: "print without colours; so does NO_COLOR in the environment"})
		for _, f := range c.Flags {
			if f, ok := f.(*cli.BoolFlag); ok {
				f.DisableDefaultText = true
			}
		}
	}
	return app
}

// noColor is the name of a flag that every command has.
const noColor = "no-color"

// processOf is the process a command runs in.
func processOf(c *cli.Context) *process { return c.App.Metadata["process"].(*process) }

// usage words the errors of the flag package as ours.
func usage(c *cli.Context, err error, _ bool) error {
	hint := "fortuna help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		hint += " " + c.Command.Name
	}
	what := strings.ReplaceAll(err.Error(), "flag -", "flag --")
	what = strings.ReplaceAll(what, ": -", ": --")
	what = strings.TrimSuffix(what, ": parse error")
	return usageError(hint, "%s", what)
}

// arrange brings the command line into the order urfave needs: the command, its flags, "--", the rest. People type
// "fortuna dev app.ts --port 0". Words that are no command and no flag are refused here, where the nearest is known.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return []string{"--help"}, nil
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "--help", "-help":
		return []string{"--help"}, nil
	case "-v", "-V", "--version":
		name = "version"
	case "help":
		if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
			return []string{"--help"}, nil
		}
		name, rest = rest[0], []string{"--help"}
	}
	command := app.Command(name)
	if command == nil {
		var names []string
		for _, c := range app.Commands {
			names = append(names, c.Name)
		}
		if strings.HasPrefix(name, "-") {
			return nil, usageError("fortuna help", "the command comes first: got the flag %q", name)
		}
		hint := "fortuna help"
		if best := nearest(name, append(names, "help")); best != "" {
			hint = "fortuna " + strings.Join(append([]string{best}, rest...), " ")
		}
		return nil, usageError(hint, "there is no command %q", name)
	}
	flags, words, err := split(command, rest)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]string{name}, flags, []string{"--"}, words), nil
}

// split tells the flags of a command line, each with its value, from the words between them.
func split(command *cli.Command, args []string) (flags, words []string, err error) {
	values := map[string]bool{"help": false, "h": false} // whether a flag takes a value
	var long []string
	for _, f := range command.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			values[n] = !isBool
		}
		long = append(long, "--"+f.Names()[0])
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return flags, append(words, args...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			words = append(words, arg)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		takes, known := values[name]
		if !known {
			hint := "fortuna help " + command.Name
			if best := nearest("--"+name, long); best != "" {
				hint = "fortuna " + command.Name + " " + best
			}
			return nil, nil, usageError(hint, "fortuna %s has no flag %q", command.Name, arg)
		}
		if name == "help" || name == "h" {
			return []string{"--help"}, nil, nil // urfave would take a word for a topic
		}
		flags = append(flags, arg)
		if takes && !hasValue {
			if len(args) == 0 {
				return nil, nil, usageError("fortuna help "+command.Name, "flag %s needs a value", arg)
			}
			flags = append(flags, args[0])
			args = args[1:]
		}
	}
	return flags, words, nil
}

// word is the only word a command takes besides its flags, or "".
func word(c *cli.Context) (string, error) {
	if c.NArg() > 1 {
		return "", usageError("fortuna help "+c.Command.Name, "fortuna %s takes one %s, got %d: %q",
			c.Command.Name, c.Command.ArgsUsage, c.NArg(), c.Args().Slice())
	}
	return c.Args().First(), nil
}

const appHelp = `fortuna: {{.Usage}}

  fortuna init hello && cd hello    a new project; needs no network
  fortuna dev                       serve it on http://127.0.0.1:8787, reload on save
  fortuna dev app.ts                serve one file, without a project
  fortuna build                     one file with everything in it
  fortuna serve                     serve it for others, until SIGTERM

Commands:{{range .VisibleCommands}}
  {{printf "%-12s" .Name}}{{.Usage}}{{end}}

fortuna help <command> says more.
`

const commandHelp = `{{.HelpName}}{{if .VisibleFlags}} [flags]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Usage}}{{if .Description}}

{{.Description}}{{end}}{{if .VisibleFlags}}

Flags:{{range .VisibleFlags}}
  {{.String}}{{end}}{{end}}
`
