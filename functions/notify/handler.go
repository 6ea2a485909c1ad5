// Package function is notify: topics whose subscribers are functions, webhooks
// and mailboxes.
//
//	POST   /publish             a notification, also as send-notification and send-confirmation
//	GET    /notifications/{id}  what became of it
//	POST   /subscriptions       who wants to hear of a topic, and of what in it
//	GET    /subscriptions       all of them
//	DELETE /subscriptions/{id}  one of them goes
//
//	POST   /alerts              what Alertmanager sends, with a password of its own
//
// Each of the others is also POST /?op=NAME; POST / without an op publishes. They take
// signed calls only. 202 means that the notification and a message for each subscriber
// are committed; the queue delivers each on its own. It does not know what
// a notification is about beyond its type.
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
