package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fortunadws/fortuna/templates"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name:        "init",
		Usage:       "make a new project from a template; needs no network",
		ArgsUsage:   "[directory]",
		Description: "Files that exist are never overwritten. Without a directory the project is made in the present one.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "template", Aliases: []string{"t"}, Usage: "`name` of the template: " + list(templateNames())},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "ask nothing; the template is hello unless -t says otherwise"},
			&cli.BoolFlag{Name: "list", Usage: "print the templates and make nothing"},
		},
		Action: func(c *cli.Context) error {
			p := processOf(c)
			if c.Bool("list") {
				for _, t := range templates.All() {
					p.term.result("%-8s%s", t.Name, t.Summary)
				}
				return nil
			}
			dir, err := word(c)
			if err != nil {
				return err
			}
			name := c.String("template")
			if name == "" && p.asks && !c.Bool("yes") {
				if name, err = askTemplate(p); err != nil {
					return err
				}
			}
			return initProject(p, dir, name)
		},
	}
}

func templateNames() []string {
	var names []string
	for _, t := range templates.All() {
		names = append(names, t.Name)
	}
	return names
}

// askTemplate lets the person choose; an empty line is the first.
func askTemplate(p *process) (string, error) {
	for _, t := range templates.All() {
		p.term.note("  %s%s", p.term.err.paint(bold, fmt.Sprintf("%-8s", t.Name)), t.Summary)
	}
	p.term.print(p.term.err, "Template (hello): ")
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && line == "" {
		p.term.note("")
		return "", errInterrupted // the person has closed the input
	}
	return strings.TrimSpace(line), nil
}

// initProject writes the template into dir; hello when name is empty.
func initProject(p *process, dir, name string) error {
	if name == "" {
		name = templates.All()[0].Name
	}
	t, ok := templates.Named(name)
	if !ok {
		hint := suggest(name, templateNames())
		if hint == "" {
			hint = "fortuna init --list"
		}
		return usageError(hint, "there is no template %q", name)
	}
	target := absolute(p.dir, dir)
	files, err := t.Files(projectName(target))
	if err != nil {
		return err
	}
	for _, f := range files {
		if obstacle := inTheWay(target, f.Path); obstacle != "" {
			return refused("fortuna init <another directory>", "%s is in the way: init overwrites nothing", filepath.Join(dir, obstacle))
		}
	}
	shown := dir
	if shown == "" {
		shown = "."
	}
	var d draft
	defer d.discard()
	for _, f := range files {
		d.files = append(d.files, draftFile{filepath.Join(target, filepath.FromSlash(f.Path)), f.Data})
	}
	err = d.write()
	if err == nil {
		err = d.claim()
	}
	if err == nil {
		err = d.publish()
	}
	if errors.Is(err, fs.ErrExist) {
		return refused("", "%v: init overwrites nothing", err)
	}
	if err != nil {
		return d.trouble("the project "+shown, "make room, or make it elsewhere: fortuna init <directory>", err)
	}
	if err := typesOf(target); err != nil {
		p.term.warn(err.Error())
	}
	p.term.note("Made %s from the template %s. Next:", shown, t.Name)
	for _, line := range nextCommands(dir, t) {
		p.term.result("  %s", line)
	}
	return nil
}

// typesOf writes the types of a new project, so that an editor knows them at once.
func typesOf(dir string) error {
	project, vars, err := source{path: dir}.open(dir)
	if err != nil || !project.typed() {
		return err
	}
	return project.writeTypes(envTypes(project, vars, nil))
}

// nextCommands is what to type after init.
func nextCommands(dir string, t templates.Template) []string {
	var next []string
	if dir != "" && filepath.Clean(dir) != "." {
		next = append(next, "cd "+shellWord(dir))
	}
	return append(append(next, t.Setup...), "fortuna dev")
}

// shellWord is text as one word of a POSIX shell.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/@%+=:,][A-Za-z0-9._/@%+=:,-]*$`)

// inTheWay is the part of path, below root, that exists and would have to be overwritten, or "".
func inTheWay(root, path string) string {
	if isFile(root) {
		return "."
	}
	at := ""
	parts := strings.Split(path, "/")
	for i, part := range parts {
		at = filepath.Join(at, part)
		if i == len(parts)-1 {
			if _, err := os.Lstat(filepath.Join(root, at)); err == nil { // a link that leads nowhere is in the way too
				return at
			}
		} else if info, err := os.Stat(filepath.Join(root, at)); err == nil && !info.IsDir() {
			return at
		}
	}
	return ""
}

// notInName are the characters a project's name, which is also npm's, cannot have.
var notInName = regexp.MustCompile(`[^a-z0-9-]+`)

// projectName is a name made of a directory's.
func projectName(dir string) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-"), "-")
	if name == "" {
		return "app"
	}
	return name
}
