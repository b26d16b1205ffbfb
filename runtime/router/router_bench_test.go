package router

import (
	"fmt"
	"testing"
)

func BenchmarkMatch(b *testing.B) {
	routes := []string{"GET /", "GET /users/:id", "GET /users/:id/posts/:post", " /static/*", "GET /users/me"}
	for i := range 200 {
		routes = append(routes, fmt.Sprintf("GET /api/v1/resource%d", i), fmt.Sprintf("GET /api/v1/resource%d/:id", i))
	}
	r := route(b, routes...)
	for _, path := range []string{
		"/", "/api/v1/resource150", "/users/123", "/users/123/posts/456", "/static/css/site.css", "/users/a%20b", "/none/of/these",
	} {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Match("GET", path)
			}
		})
	}
}
