package limit_test

import (
	"fmt"
	"net/http/httptest"

	"fnstore/kit/limit"
)

// A policy is a line of stack.yml.
func ExampleParse() {
	p, err := limit.Parse("login", "10/1m burst=5 down=closed")
	fmt.Println(p.Limit, p.Window, p.Burst, p.Closed, err)
	// Output: 10 1m0s 5 true <nil>
}

// What a client says of itself counts only when a proxy of ours repeats it.
func ExampleProxies_Client() {
	proxies, err := limit.ParseProxies("10.0.0.0/8")
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	for _, from := range []string{"10.1.2.3:4000", "198.51.100.1:4000"} {
		r.RemoteAddr = from
		fmt.Println(proxies.Client(r))
	}
	// Output:
	// 203.0.113.9
	// 198.51.100.1
}
