// Package function is users: a versioned REST API of people's profiles.
//
//	GET, POST                /v1/users        list (keyset pages), create
//	GET, PUT, PATCH, DELETE  /v1/users/{id}   one of them
//	GET                      /v2/users/{id}   the same in the shape of version 2
//	GET                      /public/status, /public/openapi.json, /public/docs
//
// Any of them is also POST / with the member op. A caller has an access token of
// auth or an API key, and sees their own profile; the role admin sees all. It
// does not know passwords.
package function

import (
	"net/http"
	"os"
	"sync"

	"fnstore/kit/rest"
	"fnstore/kit/secret"
	"fnstore/kit/wire"
)

var live = sync.OnceValues(func() (*rest.API, error) { return Open(os.Getenv, secret.Read) })

// Handle serves a request.
func Handle(w http.ResponseWriter, r *http.Request) {
	h, err := live()
	if err != nil {
		wire.Fail(w, r, err)
		return
	}
	h.ServeHTTP(w, r)
}
