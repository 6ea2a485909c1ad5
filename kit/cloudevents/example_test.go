package cloudevents_test

import (
	"fmt"
	"net/http"

	"fnstore/kit/cloudevents"
)

// The three ways of sending an event are read alike. This is the binary one: the
// attributes are headers, the data is the body.
func ExampleRead() {
	h := http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"17"}, "Ce-Source": {"/shop"}, "Ce-Type": {"order.created"},
		"Content-Type": {"application/json"},
	}
	events, err := cloudevents.Read(h, []byte(`{"total":"100.10"}`))
	if err != nil {
		panic(err)
	}
	for _, e := range events {
		fmt.Println(e.Source, e.ID, e.Type, e.IsJSON(), string(e.Data))
	}
	// Output: /shop 17 order.created true {"total":"100.10"}
}
