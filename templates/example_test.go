package templates_test

import (
	"fmt"
	"strings"

	"github.com/fortunadws/fortuna/templates"
)

func ExampleTemplate_Files() {
	t, _ := templates.Named("hello")
	files, err := t.Files("shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range files {
		first, _, _ := strings.Cut(string(f.Data), "\n")
		fmt.Printf("%s: %s\n", f.Path, first)
	}
	// Output:
	// .gitignore: dist/
	// fortuna.toml: name = "shop"
	// index.js: export default {
}
