// Package function is maintenance: it removes what has expired and writes
// reports, as others have declared.
//
//	POST /sweep         every clean-up that a function has granted
//	POST /report        every report, as CSV and HTML in the object store
//	POST /all           both
//	GET  /runs          what was done
//	POST /reservations  something is reserved for a while
//	GET  /reservations/{id}
//
// Each is also POST /?op=NAME; POST / without an op does both. It takes signed
// calls only: those of its schedules and of operators. It does not know any
// other function's tables: a clean-up is a function sweep_NAME(int) and a
// report a view report_NAME, in their schemas.
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
