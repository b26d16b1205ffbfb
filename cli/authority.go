package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/fortunadws/fortuna/edge/tls"
)

// The files of the authority that signs for this machine, in the user's configuration directory.
const (
	authorityFile = "authority.pem" // with its key: who reads it can pretend to be this machine
	trustFile     = "authority.crt" // what browsers have to trust
	issuedFile    = "localhost.pem" // the certificate that dev shows, with its key
)

// userConfigDir is where fortuna keeps what belongs to the user and not to a project.
func userConfigDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fortuna"), nil
	}
	home := getenv("HOME")
	switch {
	case home == "":
		return "", refused("set HOME", "there is no directory for the user's configuration: HOME is not set")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "fortuna"), nil
	default:
		return filepath.Join(home, ".config", "fortuna"), nil
	}
}

// issueLocal makes a certificate for this machine and returns its file. The authority behind it is made on the first
// call, which prints how to trust it.
func issueLocal(p *process) (tls.Files, error) {
	dir, err := userConfigDir(p.getenv)
	if err != nil {
		return tls.Files{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Files{}, failed("", "--https: %v", err)
	}
	authority, made, err := openAuthority(dir)
	if err != nil {
		return tls.Files{}, err
	}
	trust := filepath.Join(dir, trustFile)
	issued, err := authority.Issue()
	if err == nil {
		err = errors.Join(place(trust, authority.Certificate()), place(filepath.Join(dir, issuedFile), issued))
	}
	if err != nil {
		return tls.Files{}, failed("", "--https: %v", err)
	}
	if made {
		p.term.note("%s", trustSteps(trust, authority.Hosts()))
	} else {
		p.term.note("Certificates are signed by %s", trust)
	}
	file := filepath.Join(dir, issuedFile)
	return tls.Files{Cert: file, Key: file}, nil
}

// openAuthority reads the authority in dir, or makes it. Of two processes that make one at the same time the first wins.
func openAuthority(dir string) (a *tls.Authority, made bool, err error) {
	name := filepath.Join(dir, authorityFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if made, err = makeAuthority(name); err == nil {
			text, err = os.ReadFile(name)
		}
	}
	if err != nil {
		return nil, false, failed("", "--https: %v", err)
	}
	if a, err = tls.ParseAuthority(text); err != nil {
		return nil, false, refused("rm "+name, "--https: %s is no certificate authority: %v", name, err)
	}
	if !a.Valid() {
		return nil, false, refused("rm "+name, "--https: the certificate authority in %s is too old", name)
	}
	return a, made, nil
}

// makeAuthority writes a new authority to name, and reports false when there was one already.
func makeAuthority(name string) (made bool, err error) {
	hosts := machineHosts()
	a, err := tls.NewAuthority("fortuna dev on "+hosts[len(hosts)-1], hosts)
	if err != nil {
		return false, err
	}
	text, err := a.PEM()
	if err != nil {
		return false, err
	}
	part, err := writePart(name, text)
	if err != nil {
		return false, err
	}
	err = os.Link(part, name)
	if errors.Is(err, fs.ErrExist) {
		return false, os.Remove(part)
	}
	return err == nil, errors.Join(err, os.Remove(part))
}

// place makes text the content of a file that only the user may read; others see the old one or the new one, whole.
func place(name string, text []byte) error {
	part, err := writePart(name, text)
	if err != nil {
		return err
	}
	return os.Rename(part, name)
}

// writePart writes text beside name, for the user only.
func writePart(name string, text []byte) (part string, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// machineHosts are the names of this machine for itself.
func machineHosts() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	name, err := os.Hostname()
	if name = strings.ToLower(name); err == nil && name != "localhost" && hostName.MatchString(name) {
		hosts = append(hosts, name)
	}
	return hosts
}

// trustSteps say how to make clients trust the authority in file.
func trustSteps(file string, hosts []string) string {
	return fmt.Sprintf(`A certificate authority was made that can sign for %[2]s only. To trust it:
  Debian, Ubuntu   sudo cp %[1]s /usr/local/share/ca-certificates/fortuna.crt && sudo update-ca-certificates
  Fedora, Arch     sudo trust anchor %[1]s
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain %[1]s
  Firefox          Settings, Privacy & Security, View Certificates, Authorities, Import: %[3]s
  Chrome on Linux  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n fortuna -i %[1]s
  curl             curl --cacert %[1]s`, shellWord(file), strings.Join(hosts, ", "), file)
}
