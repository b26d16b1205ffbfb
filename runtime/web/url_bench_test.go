package web

import "testing"

func BenchmarkParseURL(b *testing.B) {
	for _, c := range []struct{ name, url string }{
		{"request", "http://127.0.0.1:8787/path?x=1"},
		{"encoded", "https://user:pw@Example.com/a b/../c?q=ä#f"},
		{"idna", "https://☃.example/"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseURL(c.url, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkURL_pathname(b *testing.B) {
	r, _ := newTestRealm(b)
	p, err := r.VM.RunString(`(url => new URL(url).pathname)`)
	if err != nil {
		b.Fatal(err)
	}
	var call func(string) string
	if err := r.VM.ExportTo(p, &call); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := call("http://127.0.0.1:8787/path?x=1"); got != "/path" {
			b.Fatal(got)
		}
	}
}
