package compress

import (
	"slices"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	for _, tt := range []struct {
		accept string
		want   Coding
	}{
		{"", Identity},
		{"gzip", Gzip},
		{"GZIP", Gzip},
		{"x-gzip", Gzip},
		{"gzip, deflate, br, zstd", Brotli},
		{"gzip, deflate, zstd", Zstd},
		{"br;q=0.5, gzip;q=0.8", Gzip},
		{"br;q=0.5,gzip;q=0.5", Brotli},
		{" gzip ; q=0.001 ", Gzip},
		{"gzip;q=0", Identity},
		{"gzip;q=0.000", Identity},
		{"*", Brotli},
		{"*;q=0.1", Brotli},
		{"br;q=0, *", Zstd},
		{"*;q=0", Identity},
		{"identity", Identity},
		{"identity, gzip;q=0.5", Identity},
		{"identity;q=0.5, gzip", Gzip},
		{"identity;q=0, gzip;q=0.1", Gzip},
		{"gzip;q=0.5", Gzip},
		{"deflate", Identity},
		{"gzip;q=2", Identity},
		{"gzip;q=1.001", Identity},
		{"gzip;q=1.0000", Identity},
		{"gzip;q=-1", Identity},
		{"gzip;q=", Identity},
		{"gzip;level=9", Identity},
		{",,gzip,", Gzip},
		{strings.Repeat("a,", 10_000) + "gzip", Identity},
	} {
		if got := Negotiate(tt.accept, Codings); got != tt.want {
			t.Errorf("%.60q: got %q, want %q", tt.accept, got, tt.want)
		}
	}
	if got := Negotiate("br, gzip", []Coding{Gzip}); got != Gzip {
		t.Errorf("with gzip only: got %q", got)
	}
	if got := Negotiate("br", nil); got != Identity {
		t.Errorf("with nothing offered: got %q", got)
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{"gzip", "br;q=0.5, *;q=0", "identity;q=0,gzip;q=1.000", ";q=,=;", "*;Q=0.999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got := Negotiate(accept, Codings)
		if got == Identity {
			return
		}
		if !slices.Contains(Codings, got) {
			t.Fatalf("got %q, which was not offered", got)
		}
		lower := strings.ToLower(accept)
		if !strings.Contains(lower, string(got)) && !strings.Contains(accept, "*") {
			t.Fatalf("%q does not name %s", accept, got)
		}
		// Adding what is refused outright changes nothing for what was chosen, unless it is that.
		if len(strings.Split(accept, ",")) < acceptMax && Negotiate(accept+",deflate;q=0", Codings) != got {
			t.Fatalf("%q: a refusal of something else changes the choice of %s", accept, got)
		}
	})
}
