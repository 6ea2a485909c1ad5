package function

import (
	"net/http"
	"testing"

	"fnstore/kit/golden"
	"fnstore/kit/photo/phototest"
	"fnstore/kit/s3/s3test"
	"fnstore/kit/wire"
)

// The goldens run before a store with these objects. A signature has a time in
// it, so who may call is tested in handler_test.go.
//
// Seed: R14
func TestGolden(t *testing.T) {
	store := new(s3test.Server)
	store.Add("uploads/my photo é+.jpg", "image/jpeg", phototest.Phone(300, 225, 6))
	store.Add("uploads/trip/glass.png", "image/png", phototest.PNG(phototest.Glass(60, 40)))
	store.Add("uploads/bomb.png", "image/png", phototest.ClaimedPNG(50_000, 50_000))
	store.Add("uploads/page.png", "image/png", phototest.HTML)
	store.Add("uploads/cut.jpg", "image/jpeg", phototest.JPEG(phototest.Scene(60, 40))[:700])
	a := fresh(t, store)
	golden.Run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wire.Serve(w, r, a.route) }), "testdata")
}
