// Command fortuna is an edge runtime: it runs JavaScript handlers on an event loop, on one laptop or on many nodes.
package main

import (
	"os"

	"github.com/fortunadws/fortuna/cli"
)

func main() { os.Exit(cli.Main()) }
