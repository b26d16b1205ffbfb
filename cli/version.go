package cli

import (
	"encoding/json"
	goruntime "runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// Version is the release, "1.2.3", which the release build sets; otherwise the module's version is used.
var Version string

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version, and what it is made of",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print it as JSON"}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError("fortuna version", "fortuna version takes no words, got %q", c.Args().Slice())
			}
			return printVersion(processOf(c), c.Bool("json"))
		},
	}
}

// release is what this binary is.
type release struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Goja     string `json:"goja"`
	Esbuild  string `json:"esbuild"`
	Evio     string `json:"evio"`
}

func thisRelease() release {
	r := release{Version: Version, Go: goruntime.Version(), Platform: goruntime.GOOS + "/" + goruntime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		if r.Version == "" {
			r.Version = build.Main.Version
		}
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				r.Commit = s.Value
			case "vcs.time":
				r.Date = s.Value
			case "vcs.modified":
				r.Modified = s.Value == "true"
			}
		}
		for _, m := range build.Deps {
			switch m.Path {
			case "github.com/dop251/goja":
				r.Goja = m.Version
			case "github.com/evanw/esbuild":
				r.Esbuild = m.Version
			case "github.com/tidwall/evio":
				r.Evio = m.Version
			}
		}
	}
	if r.Version == "" || r.Version == "(devel)" {
		r.Version = "development"
	}
	return r
}

func printVersion(p *process, asJSON bool) error {
	r := thisRelease()
	if asJSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		p.term.raw(string(text) + "\n")
		return nil
	}
	text := "fortuna " + r.Version
	if len(r.Commit) >= 12 {
		text += " (" + r.Commit[:12] + ")"
	}
	p.term.result("%s %s %s", text, r.Go, r.Platform)
	return nil
}
