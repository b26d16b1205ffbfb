package router_test

import (
	"fmt"

	"github.com/fortunadws/fortuna/runtime/router"
)

func Example() {
	r := router.New[string]()
	for _, route := range []struct{ method, pattern, handler string }{
		{"GET", "/users/:id", "one user"},
		{"GET", "/users/me", "oneself"},
		{"", "/api/*", "the API"},
	} {
		if err := r.Add(route.method, route.pattern, route.handler); err != nil {
			fmt.Println(err)
		}
	}
	for _, path := range []string{"/users/42", "/users/me", "/api/v1/ping"} {
		m, _, _ := r.Match("GET", path)
		fmt.Println(m.Value, m.Params)
	}
	_, allow, ok := r.Match("DELETE", "/users/42")
	fmt.Println(allow, ok)
	fmt.Println(r.Add("GET", "/users/:name", "again"))
	// Output:
	// one user [{id 42}]
	// oneself []
	// the API [{* v1/ping}]
	// [GET HEAD] false
	// route "/users/:name": GET is already taken by "/users/:id", which fits the same paths
}
