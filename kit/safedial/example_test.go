package safedial_test

import (
	"fmt"
	"net/netip"

	"fnstore/kit/safedial"
)

func ExampleCheck() {
	for _, a := range []string{"93.184.215.14", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"} {
		fmt.Println(a, safedial.Check(netip.MustParseAddr(a), false) == nil)
	}
	// Output:
	// 93.184.215.14 true
	// 127.0.0.1 false
	// 169.254.169.254 false
	// ::ffff:10.0.0.1 false
}
