package bundle_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/runtime/bundle"
)

func ExampleBuild() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	entry := filepath.Join(dir, "index.ts")

	write := func(code string) (*bundle.Bundle, error) {
		if err := os.WriteFile(entry, []byte(code), 0o644); err != nil {
			return nil, err
		}
		return bundle.Build(bundle.Options{Root: dir, Entry: "index.ts"})
	}

	b, err := write(`export default (name: string): string => "hello " + name`)
	if err != nil {
		fmt.Println(err)
		return
	}
	vm := goja.New()
	bundle.Unguarded(vm)
	exports, err := vm.RunProgram(b.Program)
	if err != nil {
		fmt.Println(err)
		return
	}
	greet, _ := goja.AssertFunction(exports.ToObject(vm).Get("default"))
	fmt.Println(greet(goja.Undefined(), vm.ToValue("world")))

	_, err = write("const a = 1\nexport default a b")
	fmt.Println(err)
	// Output:
	// hello world <nil>
	// index.ts:2:18: Expected ";" but found "b"
}
