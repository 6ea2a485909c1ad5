// Package function is chain: one call that is several, each given the answer of
// the one before. As it comes: validate, process, store.
//
//	POST /run            the chain; its answer is the last step's
//	POST /validate       the three steps of its own, which others can replace
//	POST /process
//	POST /store
//	GET  /records/{id}   what the last one has stored
//
// Each is also POST /?op=NAME; POST / without an op runs the chain. It takes
// signed calls only, and signs those it makes. It keeps no state of a run: a
// call that fails is made again as a whole, or is a workflow's business. It does
// not know what the steps do.
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
