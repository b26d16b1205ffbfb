package runtime

import "testing"

func TestVisible(t *testing.T) {
	for source, want := range map[string]int{
		`fetch() { return 1 }`:                        0,
		`async fetch ( ) {}`:                          0,
		`function () {}`:                              0,
		`function named(a) {}`:                        1,
		`() => x`:                                     0,
		`async (request, env) => x`:                   2,
		`request => (a, b, c)`:                        1,
		`async request => x`:                          1,
		`fetch(request, env, ctx) {}`:                 3,
		`fetch(request, env, ) {}`:                    3, // at least
		`fetch(...all) {}`:                            3,
		`fetch(a = 1) {}`:                             3,
		`fetch({ url }) {}`:                           3,
		`fetch(/* none */) {}`:                        3,
		`fetch() { return arguments[2] }`:             3,
		`function () { [native code] }`:               3,
		`["fetch"]() {}`:                              3,
		`class { static x(a) {} }`:                    3,
		"function fetch() { return () => arguments }": 3,
	} {
		if got := visible(source); got != want {
			t.Errorf("%s: got %d, want %d", source, got, want)
		}
	}
}
