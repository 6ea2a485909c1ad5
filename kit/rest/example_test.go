package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"fnstore/kit/fault"
	"fnstore/kit/rest"
)

// Routes are a table. What every call needs is done before Serve; what is wrong is
// answered as a problem (RFC 9457).
func ExampleAPI() {
	api := &rest.API{
		Name: "books",
		Authenticate: func(r *http.Request) (rest.Caller, error) {
			return rest.Caller{}, fault.New(fault.Unauthorized, "unauthorized", "Send an access token.")
		},
		Limit: func(http.ResponseWriter, *http.Request, string, rest.Caller) error { return nil },
		Routes: []rest.Route{{
			Method: "GET", Path: "/v1/books/{id}", Op: "book", Public: true,
			Serve: func(w http.ResponseWriter, r *http.Request) error {
				return json.NewEncoder(w).Encode(map[string]string{"id": r.PathValue("id")})
			},
		}, {
			Method: "DELETE", Path: "/v1/books/{id}", Op: "delete-book", Role: "admin",
			Serve: func(http.ResponseWriter, *http.Request) error { return nil },
		}},
	}
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest(method, "/v1/books/7", nil))
		fmt.Printf("%s %d %q\n", method, w.Code, w.Header().Get("Allow"))
	}
	// Output:
	// GET 200 ""
	// DELETE 401 ""
	// PUT 405 "DELETE, GET, HEAD, OPTIONS"
}
