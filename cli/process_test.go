package cli

import "testing"

func TestColoured(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        bool
	}{
		{"TERM", "xterm-256color", true}, {"TERM", "dumb", false}, {"NO_COLOR", "1", false}, {"CI", "1", false}, {"CI", "", true},
	} {
		getenv := func(name string) string {
			if name == row.name {
				return row.value
			}
			return ""
		}
		if got := coloured(getenv); got != row.want {
			t.Errorf("%s=%s: got %t", row.name, row.value, got)
		}
	}
}
