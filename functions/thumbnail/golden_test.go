package function

import (
	"net/http"
	"testing"

	"fnstore/kit/golden"
	"fnstore/kit/photo/phototest"
	"fnstore/kit/s3/s3test"
	"fnstore/kit/wire"
)

// The goldens run before a shelf with these objects. A signature has a time in
// it, so who may call is tested in handler_test.go.
func TestGolden_R14(t *testing.T) {
	shelf := new(s3test.Shelf)
	shelf.Lay("uploads/my photo é+.jpg", "image/jpeg", phototest.Phone(300, 225, 6))
	shelf.Lay("uploads/trip/glass.png", "image/png", phototest.PNG(phototest.Glass(60, 40)))
	shelf.Lay("uploads/bomb.png", "image/png", phototest.ClaimedPNG(50_000, 50_000))
	shelf.Lay("uploads/page.png", "image/png", phototest.HTML)
	shelf.Lay("uploads/cut.jpg", "image/jpeg", phototest.JPEG(phototest.Scene(60, 40))[:700])
	a := fresh(t, shelf)
	golden.Run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wire.Serve(w, r, a.route) }), "testdata")
}
