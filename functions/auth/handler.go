// Package function is auth: it issues access tokens to people and programs.
//
//	POST   /token                   {"email","password"} or {"api_key"} → an access token
//	POST   /refresh                 {"refresh_token"} → new ones; the old one is used up
//	POST   /revoke                  {"refresh_token"} → the login ends
//	GET    /.well-known/jwks.json   the public keys that tokens are checked with
//	POST   /accounts                make an account (role admin)
//	PATCH  /accounts/{id}           change its roles, or disable it (role admin)
//	POST   /password                change one's own password
//	GET, POST /keys, DELETE /keys/{id}   one's own API keys
//
// Any of them is also POST / with the member op. It does not know what a role
// or a scope allows elsewhere.
package function

import (
	"net/http"
	"os"
	"sync"

	"fnstore/kit/secret"
	"fnstore/kit/wire"
)

var live = sync.OnceValues(func() (http.Handler, error) { return Open(os.Getenv, secret.Read) })

// Handle serves a request.
func Handle(w http.ResponseWriter, r *http.Request) {
	h, err := live()
	if err != nil {
		wire.Fail(w, r, err)
		return
	}
	h.ServeHTTP(w, r)
}
