package trace_test

import (
	"fmt"
	"net/http"

	"fnstore/kit/trace"
)

// A call that came with a context hands on the same journey with a step of its own.
func ExampleOf() {
	h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	c, ok := trace.Of(h)
	if !ok {
		c = trace.New()
	}
	next := c.Child()
	fmt.Println(next.Trace, next.Span != c.Span)
	// Output: 0af7651916cd43dd8448eb211c80319c true
}
