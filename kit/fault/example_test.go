package fault_test

import (
	"errors"
	"fmt"
	"time"

	"fnstore/kit/fault"
)

// The caller reads the code and the sentence; the cause is for the log.
func ExampleNew() {
	err := fault.New(fault.NotFound, "invoice_not_found", "There is no invoice %s.", "17")
	fmt.Println(err.Kind.Status(), err.Code)
	// Output: 404 invoice_not_found
}

func ExampleError_After() {
	err := fault.New(fault.Unavailable, "database_down", "The database does not answer.").
		Because(errors.New("dial tcp: connection refused")).After(5 * time.Second)
	fmt.Println(err.Kind.Retriable(), err.Kind.Status())
	// Output: true 503
}

// Any other error is internal, and its text is kept from the caller.
func ExampleOf() {
	fmt.Println(fault.Of(errors.New("secret detail")).Kind.Code())
	// Output: internal
}
