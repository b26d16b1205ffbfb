package cli

import (
	"slices"
	"strings"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/kv/artifact"
)

// sites are the apps of a node by the requests that they are for. They never change: others take their place.
type sites []site

type site struct {
	route artifact.Route
	app   *deployed
}

// newSites orders the routes of apps so that the first that matches a request is the one that says most.
func newSites(apps map[string]*deployed) sites {
	var all sites
	for _, d := range apps {
		for _, text := range d.routes {
			if r, err := artifact.ParseRoute(text); err == nil {
				all = append(all, site{r, d})
			}
		}
	}
	slices.SortFunc(all, func(a, b site) int {
		if n := a.route.Before(b.route); n != 0 {
			return n
		}
		return strings.Compare(a.app.app.name, b.app.app.name) // two that claim the same: on every node the same one has it
	})
	return all
}

// find is the app that a request is for, or nil.
func (s sites) find(q *exchange.Request) *deployed {
	host := ""
	for i := range s {
		if s[i].route.Host != "" && host == "" {
			host = hostOf(q.Host)
		}
		if s[i].route.Matches(host, q.Path) {
			return s[i].app
		}
	}
	return nil
}

// hostOf is a Host field without its port, in lower case.
func hostOf(field string) string {
	if i := strings.LastIndexByte(field, ':'); i >= 0 && !strings.HasSuffix(field, "]") {
		field = field[:i]
	}
	return strings.ToLower(strings.TrimSuffix(field, "."))
}
