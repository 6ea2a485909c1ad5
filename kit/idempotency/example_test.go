package idempotency_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"

	"fnstore/kit/idempotency"
)

// Two requests with one key are the same request only when their bodies are equal,
// and a key means something only together with who sent it.
func ExampleFromRequest() {
	key := func(sender, body string) idempotency.Key {
		r := httptest.NewRequest("POST", "/v1/users", strings.NewReader(body))
		r.Header.Set(idempotency.Header, "order-17")
		k, err := idempotency.FromRequest(r, sender, []byte(body))
		if err != nil {
			panic(err)
		}
		return k
	}
	first, again := key("ada", "{}"), key("ada", "{}")
	fmt.Println(first == again)
	fmt.Println(first == key("bob", "{}"))
	fmt.Println(first == key("ada", `{"n":1}`))
	// Output:
	// true
	// false
	// false
}

// A route keeps the answer that it gave and sends it again, marked as a replay.
func ExampleAnswer_Write() {
	a := idempotency.Answer{Status: 201, Header: map[string]string{"Location": "/v1/users/7"}, Body: json.RawMessage(`{"id":"7"}`)}
	w := httptest.NewRecorder()
	a.Write(w, true)
	fmt.Println(w.Code, w.Header().Get("Location"), w.Header().Get(idempotency.Replayed), w.Body)
	// Output: 201 /v1/users/7 true {"id":"7"}
}
