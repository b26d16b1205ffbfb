package cli

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"
)

// remoteVerb is what a command of several does with a cluster.
type remoteVerb struct {
	name, words, about string
	flags              []string
	least, most        int
	run                func(ctx context.Context, c *cli.Context, r *reached, words []string) error
	local              func(ctx context.Context, c *cli.Context, words []string) error // without a login
}

// remoteVerbs is a command whose first word says what is to be done with a cluster.
func remoteVerbs(name, usage, about string, flags []cli.Flag, list []remoteVerb) *cli.Command {
	var known []verb
	for _, v := range list {
		known = append(known, verb{name: v.name, words: v.words, about: v.about, flags: v.flags, least: v.least, most: v.most})
	}
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "verb ...", Flags: append(flags, toFlag()), Description: described(known) + "\n" + about,
		Action: func(c *cli.Context) error {
			chosen, words, err := verbOf(c, known, flags)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, loginWait)
			defer cancel()
			for _, v := range list {
				switch {
				case v.name != chosen.name:
				case v.local != nil:
					return v.local(ctx, c, words)
				default:
					r, err := openRemote(c)
					if err != nil {
						return err
					}
					return v.run(ctx, c, r, words)
				}
			}
			return nil
		},
	}
}

// described are verbs as help shows them.
func described(list []verb) string {
	var text strings.Builder
	width := 0
	for _, v := range list {
		width = max(width, len(v.name)+len(v.words)+1)
	}
	for _, v := range list {
		text.WriteString("  " + v.name + " " + v.words + strings.Repeat(" ", width-len(v.name)-len(v.words)+1) + v.about + "\n")
	}
	return text.String()
}
