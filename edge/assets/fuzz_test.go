package assets

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// Rules are read or refused, and what they send elsewhere never becomes another host, whatever path is asked.
func FuzzRedirects(f *testing.F) {
	f.Add("/a /b 301", "/a")
	f.Add("/a/* /:splat", "/a//evil.example")
	f.Add("/:x/:y /:y/:x 302", "/\\evil/b")
	f.Add("/* /x?y=:splat#z 308", "/\r\nSet-Cookie: a")
	f.Fuzz(func(t *testing.T, rule, path string) {
		var r redirects
		if r.parse(rule, false) != nil {
			return
		}
		decoded, ok := decode(path)
		if !ok {
			return
		}
		m, ok := r.match(decoded)
		if !ok {
			return
		}
		local := !strings.HasPrefix(strings.Fields(rule)[1], "http")
		if local && (!strings.HasPrefix(m.to, "/") || strings.HasPrefix(m.to, "//")) || strings.ContainsAny(m.to, "\r\n\x00") {
			t.Errorf("%q sends %q to %q", rule, path, m.to)
		}
	})
}

// A field of a rule is one line, and is added to what there is.
func FuzzHeaders(f *testing.F) {
	f.Add("/x/*", "X-A: :splat", "/x/y")
	f.Add("/:a", "! Content-Type", "/b")
	f.Fuzz(func(t *testing.T, path, field, asked string) {
		var h headerRules
		if strings.ContainsAny(path+field, "\n") || strings.TrimSpace(path) == "" || h.parse(strings.TrimSpace(path), false) != nil {
			return
		}
		if line := strings.TrimSpace(field); line == "" || h.parse(line, true) != nil {
			return
		}
		for _, got := range h.apply(asked, nil) {
			if !fieldName.MatchString(got.Name) || strings.ContainsAny(got.Value, "\x00") {
				t.Errorf("%q: field %+v", field, got)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"/a%20b", "/%2e%2e/x", "/%2f", "/%5c", "/%", "/%zz", "//a", "/a%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, ok := decode(path)
		if !ok {
			return
		}
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00") || strings.Count(p, "/") != strings.Count(path, "/") {
			t.Errorf("%q is %q", path, p)
		}
		if again, ok := decode(escape(p)); !ok || strings.TrimLeft(again, "/") != strings.TrimLeft(p, "/") {
			t.Errorf("%q is %q, and as a place %q", path, p, again)
		}
	})
}

// Whatever ranges are asked for, the answer is a part of the file, several of them, all of it or a refusal, and never much
// larger than the file.
func FuzzRange(f *testing.F) {
	const content = "0123456789abcdef"
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.bin"), []byte(content), 0o644); err != nil {
		f.Fatal(err)
	}
	a, err := Open(dir, Options{})
	if err != nil {
		f.Fatal(err)
	}
	s, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", Loops: 1, Handler: exchange.HandlerFunc(func(x exchange.Exchange) { a.Serve(x) })})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		a.Close()
	})
	for _, seed := range []string{"bytes=0-3", "bytes=-4", "bytes=4-", "bytes=0-0,2-2,-1", "bytes=9-1", "bytes=99999999999999999999-", strings.Repeat("bytes=0-0,", 20), "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		if len(asked) > 4<<10 || strings.ContainsFunc(asked, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return // no value of a field
		}
		q, err := http.NewRequest("GET", "http://"+s.Addr().String()+"/a.bin", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Range", asked)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		several := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges")
		switch {
		case r.StatusCode == 200 && string(body) == content:
		case r.StatusCode == 206 && several && len(body) <= len(content)+(rangesMax+1)*256:
		case r.StatusCode == 206 && !several && strings.Contains(content, string(body)):
		case r.StatusCode == 416:
		default:
			t.Errorf("%q: %d %q", asked, r.StatusCode, body)
		}
	})
}
