// Package e2e is the program from outside: scripts, and the rules of its source.
package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fortunadws/fortuna/cli"
)

// TestMain lets the test binary answer as fortuna, so that scripts run the code under test and coverage counts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fortuna": func() { os.Exit(cli.Main()) }})
}

// TestScript runs testdata/script/<command>_<what>.txtar. Besides testscript's commands a script has
//
//	dev [flags]               fortuna dev in the background on a free port; sets $ADDR, the address without http://
//	serve [flags]             the same with fortuna serve
//	said REGEXP               waits until the dev in the background has printed that, since the last said that matched
//	http METHOD PATH [-h 'Name: value']... [-d body]
//	                          prints status, content type and body; ! http expects that nobody answers
//	admin METHOD PATH         the same of the admin listener that serve's log has told
//	eventually METHOD PATH REGEXP [-h ...]
//	                          asks until status, content type and body match
//	signal NAME               sends INT, TERM, HUP or KILL to dev
//	press KEYS                types them to dev
//	visit TIMES PATH          sends requests of one visitor, whose answers must count the visitor's requests: 1, 2, 3
//	ended CODE                waits for dev to end and checks its exit code
//	write FILE TEXT           writes a file, \n for a new line
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Values[devKey{}] = &devProcess{}
			e.Setenv("NO_COLOR", "")
			e.Setenv("CI", "")
			// npm, for the template that needs it, has to find the registry of this machine.
			e.Setenv("npm_config_cache", filepath.Join(e.WorkDir, ".npm"))
			if home, err := os.UserHomeDir(); err == nil {
				e.Setenv("npm_config_userconfig", filepath.Join(home, ".npmrc"))
			}
			for _, v := range os.Environ() {
				name, value, _ := strings.Cut(v, "=")
				lower := strings.ToLower(name)
				if strings.HasPrefix(lower, "npm_config_") && lower != "npm_config_cache" || strings.HasSuffix(lower, "_proxy") || name == "NODE_EXTRA_CA_CERTS" {
					e.Setenv(name, value)
				}
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"dev":        dev,
			"serve":      serve,
			"said":       said,
			"http":       request,
			"admin":      admin,
			"eventually": eventually,
			"signal":     signal,
			"press":      press,
			"visit":      visit,
			"ended":      ended,
			"write":      write,
		},
	})
}
