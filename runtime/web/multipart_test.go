package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// shown is a form as text: name=value, or name=filename(type)content for a file.
func shown(f *formData) string {
	var b strings.Builder
	for _, e := range f.entries {
		if e.file == nil {
			fmt.Fprintf(&b, "%q=%q;", e.name, e.text)
		} else {
			fmt.Fprintf(&b, "%q=%q(%s)%q;", e.name, e.file.name, e.file.typ, e.file.data)
		}
	}
	return b.String()
}

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

const disposition = "Content-Disposition: form-data; name="

func TestParseForm(t *testing.T) {
	const b = "multipart/form-data; boundary=b"
	for name, c := range map[string]struct{ typ, body, want string }{
		"urlencoded":             {"application/x-www-form-urlencoded;charset=utf-8", "a=1&b=%20+", `"a"="1";"b"="  ";`},
		"field":                  {b, "--b\n" + disposition + "\"a\"\n\n1\n--b--\n", `"a"="1";`},
		"no final line end":      {b, "--b\n" + disposition + "\"a\"\n\n1\n--b--", `"a"="1";`},
		"empty value":            {b, "--b\n" + disposition + "\"a\"\n\n\n--b--\n", `"a"="";`},
		"no parts":               {b, "--b--\n", ``},
		"preamble, epilogue":     {b, "hello\n--b\n" + disposition + "\"a\"\n\n1\n--b--\nbye", `"a"="1";`},
		"padding":                {b, "--b \t\n" + disposition + "\"a\"\n\n1\n--b-- \n", `"a"="1";`},
		"bare name":              {b, "--b\n" + disposition + "a\n\n1\n--b--\n", `"a"="1";`},
		"upper case":             {"Multipart/Form-Data; Boundary=\"b\"", "--b\nCONTENT-DISPOSITION: FORM-DATA; NAME=\"a\"\n\n1\n--b--\n", `"a"="1";`},
		"content like boundary":  {b, "--b\n" + disposition + "\"a\"\n\n1\n--bc\n--b--\n", `"a"="1\r\n--bc";`},
		"file":                   {b, "--b\n" + disposition + "\"a\"; filename=\"x.png\"\nContent-Type: image/png\n\n\x00\xff\n--b--\n", `"a"="x.png"(image/png)"\x00\xff";`},
		"file without type":      {b, "--b\n" + disposition + "\"a\"; filename=\"\"\n\nx\n--b--\n", `"a"=""(text/plain)"x";`},
		"type without file":      {b, "--b\n" + disposition + "\"a\"\nContent-Type: text/html\n\nx\n--b--\n", `"a"="x";`},
		"browser's escapes":      {b, "--b\n" + disposition + "\"%22%0D%0a%41\"; filename=\"C:\\\\d\\f\\\"\n\nx\n--b--\n", `"\"\r\n%41"="C:\\\\d\\f\\"(text/plain)"x";`},
		"curl's escapes":         {b, "--b\n" + disposition + "\"a\"; filename=\"x\\\"y.txt\"\n\nx\n--b--\n", `"a"="x\"y.txt"(text/plain)"x";`},
		"name ends in backslash": {b, "--b\n" + disposition + "\"a\\\"; filename=\"f\"\n\nx\n--b--\n", `"a\\"="f"(text/plain)"x";`},
		"extended file name":     {b, "--b\n" + disposition + "\"a\"; filename=\"e.txt\"; filename*=UTF-8''%e2%82%ac.txt\n\nx\n--b--\n", `"a"="€.txt"(text/plain)"x";`},
		"semicolon in name":      {b, "--b\n" + disposition + "\"a;b\"; filename=\"c; name=d\"\n\nx\n--b--\n", `"a;b"="c; name=d"(text/plain)"x";`},
		"not UTF-8":              {b, "--b\n" + disposition + "\"\xff\"\n\n\xff\n--b--\n", `"�"="�";`},
		"odd boundary":           {"multipart/form-data; boundary=a/b:c=d", "--a/b:c=d\n" + disposition + "\"a\"\n\n1\n--a/b:c=d--\n", `"a"="1";`},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := parseForm(c.typ, crlf(c.body))
			if err != nil || shown(f) != c.want {
				t.Errorf("got %v, %v, want %s", f, err, c.want)
			}
		})
	}
}

func TestParseForm_refuses(t *testing.T) {
	const b = "multipart/form-data; boundary=b"
	long := strings.Repeat("x", partHeaderBytesMax)
	for name, c := range map[string]struct{ typ, body, want string }{
		"no type":            {"", "", "no Content-Type"},
		"another type":       {"text/plain", "", "not a form"},
		"no boundary":        {"multipart/form-data", "", "needs a boundary"},
		"empty body":         {b, "", "no line with the boundary"},
		"other boundary":     {b, "--c--\n", "no line with the boundary"},
		"truncated":          {b, "--b\n" + disposition + "\"a\"\n\n1", "ends before the line"},
		"no header":          {b, "--b\n\n1\n--b--\n", "no Content-Disposition"},
		"no name":            {b, "--b\nContent-Disposition: form-data\n\n1\n--b--\n", "with a name"},
		"attachment":         {b, "--b\nContent-Disposition: attachment; name=\"a\"\n\n1\n--b--\n", "must be form-data"},
		"header without end": {b, "--b\n" + disposition + "\"a\"\n--b--\n", "header has no end"},
		"no colon":           {b, "--b\nx\n" + disposition + "\"a\"\n\n1\n--b--\n", "without a colon"},
		"long header":        {b, "--b\nX: " + long + "\n\n1\n--b--\n", "larger than 8192 bytes"},
		"many parts":         {b, strings.Repeat("--b\n"+disposition+"\"a\"\n\n1\n", partsMax+1) + "--b--", "more than 1000 parts"},
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := parseForm(c.typ, crlf(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want an error with %q", f, err, c.want)
			}
		})
	}
}

func TestEncodeMultipart(t *testing.T) {
	f := &formData{entries: []formEntry{
		{name: "a\nb\"\r", text: "1\r\n2\r3\n"},
		{name: "f", file: &blob{data: []byte("\n"), isFile: true, name: "n\"\n"}},
	}}
	body, typ := encodeMultipart(f)
	boundary := strings.TrimPrefix(typ, "multipart/form-data; boundary=")
	want := strings.ReplaceAll("--B\r\n"+disposition+"\"a%0D%0Ab%22%0D%0A\"\r\n\r\n1\r\n2\r\n3\r\n\r\n"+
		"--B\r\n"+disposition+"\"f\"; filename=\"n%22%0A\"\r\nContent-Type: application/octet-stream\r\n\r\n\n\r\n--B--\r\n", "B", boundary)
	if string(body) != want {
		t.Errorf("got %q\nwant %q", body, want)
	}
}

// FuzzMultipart: no input panics; what is parsed, encoded and parsed again stays the same; and what mime/multipart
// writes is read as it was meant.
// ending is a quote that looks like the end of a name when it is escaped by a backslash.
var ending = regexp.MustCompile(`"[ \t]*(;|$)`)

func FuzzMultipart(f *testing.F) {
	f.Add("\";", []byte("0"))
	f.Add("b", crlf("--b\n"+disposition+"\"a\"\n\n1\n--b\n"+disposition+"\"f\"; filename=\"x\\\"y\"\nContent-Type: a/b\n\n\n--b--\n"))
	f.Add("b", crlf("--b--"))
	f.Add("", []byte("--"))
	f.Fuzz(func(t *testing.T, boundary string, body []byte) {
		if form, err := parseForm("multipart/form-data; boundary="+boundary, body); err == nil {
			once, typ := encodeMultipart(form)
			second, err := parseForm(typ, once)
			if err != nil {
				t.Fatalf("parse what was encoded from %s: %v", shown(form), err)
			}
			twice, typ := encodeMultipart(second)
			third, err := parseForm(typ, twice)
			if err != nil || shown(second) != shown(third) || len(second.entries) != len(form.entries) {
				t.Fatalf("%s became %s, then %s (%v)", shown(form), shown(second), shown(third), err)
			}
		}

		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		field, content := crlfLines.Replace(decodeUTF8([]byte(boundary))), body
		if strings.ContainsAny(field, "\\%") || strings.ContainsFunc(field, func(c rune) bool { return unicode.IsControl(c) && c != '\r' && c != '\n' }) {
			return // mime/multipart escapes a backslash, which browsers do not, and refuses to read control characters it wrote
		}
		if len(field) > 2000 {
			return // escaped three times as long, in two names, its header would be over the limit
		}
		if ending.MatchString(field) {
			return // of \"; nobody can tell whether a browser's backslash ends there or old curl's quote does not
		}
		part, err := w.CreateFormFile(field, field)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.WriteField(field, string(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		ours, err := parseForm(w.FormDataContentType(), b.Bytes())
		if err != nil {
			t.Fatalf("parse what mime/multipart wrote: %v\n%q", err, b.Bytes())
		}
		theirs := multipart.NewReader(&b, w.Boundary())
		file, err := theirs.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		e := ours.entries
		if len(e) != 2 || e[0].file == nil || !slices.Equal(e[0].file.data, data) || e[1].text != decodeUTF8(content) || e[0].name != field || e[1].name != field {
			t.Fatalf("mime/multipart wrote %q, got %s", field, shown(ours))
		}
	})
}
