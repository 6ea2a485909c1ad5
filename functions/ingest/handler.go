// Package function is ingest: each file that is put under data/incoming/ becomes
// one row of a ledger and one message to process, in one transaction.
//
//	POST /           an S3 event notification, signed by the event plane
//	GET  /files      the ledger, the newest first
//	GET  /files/{id} one file, and what became of it
//
// It takes signed calls only. A file is a content of a key: the same event twice
// is one file, and equal bytes under two keys are two. It does not know what is
// in a file, nor how it is read.
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
