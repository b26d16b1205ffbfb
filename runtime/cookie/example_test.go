package cookie_test

import (
	"fmt"

	"github.com/fortunadws/fortuna/runtime/cookie"
)

func Example() {
	for _, p := range cookie.Parse("theme=dark; name=J%C3%BCrgen") {
		fmt.Println(p.Name, p.Value)
	}
	session := cookie.Cookie{Name: "__Host-session", Value: "abc", Path: "/", SameSite: cookie.Lax}
	_, err := session.Field()
	fmt.Println(err)
	session.Secure = true
	field, _ := session.Field()
	fmt.Println(field)
	// Output:
	// theme dark
	// name Jürgen
	// "__Host-session" must be set with secure: true, or browsers drop it
	// __Host-session=abc; Path=/; Secure; SameSite=Lax
}
