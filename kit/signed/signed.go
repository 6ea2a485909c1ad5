// Package signed serves the calls of the event plane and of operators alone:
// those with a signature that holds. It does not know what a call is for.
package signed

import (
	"net/http"

	"fnstore/kit/caller"
	"fnstore/kit/wire"
)

// Only answers 401 unsigned_call to a call without proof, before anything of it
// is looked at, and hands every other one to next with its body, at most maxBody
// bytes.
func Only(maxBody int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := caller.Verify(r, maxBody); err != nil {
			wire.Fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
