package wire_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

func route(w http.ResponseWriter, r *http.Request) error {
	body, err := wire.Body(w, r, 1<<10)
	if err != nil {
		return err
	}
	var in struct{ Name string }
	if err := wire.Decode(body, &in); err != nil {
		return err
	}
	if in.Name == "" {
		return fault.New(fault.Invalid, "no_name", "Send a name.")
	}
	return wire.JSON(w, http.StatusOK, map[string]string{"hello": in.Name})
}

// A route returns its error; Serve turns it into a problem (RFC 9457).
func ExampleServe() {
	for _, body := range []string{`{"name":"Ada"}`, `{}`} {
		w := httptest.NewRecorder()
		wire.Serve(w, httptest.NewRequest("POST", "/", strings.NewReader(body)), route)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 200 application/json
	// 400 application/problem+json
}

// JSON decoders differ in what they do with a name that an object has twice.
func ExampleRepeated() {
	fmt.Println(wire.Repeated([]byte(`{"role":"user","role":"admin"}`)))
	// Output: role true
}
