package function

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/photo/phototest"
	"fnstore/kit/s3/s3test"
	"fnstore/kit/wire"
)

// The door as the world finds it: nothing mounted at first, then the key of
// the event plane, then the key of the store; who cannot sign gets nowhere.
//
// Seed: B17
func TestHandler_OnlyTheEventPlaneMayCall(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("secret_mount_path", dir) // the one test that goes through Handle
	mount := func(name, value string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store := new(s3test.Server)
	store.Add("uploads/p.png", "", phototest.PNG(phototest.Scene(30, 20)))
	key, body := strings.Repeat("k", 32), event("", "uploads/p.png")
	call := func(prepare func(http.Header)) (int, string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("X-Call-Id", "call-1")
		prepare(r.Header)
		w := httptest.NewRecorder()
		Handle(w, r)
		return w.Code, w.Body.String()
	}
	good := func(h http.Header) { caller.Sign(h, key, "POST", "/", []byte(body), time.Now()) }

	if status, said := call(good); status != 503 || !strings.Contains(said, "no_event_key") {
		t.Errorf("no key mounted: %d %s", status, said)
	}
	mount(caller.Secret, key)
	for name, forge := range map[string]func(http.Header){
		"unsigned":     func(http.Header) {},
		"another key":  func(h http.Header) { caller.Sign(h, strings.Repeat("x", 32), "POST", "/", []byte(body), time.Now()) },
		"another body": func(h http.Header) { caller.Sign(h, key, "POST", "/", []byte(body+" "), time.Now()) },
		"another path": func(h http.Header) { caller.Sign(h, key, "POST", "/x", []byte(body), time.Now()) },
		"an old one":   func(h http.Header) { caller.Sign(h, key, "POST", "/", []byte(body), time.Now().Add(-time.Hour)) },
	} {
		if status, said := call(forge); status != 401 || !strings.Contains(said, "unsigned_call") {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	if n := len(store.Puts()); n != 0 {
		t.Fatalf("%d writes for strangers", n)
	}
	if status, said := call(good); status != 503 || !strings.Contains(said, "no_s3_key") {
		t.Errorf("no store mounted: %d %s", status, said)
	}
	mount(storeSecret, store.Start(t))
	if status, said := call(good); status != 200 || !strings.Contains(said, `"status":"made"`) {
		t.Errorf("healed: %d %s", status, said)
	}
}

// Calls that come at once take turns: the second image is not read before the first one is out of memory.
//
// Seed: B34
func TestHandler_OneImageInMemoryAtATime(t *testing.T) {
	store := new(s3test.Server)
	for _, n := range []string{"a", "b", "c", "d"} {
		store.Add("uploads/"+n, "", phototest.PNG(phototest.Scene(200, 100)))
	}
	a := fresh(t, store)
	store.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && len(a.turn) != 1 {
			t.Error("an image is read out of turn")
		}
		return false
	}
	done := make(chan *httptest.ResponseRecorder)
	for _, n := range []string{"a", "b", "c", "d"} {
		go func() {
			w := httptest.NewRecorder()
			wire.Serve(w, httptest.NewRequest("POST", "/", strings.NewReader(event("", "uploads/"+n))), a.route)
			done <- w
		}()
	}
	for range 4 {
		if w := <-done; !strings.Contains(w.Body.String(), `"status":"made"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if n := len(store.Puts()); n != 12 {
		t.Errorf("%d writes", n)
	}
}
