package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/dop251/goja"
	"golang.org/x/net/dns/dnsmessage"
)

// privateHosts are spellings of addresses that nobody outside may reach; the URL parser turns most of them into the
// address itself, and the dial judges what is left.
func privateHosts() (hosts []string) {
	spell := func(a, b, c, d int) {
		n := a<<24 | b<<16 | c<<8 | d
		hosts = append(hosts,
			fmt.Sprintf("%d.%d.%d.%d", a, b, c, d), fmt.Sprint(n), fmt.Sprintf("0x%x", n), fmt.Sprintf("0%o", n),
			fmt.Sprintf("0x%x.0x%x.0x%x.0x%x", a, b, c, d), fmt.Sprintf("0%o.0%o.0%o.0%o", a, b, c, d),
			fmt.Sprintf("%d.%d", a, n&0xFFFFFF), fmt.Sprintf("%d.%d.%d", a, b, n&0xFFFF), fmt.Sprintf("%d.%d.%d.%d.", a, b, c, d),
			fmt.Sprintf("%d%%2E%d%%2e%d.%d", a, b, c, d), fmt.Sprintf("%d。%d．%d｡%d", a, b, c, d),
			fmt.Sprintf("[::ffff:%d.%d.%d.%d]", a, b, c, d), fmt.Sprintf("[::ffff:%x:%x]", n>>16, n&0xFFFF),
			fmt.Sprintf("[0:0:0:0:0:FFFF:%x:%x]", n>>16, n&0xFFFF), fmt.Sprintf("[::%d.%d.%d.%d]", a, b, c, d),
			fmt.Sprintf("[64:ff9b::%x:%x]", n>>16, n&0xFFFF), fmt.Sprintf("[2002:%x:%x::1]", n>>16, n&0xFFFF),
			fmt.Sprintf("[64:ff9b:1::%d.%d.%d.%d]", a, b, c, d),
		)
	}
	for _, a := range [][4]int{
		{127, 0, 0, 1}, {127, 255, 255, 254}, {10, 0, 0, 1}, {172, 16, 0, 1}, {172, 31, 255, 255}, {192, 168, 1, 1},
		{100, 64, 0, 1}, {169, 254, 169, 254}, {198, 18, 0, 1}, {0, 0, 0, 0}, {224, 0, 0, 1}, {255, 255, 255, 255},
	} {
		spell(a[0], a[1], a[2], a[3])
	}
	return append(hosts, "localhost", "LOCALHOST", "ｌｏｃａｌｈｏｓｔ", "0", "0x0", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]",
		"[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[fec0::1]", "[2001:db8::1]", "[2001::1]", "[100::1]", "127.1", "①②⑦.0.0.1")
}

func TestEgress_privateAddressesAreRefused(t *testing.T) {
	hosts := privateHosts()
	if len(hosts) < 200 {
		t.Fatalf("only %d spellings", len(hosts))
	}
	e, err := ParseEgress(nil)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, host := range hosts {
		u, err := parseURL("http://"+host+":9/", nil)
		if err != nil {
			continue // not even a URL
		}
		tried++
		out := &outgoing{url: u, method: "GET", redirect: "follow", egress: e}
		in, err := out.follow(context.Background())
		if err == nil {
			_ = in.Body.Close()
			t.Errorf("%s was reached", host)
		} else if !strings.Contains(err.Error(), "is a private address; allow it in fortuna.toml") {
			t.Errorf("%s (%s): %v", host, u.name, err)
		}
	}
	if tried < 200 {
		t.Errorf("only %d of %d spellings are URLs", tried, len(hosts))
	}
}

func TestEgress_permits(t *testing.T) {
	for _, c := range []struct {
		allow    string
		yes, not string
	}{
		{"", "1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 192.0.1.1", "127.0.0.1 ::ffff:10.0.0.1 fe80::1%eth0"},
		{"private", "127.0.0.1 10.1.2.3 192.168.0.1 172.20.0.1 100.64.0.1 ::1 fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1", "169.254.169.254 0.0.0.0 255.255.255.255 224.0.0.1 :: fe80::1 2002:7f00:1:: ::7f00:1"},
		{"10.0.0.0/8", "10.255.0.1 ::ffff:10.0.0.1", "192.168.0.1 127.0.0.1"},
		{"127.0.0.1", "127.0.0.1", "127.0.0.2"},
		{"169.254.169.254", "169.254.169.254", "169.254.169.253"},
		{"::1", "::1", "127.0.0.1"},
		{"[fd00::5]", "fd00::5", "fd00::6"},
		{"10.1.2.3/8", "10.9.9.9", "192.168.0.1"},
	} {
		var allow []string
		if c.allow != "" {
			allow = []string{c.allow}
		}
		e, err := ParseEgress(allow)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range strings.Fields(c.yes) {
			if !e.permits(netip.MustParseAddr(s)) {
				t.Errorf("allow %q: %s is refused", c.allow, s)
			}
		}
		for _, s := range strings.Fields(c.not) {
			if e.permits(netip.MustParseAddr(s)) {
				t.Errorf("allow %q: %s is permitted", c.allow, s)
			}
		}
	}
	if (&Egress{}).permits(netip.Addr{}) {
		t.Error("no address at all is permitted")
	}
}

func TestParseEgress_errors(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.0/33", "a b", "http://x", "*.internal", "host:port", "a..b", "10.0.0.0/8,11.0.0.0/8", "[::1"} {
		if e, err := ParseEgress([]string{bad}); err == nil {
			t.Errorf("%q: accepted as %v", bad, e.names)
		} else if !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{"private", "10.0.0.0/8", "fd00::/8", "::1", "[::1]:8080", "127.0.0.1:80", "db.internal", "DB.internal:5432", "localhost"} {
		if _, err := ParseEgress([]string{good}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestFetch_egress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	code := `return (await fetch('http://HOST:` + port + `/')).status`
	for _, c := range []struct{ allow, host, want string }{
		{"", "127.0.0.1", "throws TypeError: fetch: 127.0.0.1:" + port + ` is a private address; allow it in fortuna.toml: [egress] allow = ["127.0.0.1/32"]`},
		{"", "[::ffff:127.0.0.1]", "throws TypeError: fetch: 127.0.0.1:" + port + " is a private address..."},
		{"10.0.0.0/8", "127.0.0.1", "throws TypeError: fetch: ..."},
		{"localhost", "127.0.0.1", "throws TypeError: fetch: ..."},
		{"127.0.0.1:1", "127.0.0.1", "throws TypeError: fetch: ..."},
		{"private", "127.0.0.1", "200"},
		{"127.0.0.0/8", "2130706433", "200"},
		{"127.0.0.1:" + port, "127.0.0.1", "200"},
		{"LocalHost", "localhost", "200"},
		{"localhost:" + port, "localhost", "200"},
	} {
		var allow []string
		if c.allow != "" {
			allow = []string{c.allow}
		}
		r, h := fetchRealm(t, allow...)
		got := evalIn(t, r, h, strings.ReplaceAll(code, "HOST", c.host))
		if prefix, cut := strings.CutSuffix(c.want, "..."); got != c.want && !(cut && strings.HasPrefix(got, prefix)) {
			t.Errorf("allow %q, host %s: got %s", c.allow, c.host, got)
		}
	}
	// Without an Egress nothing private is allowed.
	if got := eval(t, strings.ReplaceAll(code, "HOST", "127.0.0.1")); !strings.Contains(got, "is a private address") {
		t.Errorf("got %s", got)
	}
}

// A server that is allowed must not lead to one that is not.
func TestFetch_redirectToPrivateIsRefused(t *testing.T) {
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	defer secret.Close()
	_, port, _ := net.SplitHostPort(secret.Listener.Addr().String())
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Location", q.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	}))
	defer front.Close()
	for _, to := range []string{"http://127.0.0.1:" + port, "http://0x7f.1:" + port, "//[::ffff:7f00:1]:" + port, "http://localhost:" + port, "http://169.254.169.254/latest/meta-data"} {
		r, h := fetchRealm(t, front.Listener.Addr().String())
		got := evalIn(t, r, h, `await fetch('`+front.URL+`/?to=' + encodeURIComponent('`+to+`'))`)
		if !strings.Contains(got, "is a private address") {
			t.Errorf("%s: got %s", to, got)
		}
	}
}

// nameServer answers every question for an address with the next of answers, the last for ever.
func nameServer(t *testing.T, answers ...[4]byte) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: answers[0]},
				}}
				if len(answers) > 1 {
					answers = answers[1:]
				}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = c.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// A name that resolves to an allowed address first and to a private one later is judged each time it is dialled.
func TestFetch_rebindingIsRefused(t *testing.T) {
	var hits int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits++
		w.Header().Set("Connection", "close")
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	e, err := ParseEgress([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	e.resolver = nameServer(t, [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2}, [4]byte{10, 0, 0, 1})
	h := &testHost{t: t, jobs: make(chan func() error, 1000)}
	r := New(goja.New(), h, Options{Egress: e})
	for i, want := range []string{"200", "rebind.example (127.0.0.2:" + port + ") is a private address", "rebind.example (10.0.0.1:" + port + ") is a private address"} {
		if got := evalIn(t, r, h, `return (await fetch('http://rebind.example:`+port+`/')).status`); !strings.Contains(got, want) {
			t.Errorf("fetch %d: got %s, want %s", i, got, want)
		}
	}
	if hits != 1 {
		t.Errorf("the server was reached %d times", hits)
	}
}
