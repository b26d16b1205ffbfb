package bundle

import (
	"fmt"
	"regexp"
	"strings"
)

// exportClause is the last statement of every ES module that esbuild writes, when the entry exports anything: either
// the list of names, or the one default export of an entry in CommonJS.
var exportClause = regexp.MustCompile(`(?s)(?:export ?\{([^{}]*)\}|export default ([^;]*));?\s*$`)

// exportItem is one name of that list: local, or local as exported; the latter may be a string.
var exportItem = regexp.MustCompile(`(?s)^\s*(\S+?)(?:\s+as\s*(\S+|"(?:[^"\\]|\\.)*"))?\s*$`)

// wrappers begin the function around a module that does not await at top level, and one that does. Each is one line.
var wrappers = [2]string{"(() => {\"use strict\";\n", "(async () => {\"use strict\";\n"}

// wrap makes a script of an ES module: a call of a function with the module's body, which returns an object with the
// exports as getters, so that they stay live. The wrapper begins that function: one of wrappers.
func wrap(module string, m *sourceMap, wrapper string) (string, error) {
	body, exports := module, ""
	if at := exportClause.FindStringSubmatchIndex(module); at != nil {
		body = module[:at[0]]
		if at[2] >= 0 {
			list, err := getters(module[at[2]:at[3]])
			if err != nil {
				return "", err
			}
			exports = list
		} else {
			body += "const __fortuna_default = " + module[at[4]:at[5]] + ";\n"
			exports = ", get \"default\"() { return __fortuna_default; }"
		}
	}
	m.insertLines(1)
	if body != "" && !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	return wrapper + body + "return { __proto__: null" + exports + " };\n})()", nil
}

// getters writes the names of an export clause as members of an object literal, each after a comma.
func getters(list string) (string, error) {
	var b strings.Builder
	for _, item := range strings.Split(list, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		names := exportItem.FindStringSubmatch(item)
		if names == nil {
			return "", fmt.Errorf("esbuild wrote an export that is not understood: %q", item)
		}
		exported := names[2]
		if exported == "" {
			exported = names[1]
		}
		if !strings.HasPrefix(exported, `"`) {
			exported = `"` + exported + `"`
		}
		fmt.Fprintf(&b, ", get %s() { return %s; }", exported, names[1])
	}
	return b.String(), nil
}
