package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestReadKeys(t *testing.T) {
	for typed, want := range map[string][]key{
		"k2":        {{'k', 0}, {'k', 2}},
		"k\n2\n":    {{'k', 0}, {'k', 2}},
		"s1r":       {{'s', 0}, {'s', 1}, {'r', 0}},
		"ks3":       {{'k', 0}, {'s', 0}, {'s', 3}},
		"k12":       {{'k', 0}, {'k', 1}, {'2', 0}},
		"r1":        {{'r', 0}, {'1', 0}},
		" \t\r\n":   nil,
		"k0":        {{'k', 0}, {'0', 0}},
		"\x1b[A":    {{'\x1b', 0}, {'[', 0}, {'A', 0}},
		"kx2\x00\n": {{'k', 0}, {'x', 0}, {'2', 0}, {0, 0}},
	} {
		keys := make(chan key)
		go func() {
			readKeys(strings.NewReader(typed), keys)
			close(keys)
		}()
		var got []key
		for k := range keys {
			got = append(got, k)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", typed, got, want)
		}
	}
}
