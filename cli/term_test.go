package cli

import "testing"

func TestStream_printable(t *testing.T) {
	for _, tt := range []struct{ name, in, plain, colour string }{
		{"plain", "a\tb\n", "a\tb\n", "a\tb\n"},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`, "\x1b[31mred\x1b[0m\x1b[0m"},
		{"title", "\x1b]0;owned\x07", `\x1b]0;owned\x07`, `\x1b]0;owned\x07` + "\x1b[0m"},
		{"clear", "\x1b[2J", `\x1b[2J`, `\x1b[2J` + "\x1b[0m"},
		{"cut", "\x1b[3", `\x1b[3`, `\x1b[3` + "\x1b[0m"},
		{"return", "safe\rowned", `safe\x0downed`, `safe\x0downed` + "\x1b[0m"},
		{"C1", "\u009b2J", `\x9b2J`, `\x9b2J` + "\x1b[0m"},
		{"right to left", "a\u202eb", `a\x202eb`, `a\x202eb` + "\x1b[0m"},
		{"no UTF-8", "a\xffb", `a\xfffdb`, `a\xfffdb` + "\x1b[0m"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (stream{}).printable(tt.in); got != tt.plain {
				t.Errorf("plain: got %q, want %q", got, tt.plain)
			}
			if got := (stream{colour: true}).printable(tt.in); got != tt.colour {
				t.Errorf("colour: got %q, want %q", got, tt.colour)
			}
		})
	}
}
