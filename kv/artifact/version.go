package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
)

var (
	idName  = regexp.MustCompile(`^[a-z0-9]{4,32}$`)
	appName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	sumName = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Bounds of a version.
const (
	FilesMax     = 20_000
	FileBytesMax = 25 << 20
	BytesMax     = 512 << 20 // all files together
	pathBytesMax = 512
)

// CheckApp says what speaks against the name of an app.
func CheckApp(name string) error {
	if !appName.MatchString(name) {
		return fmt.Errorf("the name of an app is 1 to 63 letters, digits, \"_\" and \"-\", and begins with a letter or digit: got %q", name)
	}
	return nil
}

// File is one file of a version. Its content is kept once, by its hash, whoever has it.
type File struct {
	Path string `json:"path"` // relative, with slashes
	Sum  string `json:"sha256"`
	Size int64  `json:"size"`
}

// Sum is the name of a content.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Version is an app as it was deployed once. It never changes.
type Version struct {
	App     string            `json:"app"`
	Files   []File            `json:"files"` // a project: its configuration, its bundle, its assets
	Main    string            `json:"main"`  // path of the bundle
	Env     string            `json:"env,omitempty"`
	Vars    map[string]string `json:"vars,omitempty"` // given on the command line
	Routes  []string          `json:"routes,omitempty"`
	Created time.Time         `json:"created"`
	Message string            `json:"message,omitempty"`
	By      string            `json:"by,omitempty"` // who says to have made it; the signature knows better
}

// ID names a version by all that it is.
func (s *Sealed) ID() string { return Sum(s.Body)[:12] }

// Check says what is wrong with a version that came from somewhere.
func (v *Version) Check() error {
	if err := CheckApp(v.App); err != nil {
		return err
	}
	if len(v.Files) > FilesMax {
		return fmt.Errorf("%d files, at most %d are possible", len(v.Files), FilesMax)
	}
	seen, bytes, main := map[string]bool{}, int64(0), false
	for _, f := range v.Files {
		switch {
		case !localPath(f.Path):
			return fmt.Errorf("the path of a file must be relative, clean and without dots at the beginning of a name: got %q", f.Path)
		case !sumName.MatchString(f.Sum):
			return fmt.Errorf("%s: the hash must be SHA-256 in hex, got %q", f.Path, f.Sum)
		case f.Size < 0 || f.Size > FileBytesMax:
			return fmt.Errorf("%s has %d bytes, at most %d are possible", f.Path, f.Size, FileBytesMax)
		case seen[strings.ToLower(f.Path)]:
			return fmt.Errorf("%s is there twice, letter case aside", f.Path)
		}
		seen[strings.ToLower(f.Path)] = true
		main = main || f.Path == v.Main
		bytes += f.Size
	}
	switch {
	case !main:
		return fmt.Errorf("main is %q, which is none of the files", v.Main)
	case bytes > BytesMax:
		return fmt.Errorf("the files have %d bytes, at most %d are possible", bytes, BytesMax)
	}
	for _, r := range v.Routes {
		if _, err := ParseRoute(r); err != nil {
			return err
		}
	}
	return nil
}

// localPath reports whether a path stays below where it is unpacked, on every system, and hides nothing.
func localPath(p string) bool {
	if p == "" || len(p) > pathBytesMax || path.Clean(p) != p || p[0] == '/' || strings.ContainsAny(p, "\\:\x00\r\n") {
		return false
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." || part == "." || part[0] == '.' && part != ".well-known" {
			return false
		}
	}
	return true
}

// Release says which version of an app is to be served.
type Release struct {
	App     string    `json:"app"`
	Version string    `json:"version"`
	Counter uint64    `json:"counter"`          // above those of all releases before: an old one is never taken again
	Canary  string    `json:"canary,omitempty"` // another version, for a share of the visitors
	Share   int       `json:"share,omitempty"`  // of them, in percent
	Kind    string    `json:"kind"`             // "deploy", "rollback", "promote", "canary"
	Created time.Time `json:"created"`
	Message string    `json:"message,omitempty"`
}

// Check says what is wrong with a release that came from somewhere.
func (r *Release) Check() error {
	if err := CheckApp(r.App); err != nil {
		return err
	}
	switch {
	case !versionName.MatchString(r.Version):
		return fmt.Errorf("the id of a version is 12 hex digits, got %q", r.Version)
	case r.Canary != "" && (!versionName.MatchString(r.Canary) || r.Share < 1 || r.Share > 99):
		return fmt.Errorf("a canary is a version and a share from 1 to 99, got %q and %d", r.Canary, r.Share)
	case r.Counter == 0:
		return fmt.Errorf("a release has a counter")
	}
	return nil
}

var versionName = regexp.MustCompile(`^[0-9a-f]{12}$`)

// Paths are the routes of a version as they are compared: without any it has every request.
func (v *Version) Paths() []string {
	if len(v.Routes) == 0 {
		return []string{"/*"}
	}
	var all []string
	for _, text := range v.Routes {
		if r, err := ParseRoute(text); err == nil {
			all = append(all, r.String())
		}
	}
	return all
}
