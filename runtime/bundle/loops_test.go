package bundle

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBundle_Loop(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "app.ts")
	source := `export default (x: any) => {
  x.before()
  if (x.a) while (true) {}
  for (const y of x.list) {
    y.inside()
  }
  do { x.n++ } while (x.n)
  x.after()
}
while (globalThis.never) {}
export function other() {
  JSON.stringify(1)
}
function third() { for (;;) {} }
export { third }
`
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Build(Options{Entry: file, Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]int{
		2:  3, // no loop yet: the next one is meant
		5:  5, // in a loop already
		7:  7,
		8:  8,  // no loop follows in this function
		12: 12, // nor in this one
	} {
		if got := b.Loop(Position{File: "app.ts", Line: at, Column: 6}); got.Line != want {
			t.Errorf("line %d: got line %d, want %d", at, got.Line, want)
		}
	}
	if got := b.Loop(Position{}); got.Line != 10 {
		t.Errorf("at top level: got line %d, want 10", got.Line)
	}
	if got := b.Loop(Position{File: "other.ts", Line: 1, Column: 1}); got.Line != 1 {
		t.Errorf("a file without loops: got %v", got)
	}
}
