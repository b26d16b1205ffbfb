package cli

import (
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

func requestFor(host, path string) *exchange.Request {
	return &exchange.Request{Method: "GET", Host: host, Path: path, Target: path}
}

func TestSites(t *testing.T) {
	app := func(name string, routes ...string) *deployed { return &deployed{app: &app{name: name}, routes: routes} }
	all := newSites(map[string]*deployed{
		"all": app("all", "/*"), "docs": app("docs", "/docs/*"), "shop": app("shop", "shop.example.com/*", "*.shop.example.com/*"), "cart": app("cart", "shop.example.com/cart/*"),
	})
	for _, c := range []struct{ host, path, want string }{
		{"x", "/", "all"}, {"x", "/docs/a", "docs"}, {"shop.example.com:8080", "/", "shop"}, {"SHOP.example.com", "/docs/a", "shop"},
		{"shop.example.com", "/cart/1", "cart"}, {"a.shop.example.com.", "/cart/1", "shop"}, {"[::1]:80", "/", "all"}, {"", "*", ""},
	} {
		d := all.find(requestFor(c.host, c.path))
		if got := ""; d != nil {
			got = d.app.name
			if got != c.want {
				t.Errorf("%s%s: %s, want %s", c.host, c.path, got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("%s%s: nobody, want %s", c.host, c.path, c.want)
		}
	}
}
