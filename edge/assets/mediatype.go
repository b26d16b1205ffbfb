package assets

import (
	"path"
	"strings"
)

// mediaTypes are by the ends of names: a table of our own, because the system's differ from machine to machine.
var mediaTypes = map[string]string{
	".avif": "image/avif", ".bin": "application/octet-stream", ".bmp": "image/bmp", ".css": "text/css", ".csv": "text/csv",
	".eot": "application/vnd.ms-fontobject", ".gif": "image/gif", ".gz": "application/gzip", ".htm": "text/html", ".html": "text/html",
	".ico": "image/x-icon", ".ics": "text/calendar", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript",
	".json": "application/json", ".jsonld": "application/ld+json", ".map": "application/json", ".md": "text/markdown",
	".mjs": "text/javascript", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".otf": "font/otf",
	".pdf": "application/pdf", ".png": "image/png", ".rss": "application/rss+xml", ".svg": "image/svg+xml", ".tar": "application/x-tar",
	".ttf": "font/ttf", ".txt": "text/plain", ".wasm": "application/wasm", ".wav": "audio/wav", ".weba": "audio/webm",
	".webm": "video/webm", ".webmanifest": "application/manifest+json", ".webp": "image/webp", ".woff": "font/woff",
	".woff2": "font/woff2", ".xhtml": "application/xhtml+xml", ".xml": "application/xml", ".zip": "application/zip",
	".zst": "application/zstd",
}

// mediaType is the Content-Type of a file. Text is UTF-8.
func mediaType(name string) string {
	t := mediaTypes[strings.ToLower(path.Ext(name))]
	switch {
	case t == "":
		return "application/octet-stream"
	case strings.HasPrefix(t, "text/"):
		return t + "; charset=utf-8"
	}
	return t
}

// hashed reports whether the name of a file changes with its content, as bundlers name them: a part of it, behind "." or
// "-", is a hash. In doubt it is not: what is cached for a year cannot be taken back.
func hashed(name string) bool {
	base := path.Base(name)
	parts := strings.FieldsFunc(base, func(c rune) bool { return c == '.' || c == '-' || c == '_' })
	if len(parts) < 3 { // a name, a hash and an end
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		if isHash(p) {
			return true
		}
	}
	return false
}

// isHash reports whether text looks like a hash: hexadecimal or base32 with digits among letters (esbuild's are eight of
// base32), or base64 that mixes cases and digits (Vite's).
func isHash(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	var digit, lower, upper bool
	hex := true
	for _, c := range s {
		switch {
		case '0' <= c && c <= '9':
			digit = true
		case 'a' <= c && c <= 'z':
			lower = true
			hex = hex && c <= 'f'
		case 'A' <= c && c <= 'Z':
			upper = true
			hex = false
		default:
			return false
		}
	}
	return digit && (hex && lower || upper && !lower && len(s) == 8 || upper && lower)
}
