package flow

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/minio/minio-go/v7"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/queue"
)

// What a function writes says how many functions have followed one another, and
// too many of them end: the object is stored and calls nobody.
func TestHops_ALoopOfFunctionsEnds(t *testing.T) {
	fits(t)
	put := func(key string, hops int) (id string) {
		t.Helper()
		id = queue.CallID()
		body := phototest.Phone(200, 150, 1)
		_, err := bucket(t, shared).PutObject(t.Context(), "uploads", key, bytes.NewReader(body), int64(len(body)),
			minio.PutObjectOptions{UserMetadata: map[string]string{"call-id": id, "fnstore-hops": strconv.Itoa(hops)}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if p := await(t, shared, put("third.jpg", 3)); p.State != queue.Succeeded {
		t.Fatalf("%+v", p)
	}
	if _, info := thumbnail(t, shared, 100, "third.jpg"); info.UserMetadata["Fnstore-Hops"] != "4" {
		t.Errorf("metadata %v", info.UserMetadata)
	}
	// The event and its messages commit with the object, so now is late enough.
	var p queue.Progress
	if system(t.Context(), t, shared, "GET", "/system/calls/"+put("seventeenth.jpg", 17), "", &p); p.State != queue.Unknown {
		t.Errorf("%+v", p)
	}
}
