package function

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"fnstore/kit/photo"
	"fnstore/kit/photo/phototest"
	"fnstore/kit/s3"
	"fnstore/kit/s3/s3test"
	"fnstore/kit/wire"
)

// signed is the proof of a call in tests that are not about it.
func signed(*http.Request, int64) error { return nil }

// fresh is the function as Handle makes it, before a store.
func fresh(t testing.TB, store *s3test.Server) *api {
	t.Helper()
	s, err := read(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	endpoint := store.Start(t)
	return newAPI(s, signed, s3.Mount(func() (string, error) { return endpoint, nil }))
}

// event is a notification of one created object per name.
func event(etag string, names ...string) string {
	var records []string
	for _, n := range names {
		bucket, key, _ := strings.Cut(n, "/")
		records = append(records, fmt.Sprintf(
			`{"eventVersion":"2.1","eventSource":"fnstore:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"eTag":%q,"sequencer":"01"}}}`,
			bucket, url.QueryEscape(key), etag))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// call sends a body and reads the answer.
func call(t testing.TB, a *api, body string) (int, []result, wire.Problem) {
	t.Helper()
	w := httptest.NewRecorder()
	wire.Serve(w, httptest.NewRequest("POST", "/", strings.NewReader(body)), a.route)
	var good struct{ Results []result }
	var bad wire.Problem
	into := any(&good)
	if w.Code != http.StatusOK {
		into = &bad
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return w.Code, good.Results, bad
}

// one sends an event of one object that must go well.
func one(t testing.TB, a *api, name string) result {
	t.Helper()
	status, results, problem := call(t, a, event("", name))
	if status != http.StatusOK || len(results) != 1 {
		t.Fatalf("%s: %d %+v", name, status, problem)
	}
	return results[0]
}

// Seed: R14, R35, B32
func TestAPI_ThreeWidthsBesideAnotherBucket(t *testing.T) {
	store := new(s3test.Server)
	etag := store.Add("uploads/a/photo.jpg", "text/plain", phototest.Phone(800, 600, 6))
	res := one(t, fresh(t, store), "uploads/a/photo.jpg")
	want := []string{"thumbnails/thumbnails/100x/a/photo.jpg", "thumbnails/thumbnails/200x/a/photo.jpg", "thumbnails/thumbnails/400x/a/photo.jpg"}
	if got := store.Puts(); res.Status != "made" || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v: wrote %q, want %q and nothing else", res, got, want)
	}
	for i, path := range want {
		h, body, _ := store.Object(path)
		c, format, err := image.DecodeConfig(bytes.NewReader(body))
		if err != nil || "image/"+format != h.Get("Content-Type") || c.Width != widths[i] || c.Height != widths[i]*3/4 {
			t.Errorf("%s: %v %s %dx%d, %v", path, h.Get("Content-Type"), format, c.Width, c.Height, err)
		}
		if h.Get("X-Amz-Meta-Fnstore-Source-Etag") != etag || h.Get("X-Amz-Meta-Fnstore-Engine") != photo.Engine {
			t.Errorf("%s is not marked: %v", path, h)
		}
		if got := res.Thumbnails[i]; "thumbnails/"+got.Key != path || got.Width != c.Width || got.Height != c.Height {
			t.Errorf("the answer says %+v", got)
		}
	}
}

// What the function wrote never starts it again, in whichever bucket a
// misdirected event finds it.
//
// Seed: B32
func TestThumbnails_MakeNoThumbnails(t *testing.T) {
	store := new(s3test.Server)
	store.Add("uploads/p.png", "", phototest.PNG(phototest.Scene(300, 200)))
	a := fresh(t, store)
	a.sources = append(a.sources, source{bucket: "thumbnails"}, source{bucket: "copies"})
	one(t, a, "uploads/p.png")
	h, body, _ := store.Object("thumbnails/thumbnails/400x/p.png")
	store.Before = func(w http.ResponseWriter, r *http.Request) bool { // a copy keeps its metadata
		if r.Method == http.MethodHead && r.URL.Path == "/copies/p.png" {
			for k, v := range h {
				w.Header()[k] = v
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
			return true
		}
		return false
	}
	for _, n := range []string{"thumbnails/thumbnails/400x/p.png", "copies/p.png"} {
		if res := one(t, a, n); res.Status != "skipped" || res.Reason != "it is a thumbnail" {
			t.Errorf("%s: %+v", n, res)
		}
	}
	if n := len(store.Puts()); n != 3 {
		t.Errorf("%d writes, want exactly 3", n)
	}
}

// Seed: B11
func TestAPI_KeysAreDecodedOnce(t *testing.T) {
	store := new(s3test.Server)
	file := phototest.PNG(phototest.Scene(60, 40))
	for _, key := range []string{"my photo é+.jpg", "a/b c/100%41.png", "übung/+ +%2B.png"} {
		store.Add("uploads/"+key, "", file)
		if res := one(t, fresh(t, store), "uploads/"+key); res.Key != key || res.Status != "made" {
			t.Errorf("%q: %+v", key, res)
		}
		if _, _, ok := store.Object("thumbnails/thumbnails/200x/" + key); !ok {
			t.Errorf("%q: no thumbnail under its name: %q", key, store.Paths())
		}
	}
}

// Seed: B38
func TestAPI_ASecondArrivalIsAQuietSuccess(t *testing.T) {
	store := new(s3test.Server)
	store.Add("uploads/p.jpg", "", phototest.Phone(300, 200, 1))
	a := fresh(t, store)
	one(t, a, "uploads/p.jpg")
	if res := one(t, a, "uploads/p.jpg"); res.Status != "skipped" || res.Reason != "current" || len(store.Puts()) != 3 {
		t.Errorf("%+v after %d writes", res, len(store.Puts()))
	}
	_, before, _ := store.Object("thumbnails/thumbnails/100x/p.jpg")
	store.Remove("thumbnails/thumbnails/100x/p.jpg") // a crash between two writes
	one(t, a, "uploads/p.jpg")
	if _, after, _ := store.Object("thumbnails/thumbnails/100x/p.jpg"); !bytes.Equal(before, after) {
		t.Error("the second time gives other bytes")
	}
}

// The object is replaced while its first content is being read: whoever wrote
// last, what stays is made of what stays.
//
// Seed: B38
func TestAPI_TheNewestObjectWins(t *testing.T) {
	store := new(s3test.Server)
	old := store.Add("uploads/p.png", "", phototest.PNG(phototest.Scene(300, 200)))
	var once sync.Once
	var newer string
	store.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			once.Do(func() { newer = store.Add("uploads/p.png", "", phototest.PNG(phototest.Glass(300, 200))) })
		}
		return false
	}
	a := fresh(t, store)
	status, results, _ := call(t, a, event(old, "uploads/p.png"))
	if status != 200 || results[0].Status != "made" || !strings.HasPrefix(results[0].Reason, "superseded") {
		t.Fatalf("%d %+v", status, results)
	}
	for _, w := range widths {
		if h, _, _ := store.Object(fmt.Sprintf("thumbnails/thumbnails/%dx/p.png", w)); h.Get("X-Amz-Meta-Fnstore-Source-Etag") != newer {
			t.Errorf("width %d is of the older object", w)
		}
	}
	// The newer object's own event finds the work done, and so does the older one again.
	for _, etag := range []string{newer, old} {
		if _, results, _ := call(t, a, event(etag, "uploads/p.png")); results[0].Reason != "current" {
			t.Errorf("%+v", results)
		}
	}
}

// Seed: B38
func TestAPI_AnObjectThatNeverRestsIsTriedLater(t *testing.T) {
	store := new(s3test.Server)
	n := 0
	lay := func() { n++; store.Add("uploads/p.png", "", phototest.PNG(phototest.Scene(100+n, 50))) }
	lay()
	store.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			lay()
		}
		return false
	}
	status, _, p := call(t, fresh(t, store), event("", "uploads/p.png"))
	if status != 503 || p.Code != "source_changing" || n != attempts+1 {
		t.Errorf("%d %+v after %d contents", status, p, n)
	}
}
