package golden_test

import (
	"fmt"

	"fnstore/kit/golden"
)

// A file has a request, a line of dashes, and the answer.
func ExampleParse() {
	c, err := golden.Parse([]byte("GET /?name=Ada HTTP/1.1\n\n----\nHTTP/1.1 200 OK\n\nHello, Ada!"))
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s %s: %d %q\n", c.Method, c.Target, c.Status, c.Want)
	// Output: GET /?name=Ada: 200 "Hello, Ada!"
}
