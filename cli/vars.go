package cli

import (
	"os"
	"strings"
)

// variable is one of env's: what a handler sees, and where it comes from. Its value may be a secret, so nothing prints
// it.
type variable struct {
	name, value, source string
}

// prototypeName cannot be a variable: setting it on an object makes no property, so handlers would not find it.
const (
	prototypeName    = "__proto__"
	prototypeRefusal = prototypeName + " is the prototype of every JavaScript object, so env cannot hold a variable of that name"
)

// parseVar reads "KEY=VALUE". The line is not repeated in the error.
func parseVar(source, line string) (variable, error) {
	name, text, ok := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	switch {
	case !ok:
		return variable{}, usageError("write KEY=VALUE", "%s: there is no = in it", source)
	case name == "":
		return variable{}, usageError("write KEY=VALUE", "%s: there is no name before the =", source)
	}
	return variable{name, text, source}, nil
}

// readVars reads a file of KEY=VALUE lines.
func readVars(path, shown string) ([]variable, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, refused("", "read %s: %v", shown, err)
	}
	return parseVars(string(data), shown)
}

// parseVars reads KEY=VALUE lines: blank lines and comments are left out, "export" and quotes removed.
func parseVars(text, shown string) ([]variable, error) {
	var vars []variable
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := parseVar(shown, line)
		if err != nil {
			return nil, refused("write KEY=VALUE", "%s:%d: not KEY=VALUE", shown, n+1)
		}
		v.value = unquote(strings.TrimSpace(v.value))
		vars = append(vars, v)
	}
	return vars, nil
}

func unquote(text string) string {
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}
