package retry_test

import (
	"context"
	"fmt"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/retry"
)

// What may pass is tried again, and what stays is not.
func ExamplePolicy_Do() {
	p := retry.Policy{Base: time.Millisecond}
	err := p.Do(context.Background(), func(n int) error {
		if n < 3 {
			return fault.New(fault.Unavailable, "busy", "not now")
		}
		fmt.Println("try", n)
		return nil
	})
	fmt.Println(err)
	err = p.Do(context.Background(), func(n int) error {
		fmt.Println("try", n)
		return fault.New(fault.Invalid, "no_name", "Send a name.")
	})
	fmt.Println(err)
	// Output:
	// try 3
	// <nil>
	// try 1
	// Send a name.
}
