package caller_test

import (
	"fmt"
	"net/http"
	"time"

	"fnstore/kit/caller"
)

// A signature holds for one method, target and body, near the time it was made.
func ExampleSign() {
	const key = "0123456789abcdef0123456789abcdef"
	now, body := time.Now(), []byte(`{"id":1}`)
	h := http.Header{"X-Call-Id": {"call-1"}}
	caller.Sign(h, key, "POST", "/", body, now)
	fmt.Println(caller.Check(h, []string{key}, "POST", "/", body, now))
	fmt.Println(caller.Check(h, []string{key}, "POST", "/", []byte(`{"id":2}`), now) != nil)
	// Output:
	// <nil>
	// true
}
