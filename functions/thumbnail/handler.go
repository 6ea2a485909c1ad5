// Package function makes thumbnails of the images that are put into a bucket:
// JPEG or PNG, 100, 200 and 400 pixels wide, under
// thumbnails/<width>x/<key> in another bucket.
//
//	POST /   an S3 event notification, signed by the event plane
//	  200    {"results":[{"bucket","key","status","thumbnails","reason"}]}
//	  4xx    a problem that will not go away: the image or the event
//	  5xx    a problem that may: the object store, a secret, time
//
// It works from what is in the bucket now, not from what an event remembers,
// so an event may come twice, late or out of order. It does not know who put
// the object there, nor who looks at the thumbnails.
package function

import (
	"net/http"
	"os"
	"sync"

	"fnstore/kit/caller"
	"fnstore/kit/s3"
	"fnstore/kit/secret"
	"fnstore/kit/wire"
)

var live = sync.OnceValues(open) // reads settings once; secrets at every use; dials nothing

// Handle is the function's door.
func Handle(w http.ResponseWriter, r *http.Request) {
	a, err := live()
	if err != nil {
		wire.Fail(w, r, err)
		return
	}
	wire.Serve(w, r, a.route)
}

// open remembers bad settings and nothing else. A key that is not mounted yet
// or a store that is down is found out, and forgotten, at each call.
func open() (*api, error) {
	s, err := read(os.Getenv)
	if err != nil {
		return nil, err
	}
	return newAPI(s, caller.Verify, s3.Mount(func() (string, error) { return secret.Read(storeSecret) })), nil
}
