package forwarded_test

import (
	"fmt"
	"net/netip"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/edge/forwarded"
)

func Example() {
	proxies, err := forwarded.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		panic(err)
	}
	trust := &forwarded.Trust{Proxies: proxies}
	q := &exchange.Request{
		Remote: netip.MustParseAddrPort("10.0.0.1:4711"),
		Header: []exchange.Field{{Name: "X-Forwarded-For", Value: "1.2.3.4 is made up, 198.51.100.1"}},
	}
	trust.Apply(q)
	fmt.Println(q.Remote.Addr())
	// Output: 198.51.100.1
}
