// Package function is user-events: it takes what happens to users, once each,
// and keeps who they are and what happened.
//
//	POST /            a message, row changes of the postgres connector, or CloudEvents
//	GET  /events      what arrived; known=false lists types that nobody handles
//	GET  /people/{id} who a user is after all that arrived
//
// It takes signed calls only. An event is known by its source and id, and what
// it does is in one transaction with the note that it came. It does not know who
// sends the events.
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
