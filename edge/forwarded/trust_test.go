package forwarded

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func trust(t *testing.T, field string) *Trust {
	t.Helper()
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	return &Trust{Proxies: proxies, Field: field}
}

// request came from remote with these fields, each "Name: value".
func request(remote string, fields ...string) *exchange.Request {
	q := &exchange.Request{Remote: netip.MustParseAddrPort(remote)}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		q.Header = append(q.Header, exchange.Field{Name: name, Value: value})
	}
	return q
}

func TestTrust_Apply(t *testing.T) {
	const proxy, stranger = "10.1.1.1:5", "203.0.113.9:5"
	for _, tt := range []struct {
		name, field, peer string
		header            []string
		remote            string
	}{
		{"one proxy", "", proxy, []string{"X-Forwarded-For: 198.51.100.1"}, "198.51.100.1:0"},
		{"a port", "", proxy, []string{"X-Forwarded-For: 198.51.100.1:77"}, "198.51.100.1:77"},
		{"the client's own list", "", proxy, []string{"X-Forwarded-For: 1.1.1.1, 198.51.100.1"}, "198.51.100.1:0"},
		{"a list in two fields", "", proxy, []string{"X-Forwarded-For: 1.1.1.1", "x-forwarded-for: 198.51.100.1"}, "198.51.100.1:0"},
		{"two proxies", "", proxy, []string{"X-Forwarded-For: 1.1.1.1, 198.51.100.1, 192.0.2.7"}, "198.51.100.1:0"},
		{"proxies only", "", proxy, []string{"X-Forwarded-For: 10.9.9.9, 192.0.2.7"}, "10.9.9.9:0"},
		{"IPv6", "", proxy, []string{"X-Forwarded-For: 2001:db9::1"}, "[2001:db9::1]:0"},
		{"IPv6 in brackets", "", proxy, []string{"X-Forwarded-For: [2001:db9::1]:80"}, "[2001:db9::1]:80"},
		{"IPv4 in IPv6", "", proxy, []string{"X-Forwarded-For: ::ffff:198.51.100.1"}, "198.51.100.1:0"},
		{"what is behind a word is not believed", "", proxy, []string{"X-Forwarded-For: 198.51.100.1, unknown, 192.0.2.7"}, "192.0.2.7:0"},
		{"a word", "", proxy, []string{"X-Forwarded-For: localhost"}, proxy},
		{"empty", "", proxy, []string{"X-Forwarded-For: "}, proxy},
		{"nobody trusted", "", stranger, []string{"X-Forwarded-For: 198.51.100.1"}, stranger},
		{"the other field", "", proxy, []string{"Forwarded: for=198.51.100.1"}, proxy},
		{"Forwarded", "Forwarded", proxy, []string{`Forwarded: for=1.1.1.1, for="198.51.100.1:77";proto=https`}, "198.51.100.1:77"},
		{"Forwarded with the other", "Forwarded", proxy, []string{"X-Forwarded-For: 1.1.1.1", `Forwarded: For="[2001:db9::1]"`}, "[2001:db9::1]:0"},
		{"Forwarded with a comma in quotes", "Forwarded", proxy, []string{`Forwarded: for=1.1.1.1;by="a, for=2.2.2.2"`}, "1.1.1.1:0"},
		{"Forwarded hides", "Forwarded", proxy, []string{`Forwarded: for=1.1.1.1, for=_secret`}, proxy},
		{"Forwarded breaks its grammar", "Forwarded", proxy, []string{`Forwarded: for="1.1.1.1`}, proxy},
		{"Forwarded says it twice", "Forwarded", proxy, []string{`Forwarded: for=1.1.1.1;for=2.2.2.2`}, proxy},
		{"a sound Forwarded behind a broken one", "Forwarded", proxy, []string{`Forwarded: for="1.1`, `Forwarded: for=2.2.2.2`}, proxy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := request(tt.peer, tt.header...)
			trust(t, tt.field).Apply(q)
			if got := q.Remote.String(); got != tt.remote {
				t.Errorf("the client is %s, want %s", got, tt.remote)
			}
		})
	}
}

func TestTrust_Apply_fields(t *testing.T) {
	all := []string{
		"Host: a", "X-Forwarded-For: 1.1.1.1", "x-forwarded-PROTO: https", "X-Forwarded-Host: evil", "Forwarded: for=1.1.1.1",
		"X-Real-IP: 1.1.1.1", "X_Forwarded_For: 1.1.1.1", "user_name: x", "Accept: */*", "X-Request-Id: r-1",
	}
	for _, tt := range []struct {
		name, remote string
		trust        *Trust
		kept         string
		tls          bool
		id           string
	}{
		{"nobody is trusted", "10.0.0.1:1", nil, "Host Accept X-Request-Id", false, ""},
		{"a stranger", "203.0.113.9:1", trust(t, ""), "Host Accept X-Request-Id", false, ""},
		{"a proxy", "10.0.0.1:1", trust(t, ""), "Host X-Forwarded-For x-forwarded-PROTO X-Forwarded-Host X-Real-IP Accept X-Request-Id", true, "r-1"},
		{"a proxy with Forwarded", "10.0.0.1:1", trust(t, "Forwarded"), "Host x-forwarded-PROTO X-Forwarded-Host Forwarded X-Real-IP Accept X-Request-Id", false, "r-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := request(tt.remote, all...)
			tt.trust.Apply(q)
			var names []string
			for _, f := range q.Header {
				names = append(names, f.Name)
			}
			if got := strings.Join(names, " "); got != tt.kept {
				t.Errorf("kept %s\nwant %s", got, tt.kept)
			}
			if q.TLS != tt.tls || q.ID != tt.id {
				t.Errorf("TLS %v, ID %q; want %v, %q", q.TLS, q.ID, tt.tls, tt.id)
			}
		})
	}
	for _, id := range []string{"", "a b", "a\"b", "ä", strings.Repeat("x", 129)} {
		q := request("10.0.0.1:1", "X-Request-Id: "+id)
		if trust(t, "").Apply(q); q.ID != "" {
			t.Errorf("%q became the name of a request", q.ID)
		}
	}
	q := request("203.0.113.9:1", "Host: a", "Accept: */*")
	if n := testing.AllocsPerRun(100, func() { (*Trust)(nil).Apply(q) }); n != 0 {
		t.Errorf("%v allocations for a request without a proxy, want none", n)
	}
}

func TestParseProxies(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "", "::1": "", "10.0.0.1": "", "::ffff:10.0.0.1": "",
		"10.0.0.1/8": "did you mean 10.0.0.0/8?", "example.org": "neither an address", "": "neither an address", "10.0.0.0/33": "neither an address",
	} {
		_, err := ParseProxies([]string{text})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

var v2 = []byte(mark + "\x21\x11\x00\x0f" + "\xc6\x33\x64\x01" + "\xc0\x00\x02\x02" + "\x04\xd2" + "\x00\x50" + "\x01\x00\x00")

// Each header at every split: nothing until it is whole, and then exactly its bytes.
func TestParseProxy(t *testing.T) {
	for _, tt := range []struct{ header, client string }{
		{"PROXY TCP4 198.51.100.1 192.0.2.2 1234 80\r\n", "198.51.100.1:1234"},
		{"PROXY TCP6 2001:db8::1 2001:db8::2 1234 80\r\n", "[2001:db8::1]:1234"},
		{"PROXY UNKNOWN\r\n", "invalid AddrPort"},
		{"PROXY UNKNOWN whatever it is\r\n", "invalid AddrPort"},
		{string(v2), "198.51.100.1:1234"},
		{mark + "\x21\x21\x00\x24" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + strings.Repeat("\x00", 16) + "\x04\xd2\x00\x50", "[2001:db8::1]:1234"},
		{mark + "\x20\x00\x00\x00", "invalid AddrPort"},
		{mark + "\x21\x31\x00\x02ab", "invalid AddrPort"}, // a unix socket
	} {
		whole := []byte(tt.header + "GET / HTTP/1.1\r\n")
		for cut := range len(tt.header) {
			if client, n, err := ParseProxy(whole[:cut]); n != 0 || err != nil || client.IsValid() {
				t.Errorf("%q: %v, %d, %v, want to wait for more", whole[:cut], client, n, err)
			}
		}
		client, n, err := ParseProxy(whole)
		if err != nil || n != len(tt.header) || client.String() != tt.client {
			t.Errorf("%q: %v, %d, %v; want %s, %d", tt.header, client, n, err, tt.client, len(tt.header))
		}
	}
}

func TestParseProxy_refused(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY TCP4\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 70000\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 01 1\r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2 +1 1\r\n", "PROXY TCP4 ::1 ::2 1 1\r\n", "PROXY TCP6 1.1.1.1 2.2.2.2 1 1\r\n", "PROXY TCP4  1.1.1.1 2.2.2.2 1 1\r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2  1\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n", "PROXY " + strings.Repeat("x", 200),
		mark + "\x31\x11\x00\x00", mark + "\x21\x11\x00\x02ab", mark + "\x21\x21\x00\x00", mark + "\x21\x11\xff\xff", "\r\n\r\nGET",
	} {
		if client, n, err := ParseProxy([]byte(text)); err == nil {
			t.Errorf("%q: %v, %d", text, client, n)
		}
	}
}

func FuzzParseProxy(f *testing.F) {
	f.Add(v2)
	f.Add([]byte("PROXY TCP4 198.51.100.1 192.0.2.2 1234 80\r\nGET"))
	f.Fuzz(func(t *testing.T, data []byte) {
		client, n, err := ParseProxy(data)
		if n < 0 || n > len(data) || err != nil && (n != 0 || client.IsValid()) {
			t.Fatalf("%v, %d, %v", client, n, err)
		}
		if n > 0 { // what follows does not change it
			again, m, err := ParseProxy(append(slices.Clone(data[:n]), "GET /"...))
			if again != client || m != n || err != nil {
				t.Fatalf("%v, %d and then %v, %d, %v", client, n, again, m, err)
			}
		}
	})
}

func FuzzApply(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.1", "for=1.1.1.1;proto=https")
	f.Fuzz(func(t *testing.T, list, forwarded string) {
		for _, field := range Fields {
			q := request("10.1.1.1:5")
			q.Header = []exchange.Field{{Name: "X-Forwarded-For", Value: list}, {Name: "Forwarded", Value: forwarded}}
			trust(t, field).Apply(q)
			if !q.Remote.IsValid() || len(q.Header) != 1 {
				t.Fatalf("client %v, header %v", q.Remote, q.Header)
			}
			again := request("203.0.113.9:5")
			again.Header = []exchange.Field{{Name: "X-Forwarded-For", Value: list}, {Name: "Forwarded", Value: forwarded}}
			trust(t, field).Apply(again)
			if again.Remote.String() != "203.0.113.9:5" || len(again.Header) != 0 {
				t.Fatalf("a stranger is believed: %v, header %v", again.Remote, again.Header)
			}
		}
	})
}
