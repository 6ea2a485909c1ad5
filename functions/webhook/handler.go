// Package function is webhook: it takes signed webhooks and publishes each as a
// message to another function.
//
//	POST /github    X-Hub-Signature-256, as GitHub signs
//	POST /stripe    Stripe-Signature, as Stripe signs
//	POST /generic   webhook-id, -timestamp, -signature: Standard Webhooks
//
// Any of them is also POST /?op=NAME. 202 means that the message is in the
// queue, in the same transaction as the note that it came. It does not know what
// an event means.
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
