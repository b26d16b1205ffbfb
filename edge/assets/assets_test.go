package assets_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/assets"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// site writes files and serves them; what they do not answer, "the app" does.
func site(t *testing.T, o assets.Options, files map[string]string) func(method, path string, fields ...string) (*http.Response, string) {
	t.Helper()
	a, err := assets.Open(directory(t, files), o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", Loops: 1, Handler: exchange.HandlerFunc(func(x exchange.Exchange) {
		if a.Serve(x) {
			return
		}
		x.Head(200, []exchange.Field{{Name: "Content-Type", Value: "text/plain"}})
		_ = x.Write([]byte("the app")) // fails only when the client is gone
		x.End()
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		a.Close()
	})
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
	t.Cleanup(client.CloseIdleConnections)
	return func(method, path string, fields ...string) (*http.Response, string) {
		t.Helper()
		q, err := http.NewRequest(method, "http://"+s.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		q.URL.Opaque = path
		for i := 0; i < len(fields); i += 2 {
			q.Header.Add(fields[i], fields[i+1])
		}
		r, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return r, string(body)
	}
}

func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var pages = map[string]string{
	"index.html": "home", "about.html": "about", "docs/index.html": "docs", "docs/a b.txt": "a b", "é.txt": "accent",
	"both.html": "page", "both/index.html": "folder", "data.json": "{}", "app.3f9a0c12.js": "1", "vendor-DkX3aQ9_.css": "2",
	"same": "plain", "same.html": "page", ".env": "secret", ".git/config": "secret", ".well-known/security.txt": "contact", "node_modules/x.js": "no", "%2e%2e": "odd",
}

func TestAssets_paths(t *testing.T) {
	get := site(t, assets.Options{}, pages)
	for path, want := range map[string]string{
		"/":                         "200 home",
		"/index.html":               "307 /",
		"/index":                    "307 /",
		"/index.html?a=b":           "307 /?a=b",
		"/about":                    "200 about",
		"/about.html":               "307 /about",
		"/about/":                   "307 /about",
		"/docs/":                    "200 docs",
		"/docs":                     "307 /docs/",
		"/docs?x":                   "307 /docs/?x",
		"/docs/index.html":          "307 /docs/",
		"/both":                     "200 page",
		"/both/":                    "200 folder",
		"/same":                     "200 plain",
		"/same.html":                "200 page",
		"/docs/a%20b.txt":           "200 a b",
		"/%C3%A9.txt":               "200 accent",
		"/%61bout":                  "200 about",
		"/data.json":                "200 {}",
		"/.well-known/security.txt": "200 contact",
		"/%252e%252e":               "200 odd",
		// All others are the app's.
		"/none":              "200 the app",
		"/.env":              "200 the app",
		"/.git/config":       "200 the app",
		"/node_modules/x.js": "200 the app",
		"/docs/../about":     "200 the app",
		"/docs/%2e%2e/about": "200 the app",
		"/docs%2findex.html": "200 the app",
		"/docs%2Findex.html": "200 the app",
		"/docs%5cindex.html": "200 the app",
		"/docs//":            "200 the app",
		"/data.json/":        "200 the app",
		"/ABOUT":             "200 the app",
	} {
		r, body := get("GET", path)
		got := fmt.Sprint(r.StatusCode, " ", body)
		if r.StatusCode == 307 {
			got = "307 " + r.Header.Get("Location")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if r, body := get("POST", "/about"); body != "the app" {
		t.Errorf("POST: %d %q", r.StatusCode, body)
	}
}

func TestAssets_header(t *testing.T) {
	get := site(t, assets.Options{}, pages)
	for path, want := range map[string][2]string{
		"/":                {"text/html; charset=utf-8", "public, max-age=0, must-revalidate"},
		"/app.3f9a0c12.js": {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/data.json":       {"application/json", "public, max-age=0, must-revalidate"},
	} {
		r, body := get("GET", path)
		if r.Header.Get("Content-Type") != want[0] || r.Header.Get("Cache-Control") != want[1] || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, r.Header)
		}
		head, nothing := get("HEAD", path)
		if nothing != "" || head.ContentLength != int64(len(body)) || head.Header.Get("ETag") != r.Header.Get("ETag") || r.Header.Get("ETag") == "" {
			t.Errorf("HEAD %s: %d %q %v", path, head.ContentLength, nothing, head.Header)
		}
	}
}

// Conditions and ranges have the precedence of RFC 9110 13.2.2, for files in memory and on the disk.
func TestAssets_conditional(t *testing.T) {
	for name, o := range map[string]assets.Options{"memory": {}, "disk": {MemoryBytes: 1}} {
		t.Run(name, func(t *testing.T) {
			get := site(t, o, map[string]string{"a.bin": "0123456789"})
			r, body := get("GET", "/a.bin")
			tag, date := r.Header.Get("ETag"), r.Header.Get("Last-Modified")
			if body != "0123456789" || tag == "" || date == "" || r.ContentLength != 10 {
				t.Fatalf("%q %v", body, r.Header)
			}
			const old, later = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
			for _, c := range []struct {
				fields []string
				want   string
			}{
				{[]string{"If-None-Match", tag}, "304 "},
				{[]string{"If-None-Match", "W/" + tag}, "304 "},
				{[]string{"If-None-Match", `"x", ` + tag}, "304 "},
				{[]string{"If-None-Match", "*"}, "304 "},
				{[]string{"If-None-Match", `"x"`}, "200 0123456789"},
				{[]string{"If-Modified-Since", date}, "304 "},
				{[]string{"If-Modified-Since", later}, "304 "},
				{[]string{"If-Modified-Since", old}, "200 0123456789"},
				{[]string{"If-Modified-Since", "nonsense"}, "200 0123456789"},
				{[]string{"If-None-Match", `"x"`, "If-Modified-Since", later}, "200 0123456789"},
				{[]string{"If-Match", tag}, "200 0123456789"},
				{[]string{"If-Match", `"x"`}, "412 "},
				{[]string{"If-Match", "W/" + tag}, "412 "},
				{[]string{"If-Unmodified-Since", old}, "412 "},
				{[]string{"If-Unmodified-Since", later}, "200 0123456789"},
				{[]string{"Range", "bytes=2-4"}, "206 234"},
				{[]string{"Range", "bytes=-3"}, "206 789"},
				{[]string{"Range", "bytes=7-"}, "206 789"},
				{[]string{"Range", "bytes=20-"}, "416 invalid range: failed to overlap\n"},
				{[]string{"Range", "lines=1-2"}, "416 invalid range\n"},
				{[]string{"Range", "bytes=2-4", "If-Range", tag}, "206 234"},
				{[]string{"Range", "bytes=2-4", "If-Range", `"x"`}, "200 0123456789"},
				{[]string{"Range", "bytes=2-4", "If-Range", date}, "206 234"},
			} {
				r, body := get("GET", "/a.bin", c.fields...)
				if got := fmt.Sprint(r.StatusCode, " ", body); got != c.want {
					t.Errorf("%q: got %q, want %q", c.fields, got, c.want)
				}
				if r.StatusCode == 304 && r.Header.Get("ETag") != tag {
					t.Errorf("%q: 304 without its tag: %v", c.fields, r.Header)
				}
			}
			r, body = get("GET", "/a.bin", "Range", "bytes=0-1,8-9")
			if r.StatusCode != 206 || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges") || !strings.Contains(body, "\r\n\r\n01\r\n") || !strings.Contains(body, "\r\n\r\n89\r\n") {
				t.Errorf("two ranges: %d %v %q", r.StatusCode, r.Header, body)
			}
			for n, want := range map[int]int{16: 206, 17: 200, 1500: 200} {
				r, body := get("GET", "/a.bin", "Range", "bytes="+strings.Repeat("20-,", n-1)+"3-3")
				if r.StatusCode != want || want == 200 && body != "0123456789" {
					t.Errorf("%d ranges: %d %q", n, r.StatusCode, body)
				}
			}
		})
	}
}

// A large file comes from the disk whole, with its length; one that changes meanwhile is as it is then.
func TestAssets_large(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<18)
	dir := directory(t, map[string]string{"large.bin": large})
	a, err := assets.Open(dir, assets.Options{MemoryOfFile: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s, err := edge.Listen(edge.Config{Addr: "127.0.0.1:0", Loops: 1, Handler: exchange.HandlerFunc(func(x exchange.Exchange) { a.Serve(x) })})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, want := range []string{large, large[:1<<20]} {
		if err := os.WriteFile(filepath.Join(dir, "large.bin"), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := http.Get("http://" + s.Addr().String() + "/large.bin")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(body) != want || r.ContentLength != int64(len(want)) {
			t.Errorf("got %d bytes, length %d, %v", len(body), r.ContentLength, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "large.bin")); err != nil {
		t.Fatal(err)
	}
	r, err := http.Get("http://" + s.Addr().String() + "/large.bin")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 404 {
		t.Errorf("removed: %d", r.StatusCode)
	}
}

func TestAssets_encoded(t *testing.T) {
	text := strings.Repeat("body { color: red }\n", 200)
	get := site(t, assets.Options{}, map[string]string{"a.css": text, "b.js": text, "b.js.br": "as brotli", "b.js.gz": "as gzip", "c.png": text, "d.txt": "short"})
	for deadline := time.Now().Add(20 * time.Second); ; {
		if r, _ := get("GET", "/a.css", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") == "gzip" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is never encoded")
		}
	}
	plain, body := get("GET", "/a.css")
	if body != text || plain.Header.Get("Vary") != "Accept-Encoding" || plain.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d bytes, %v", len(body), plain.Header)
	}
	packed, body := get("GET", "/a.css", "Accept-Encoding", "gzip")
	if len(body) > len(text)/4 || packed.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Errorf("%d bytes, %v", len(body), packed.Header)
	}
	if r, _ := get("GET", "/a.css", "Accept-Encoding", "gzip", "If-None-Match", packed.Header.Get("ETag")); r.StatusCode != 304 {
		t.Errorf("the same again: %d", r.StatusCode)
	}
	if r, body := get("GET", "/b.js", "Accept-Encoding", "gzip, br"); body != "as brotli" || r.Header.Get("Content-Encoding") != "br" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/javascript") {
		t.Errorf("%q %v", body, r.Header)
	}
	if _, body := get("GET", "/b.js", "Accept-Encoding", "gzip, br;q=0"); body != "as gzip" {
		t.Errorf("%q", body)
	}
	for _, path := range []string{"/c.png", "/d.txt"} {
		if r, _ := get("GET", path, "Accept-Encoding", "gzip, br, zstd"); r.Header.Get("Content-Encoding") != "" || r.Header.Get("Vary") != "" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
}

func TestAssets_notFound(t *testing.T) {
	get := site(t, assets.Options{SPA: true, NotFound: "404.html", AppFirst: []string{"/app", "/api/*"}}, map[string]string{"index.html": "home", "404.html": "nothing here"})
	if r, body := get("GET", "/deep/link", "Sec-Fetch-Mode", "navigate"); r.StatusCode != 200 || body != "home" {
		t.Errorf("a page: %d %q", r.StatusCode, body)
	}
	if r, body := get("GET", "/deep/link", "Accept", "text/html,*/*"); r.StatusCode != 200 || body != "home" {
		t.Errorf("a page: %d %q", r.StatusCode, body)
	}
	if r, body := get("GET", "/deep/link.js", "Sec-Fetch-Mode", "cors"); r.StatusCode != 404 || body != "nothing here" {
		t.Errorf("a script: %d %q", r.StatusCode, body)
	}
	for _, path := range []string{"/app", "/api/users/7"} {
		if r, body := get("GET", path, "Sec-Fetch-Mode", "navigate"); body != "the app" {
			t.Errorf("the app: %d %q", r.StatusCode, body)
		}
	}
}

func TestAssets_rules(t *testing.T) {
	get := site(t, assets.Options{Headers: map[string][]string{"/blog/*": {"X-Config: yes"}}, Redirects: []string{"/toml /new 307"}}, map[string]string{
		"index.html": "home", "new.html": "new", "blog/x.html": "x",
		"_headers": `
# for all
/*
  X-Frame-Options: DENY
  X-Two: one
/blog/:post
  X-Post: :post
  X-Two: two
  ! X-Content-Type-Options
/new
  Cache-Control: no-store
`,
		"_redirects": `
/old /new 301
/old /other
/home /          # the rest is not part of it
/posts/:id/:name /blog/:name?id=:id 302
/ext/* https://example.com/:splat 308
/rewrite /new 200
/asked/:what /new?what=:what 200
/up/* /:splat
`,
	})
	for path, want := range map[string]string{
		"/toml": "307 /new", "/old": "301 /new", "/old?q": "301 /new?q", "/posts/7/x": "302 /blog/x?id=7", "/ext/a/b": "308 https://example.com/a/b",
		"/ext/%0d%0aSet-Cookie:x": "308 https://example.com/%0D%0ASet-Cookie:x", "/rewrite": "200 ", "/asked/it": "200 ", "/up//evil.example": "302 /evil.example",
		"/_headers": "200 ", "/_redirects": "200 ",
	} {
		r, body := get("GET", path)
		if got := fmt.Sprint(r.StatusCode, " ", r.Header.Get("Location")); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
		if (path == "/rewrite" || path == "/asked/it") && body != "new" || path[1] == '_' && body != "the app" {
			t.Errorf("%s: %q", path, body)
		}
	}
	if r, _ := get("GET", "/blog/x"); r.Header.Get("X-Post") != "x" || r.Header.Get("X-Config") != "yes" || r.Header.Get("X-Two") != "one, two" || r.Header.Get("X-Content-Type-Options") != "" || r.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v", r.Header)
	}
	if r, _ := get("GET", "/new"); strings.Join(r.Header.Values("Cache-Control"), "|") != "no-store" {
		t.Errorf("%v", r.Header)
	}
}

// What cannot be served as it is meant is refused, with its place.
func TestOpen_refused(t *testing.T) {
	for want, c := range map[string]struct {
		o     assets.Options
		files map[string]string
	}{
		"_redirects:2: the status must be": {assets.Options{}, map[string]string{"_redirects": "/a /b\n/c /d 404\n"}},
		"_redirects:1: a redirect is":      {assets.Options{}, map[string]string{"_redirects": "/a\n"}},
		"a path has one":                   {assets.Options{}, map[string]string{"_redirects": "/*/* /b\n"}},
		"a path begins with":               {assets.Options{}, map[string]string{"_headers": "https://x.example/*\n  A: b\n"}},
		"the place must begin":             {assets.Options{}, map[string]string{"_redirects": "/a //evil.example\n"}},
		"stays on this site":               {assets.Options{}, map[string]string{"_redirects": "/a https://x.example 200\n"}},
		"_headers:1: a field without":      {assets.Options{}, map[string]string{"_headers": "  A: b\n"}},
		"_headers has more than":           {assets.Options{}, map[string]string{"_headers": strings.Repeat("# nothing\n", 1<<17)}},
		"_headers:3: content-length is":    {assets.Options{}, map[string]string{"_headers": "/\n  A: b\n  content-length: 5\n"}},
		"_headers:2: Connection is":        {assets.Options{}, map[string]string{"_headers": "/\n  Connection: close\n"}},
		"_headers:2: etag is":              {assets.Options{}, map[string]string{"_headers": "/\n  etag: x\n"}},
		"_headers:2: what takes a field":   {assets.Options{}, map[string]string{"_headers": "/\n  ! A b\n"}},
		"_redirects:1: the place has":      {assets.Options{}, map[string]string{"_redirects": "/a /b\x01\n"}},
		"_headers:2: a field is":           {assets.Options{}, map[string]string{"_headers": "/\n  A b: c\n"}},
		"no index.html":                    {assets.Options{SPA: true}, map[string]string{"a.html": ""}},
		"not_found names":                  {assets.Options{NotFound: "404.html"}, map[string]string{"a.html": ""}},
		"more than 1 files":                {assets.Options{FilesMax: 1}, map[string]string{"a.html": "", "b.html": ""}},
	} {
		a, err := assets.Open(directory(t, c.files), c.o)
		if err == nil {
			a.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := assets.Open(filepath.Join(t.TempDir(), "none"), assets.Options{}); err == nil {
		t.Error("a directory that is not there is opened")
	}
	// Nothing outside of the directory is served, also not by a link.
	dir := directory(t, map[string]string{"a.txt": "a"})
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	a, err := assets.Open(dir, assets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if n, _ := a.Count(); n != 1 {
		t.Errorf("%d files are served", n)
	}
}
