package web

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Limits of a form that came over the network; the size of the whole is the limit of the body.
const (
	partsMax           = 1000    // what browsers and curl send has tens
	partHeaderBytesMax = 8 << 10 // as a header line of a request
	boundaryBytesMax   = 70      // RFC 2046 5.1.1
)

// parseForm reads a form from a body of the given Content-Type, multipart/form-data or
// application/x-www-form-urlencoded (Fetch 5.3, "formData"). Files share the memory of body.
func parseForm(contentType string, body []byte) (*formData, error) {
	essence, params := parseMediaType(contentType)
	switch essence {
	case "application/x-www-form-urlencoded":
		f := &formData{}
		if n := bytes.Count(body, []byte("&")); n >= pairsMax {
			return nil, fmt.Errorf("the form has more than %d fields", pairsMax)
		}
		for _, p := range parseQuery(string(body)) {
			f.add(formEntry{name: p.name, text: p.value})
		}
		return f, nil
	case "multipart/form-data":
		boundary := params["boundary"]
		if boundary == "" || len(boundary) > boundaryBytesMax {
			return nil, fmt.Errorf("multipart/form-data needs a boundary of 1 to %d bytes, got Content-Type %q", boundaryBytesMax, contentType)
		}
		return parseMultipart(boundary, body)
	case "":
		return nil, errors.New("the body has no Content-Type; a form is multipart/form-data or application/x-www-form-urlencoded")
	}
	return nil, fmt.Errorf("the body is %q, not a form: multipart/form-data or application/x-www-form-urlencoded", essence)
}

// parseMultipart reads the parts between lines of "--" and boundary (RFC 7578, RFC 2046 5.1). What comes before the
// first line or after the last is ignored, as is white space at the end of such a line.
func parseMultipart(boundary string, body []byte) (*formData, error) {
	f := &formData{}
	delimiter := []byte("\r\n--" + boundary)
	rest, last, ok := body, false, false
	if after, at := bytes.CutPrefix(body, delimiter[2:]); at {
		rest, last, ok = delimited(after)
	}
	if !ok {
		if _, rest, last, ok = cutPart(body, delimiter); !ok {
			return nil, fmt.Errorf("the body has no line with the boundary %q", boundary)
		}
	}
	for !last {
		var part []byte
		if part, rest, last, ok = cutPart(rest, delimiter); !ok {
			return nil, fmt.Errorf("the body ends before the line that closes it, %q", "--"+boundary+"--")
		}
		if len(f.entries) == partsMax {
			return nil, fmt.Errorf("the form has more than %d parts", partsMax)
		}
		e, err := parsePart(part)
		if err != nil {
			return nil, fmt.Errorf("part %d of the form: %w", len(f.entries)+1, err)
		}
		f.add(e)
	}
	return f, nil
}

// cutPart returns what is before and after the next delimiter that is a line of its own.
func cutPart(b, delimiter []byte) (part, rest []byte, last, ok bool) {
	for from := 0; ; {
		i := bytes.Index(b[from:], delimiter)
		if i < 0 {
			return nil, nil, false, false
		}
		end := from + i
		if rest, last, ok = delimited(b[end+len(delimiter):]); ok {
			return b[:end:end], rest, last, true
		}
		from = end + len(delimiter)
	}
}

// delimited looks at what follows a boundary: "--" closes the form, the end of the line begins a part, and anything
// else is content that only looks like a boundary. The line's CRLF stays in rest: it delimits a part that is empty.
func delimited(after []byte) (rest []byte, last, ok bool) {
	if bytes.HasPrefix(after, []byte("--")) {
		return nil, true, true
	}
	rest = bytes.TrimLeft(after, " \t")
	return rest, false, bytes.HasPrefix(rest, []byte("\r\n"))
}

// parsePart reads a part: CRLF, header lines each after its CRLF, an empty line, content.
func parsePart(part []byte) (e formEntry, err error) {
	head, content, ok := bytes.Cut(part, []byte("\r\n\r\n"))
	if !ok {
		return e, errors.New("its header has no end")
	}
	if len(head) > partHeaderBytesMax {
		return e, fmt.Errorf("its header is larger than %d bytes", partHeaderBytesMax)
	}
	var params map[string]string
	typ, named := "text/plain", false
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok && line != "" {
			return e, fmt.Errorf("its header has the line %q without a colon", line)
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-disposition":
			essence, p := parseDisposition(value)
			if essence != "form-data" {
				return e, fmt.Errorf("its Content-Disposition must be form-data, got %q", essence)
			}
			params = p
			e.name, named = params["name"]
		case "content-type":
			typ = strings.Trim(value, " \t")
		}
	}
	if !named {
		return e, errors.New("it has no Content-Disposition: form-data with a name")
	}
	e.name = decodeUTF8([]byte(e.name))
	filename, isFile := params["filename"]
	if extended, ok := decodeExtended(params["filename*"]); ok {
		filename, isFile = extended, true
	}
	if isFile {
		e.file = &blob{data: content, typ: blobType(typ), isFile: true, name: decodeUTF8([]byte(filename)), modified: now()}
	} else {
		e.text = decodeUTF8(content)
	}
	return e, nil
}

// parseMediaType reads a MIME type (MIME Sniffing 4.4): its essence in lower case, and its parameters by lower-case
// name, the first of each.
func parseMediaType(s string) (essence string, params map[string]string) {
	return parseParams(s, unquoteString)
}

// parseDisposition reads the value of Content-Disposition in a form.
func parseDisposition(s string) (essence string, params map[string]string) {
	return parseParams(s, unquoteName)
}

func parseParams(s string, unquote func(s string) (value, rest string)) (essence string, params map[string]string) {
	essence, rest, _ := strings.Cut(s, ";")
	essence = strings.ToLower(strings.Trim(essence, " \t\r\n"))
	params = map[string]string{}
	for rest != "" {
		rest = strings.TrimLeft(rest, " \t\r\n;")
		i := strings.IndexAny(rest, "=;")
		if i < 0 {
			break
		}
		name := strings.ToLower(strings.TrimRight(rest[:i], " \t\r\n"))
		if rest = rest[i:]; rest[0] == ';' {
			continue
		}
		var value string
		if rest = strings.TrimLeft(rest[1:], " \t"); strings.HasPrefix(rest, `"`) {
			value, rest = unquote(rest[1:])
			_, rest, _ = strings.Cut(rest, ";")
		} else {
			value, rest, _ = strings.Cut(rest, ";")
			value = strings.TrimRight(value, " \t\r\n")
		}
		if _, seen := params[name]; !seen && name != "" {
			params[name] = value
		}
	}
	return essence, params
}

// unquoteString reads a quoted-string (RFC 9110 5.6.4) after its first quote.
func unquoteString(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// unquoteName reads a name or a file name after its first quote. Browsers write a quote as %22 and a backslash as
// itself (HTML 4.10.21.8); old curl writes a quote as \". So a backslash is an ordinary character unless it precedes
// a quote that does not end the parameter.
func unquoteName(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			return unescapeName.Replace(b.String()), s[i+1:]
		}
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == '"' {
			if after := strings.TrimLeft(s[i+2:], " \t"); after != "" && after[0] != ';' {
				i++
			}
		}
		b.WriteByte(s[i])
	}
	return unescapeName.Replace(b.String()), ""
}

var (
	unescapeName = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r", "%22", `"`)
	escapeName   = strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22")
	crlfLines    = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")
)

// decodeExtended reads the value of filename*: charset'language'percent-encoded (RFC 8187 3.2).
func decodeExtended(s string) (string, bool) {
	charset, rest, ok := strings.Cut(s, "'")
	_, encoded, ok2 := strings.Cut(rest, "'")
	if !ok || !ok2 || !strings.EqualFold(charset, "utf-8") {
		return "", false
	}
	value, err := url.PathUnescape(encoded)
	return value, err == nil
}

// encodeMultipart writes f as multipart/form-data (HTML 4.10.21.8) under a boundary that nobody can guess.
func encodeMultipart(f *formData) (body []byte, contentType string) {
	boundary := "----fortunaformdata" + strings.ToLower(rand.Text())
	for _, e := range f.entries {
		body = fmt.Appendf(body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, escapeName.Replace(crlfLines.Replace(e.name)))
		if e.file == nil {
			body = append(body, "\r\n\r\n"...)
			body = append(body, crlfLines.Replace(e.text)...)
		} else {
			typ := e.file.typ
			if typ == "" {
				typ = "application/octet-stream"
			}
			body = fmt.Appendf(body, "; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n", escapeName.Replace(e.file.name), typ)
			body = append(body, e.file.data...)
		}
		body = append(body, "\r\n"...)
	}
	body = append(body, "--"+boundary+"--\r\n"...)
	return body, "multipart/form-data; boundary=" + boundary
}
