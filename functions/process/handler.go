// Package function is process: it reads files that ingest has in its ledger and
// puts their rows into tables.
//
//	POST /                 a batch of messages, signed by the event plane; an SQS event
//	GET  /tables           the tables that files can go into
//	GET  /tables/{table}   some of a table's rows
//	GET  /rejects/{file}   rows of a file that could not be used, with line and column
//
// It takes signed calls only. The rows of a file, its state in the ledger and the
// message that tells of it are one transaction, so a file is in its table whole
// or not at all, and once. It does not know what the rows are for.
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
