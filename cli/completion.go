package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

func completionCommand() *cli.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes fortuna's words in a shell",
		ArgsUsage: "bash, zsh or fish",
		Description: "bash   source <(fortuna completion bash)\n" +
			"zsh    source <(fortuna completion zsh)\n" +
			"fish   fortuna completion fish | source",
		Action: func(c *cli.Context) error {
			shell, err := word(c)
			if err != nil {
				return err
			}
			p := processOf(c)
			switch shell {
			case "bash":
				p.term.raw(bashCompletion(c.App))
			case "zsh":
				p.term.raw(zshCompletion(c.App))
			case "fish":
				p.term.raw(fishCompletion(c.App))
			default:
				hint := "fortuna completion bash"
				if best := nearest(shell, shells); best != "" {
					hint = "fortuna completion " + best
				}
				return usageError(hint, "completion is for %s, got %q", list(shells), shell)
			}
			return nil
		},
	}
}

// completedFlag is a flag as a shell needs it.
type completedFlag struct {
	name, short, usage string
	takesValue         bool
}

func completedFlags(c *cli.Command) []completedFlag {
	var all []completedFlag
	for _, f := range c.Flags {
		_, isBool := f.(*cli.BoolFlag)
		item := completedFlag{name: f.Names()[0], takesValue: !isBool}
		if names := f.Names(); len(names) > 1 {
			item.short = names[1]
		}
		if d, ok := f.(cli.DocGenerationFlag); ok {
			item.usage = strings.ReplaceAll(d.GetUsage(), "`", "")
		}
		all = append(all, item)
	}
	return append(all, completedFlag{name: "help", short: "h", usage: "show help"})
}

// completedWords are the words a command takes besides flags; nil when they are files.
func completedWords(c *cli.Command) []string {
	if c.Name == "completion" {
		return []string{"bash", "zsh", "fish"}
	}
	return nil
}

func bashCompletion(app *cli.App) string {
	var names []string
	var cases strings.Builder
	for _, c := range app.Commands {
		names = append(names, c.Name)
		var flags []string
		for _, f := range completedFlags(c) {
			flags = append(flags, "--"+f.name)
		}
		fmt.Fprintf(&cases, "    %s) flags=%q; words=%q ;;\n", c.Name, strings.Join(flags, " "), strings.Join(completedWords(c), " "))
	}
	return fmt.Sprintf(`_fortuna() {
  local current="${COMP_WORDS[COMP_CWORD]}" flags="" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W %q -- "$current"))
    return
  fi
  case "${COMP_WORDS[1]}" in
%s  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); else COMPREPLY=($(compgen -f -- "$current")); fi ;;
  esac
}
complete -o filenames -F _fortuna fortuna
`, strings.Join(append(names, "help"), " "), cases.String())
}

func zshCompletion(app *cli.App) string {
	quote := func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
	usage := strings.NewReplacer("[", "(", "]", ")", ":", " -")
	var names, cases strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&names, "    '%s:%s'\n", c.Name, quote(c.Usage))
		fmt.Fprintf(&cases, "    %s) _arguments", c.Name)
		for _, f := range completedFlags(c) {
			value := ""
			if f.takesValue {
				value = ":" + f.name + ":_files"
			}
			fmt.Fprintf(&cases, " '--%s[%s]%s'", f.name, quote(usage.Replace(f.usage)), value)
		}
		if words := completedWords(c); words != nil {
			fmt.Fprintf(&cases, " '1:word:(%s)' ;;\n", strings.Join(words, " "))
		} else {
			cases.WriteString(" '*:file:_files' ;;\n")
		}
	}
	return fmt.Sprintf(`#compdef fortuna
_fortuna() {
  local -a commands
  commands=(
%s    'help:say more about a command'
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
%s  esac
}
if [ "$funcstack[1]" = "_fortuna" ]; then
  _fortuna "$@"
else
  compdef _fortuna fortuna
fi
`, names.String(), cases.String())
}

func fishCompletion(app *cli.App) string {
	quote := func(s string) string { return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) }
	var b strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&b, "complete -c fortuna -n __fish_use_subcommand -f -a %s -d '%s'\n", c.Name, quote(c.Usage))
	}
	b.WriteString("complete -c fortuna -n __fish_use_subcommand -f -a help -d 'say more about a command'\n")
	for _, c := range app.Commands {
		seen := "'__fish_seen_subcommand_from " + c.Name + "'"
		for _, f := range completedFlags(c) {
			fmt.Fprintf(&b, "complete -c fortuna -n %s -l %s", seen, f.name)
			if f.short != "" {
				fmt.Fprintf(&b, " -s %s", f.short)
			}
			if f.takesValue {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d '%s'\n", quote(f.usage))
		}
		if words := completedWords(c); words != nil {
			fmt.Fprintf(&b, "complete -c fortuna -n %s -f -a '%s'\n", seen, strings.Join(words, " "))
		}
	}
	return b.String()
}
