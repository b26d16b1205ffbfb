package cli

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	terminal "golang.org/x/term"
)

// process is everything a command sees of the world outside: nothing else in the program reads arguments or the
// environment, prints, or listens for signals.
type process struct {
	args    []string // without the program's name
	getenv  func(string) string
	dir     string // the working directory
	stdin   io.Reader
	asks    bool // a person sits at stdin and stderr, so questions may be put
	term    *term
	signals func(list ...os.Signal) <-chan os.Signal // from now on they come here instead of ending the process
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	signal.Ignore(syscall.SIGXFSZ) // a file that may not grow is an error of the write, not the end of the process
	colour := coloured(os.Getenv)
	return int(run(&process{
		args:   os.Args[1:],
		getenv: os.Getenv,
		dir:    dir,
		stdin:  os.Stdin,
		asks:   isTerminal(os.Stdin) && isTerminal(os.Stderr) && os.Getenv("CI") == "",
		term: &term{
			out: streamTo(os.Stdout, colour),
			err: streamTo(os.Stderr, colour),
		},
		signals: func(list ...os.Signal) <-chan os.Signal {
			c := make(chan os.Signal, 2)
			signal.Notify(c, list...)
			return c
		},
	}))
}

// coloured reports whether the environment lets terminals have colours.
func coloured(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("CI") == "" && getenv("TERM") != "dumb"
}

func streamTo(f *os.File, colour bool) stream {
	terminal := isTerminal(f)
	return stream{w: f, terminal: terminal, colour: colour && terminal}
}

func isTerminal(f *os.File) bool { return terminal.IsTerminal(int(f.Fd())) }
