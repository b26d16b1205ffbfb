package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goja folds constant BigInt expressions when it compiles: some would take hours and all memory.
func TestBuild_constantBigInts(t *testing.T) {
	for source, refused := range map[string]bool{
		`export default 1n << 60000000000n`:               true,
		`export default 3n ** 90000000n`:                  true,
		`export default 9n ** (9n ** 9n)`:                 true,
		`export default 1n << (0xFFFFFFFFn)`:              true,
		`let x = 1n; x <<= 4000000000n; export default x`: true,
		`export default 9n ** (9999n * 9999n)`:            true,
		`export default 2n ** 64n - 1n`:                   false,
		`export default (1n << 256n) * 2n + 3n`:           false,
		`export default "2n ** 90000000n"`:                false,
		`export default 2 ** 90000000`:                    false,
		`export default 5n * (6n + 7n)`:                   false,
	} {
		file := filepath.Join(t.TempDir(), "a.js")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Build(Options{Entry: file, Root: filepath.Dir(file)})
		switch {
		case refused && (err == nil || !strings.Contains(err.Error(), "BigInt")):
			t.Errorf("%s: got %v, want it refused", source, err)
		case !refused && err != nil:
			t.Errorf("%s: %v", source, err)
		}
	}
}
