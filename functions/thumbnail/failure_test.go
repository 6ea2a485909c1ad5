package function

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"fnstore/kit/fault"
	"fnstore/kit/photo/phototest"
	"fnstore/kit/s3"
	"fnstore/kit/s3/s3test"
)

// Seed: R14
func TestFailure_WhatIsNotToBeDone(t *testing.T) {
	store := new(s3test.Server)
	store.Add("other/p.png", "", phototest.PNG(phototest.Scene(30, 20)))
	a := fresh(t, store)
	removed := strings.Replace(event("", "uploads/p.png"), "ObjectCreated:Put", "s3:ObjectRemoved:Delete", 1)
	for body, reason := range map[string]string{
		event("", "uploads/gone.png"): "gone",
		event("", "other/p.png"):      "no thumbnails are made of this bucket",
		removed:                       "nothing was created",
	} {
		if status, results, _ := call(t, a, body); status != 200 || results[0].Status != "skipped" || results[0].Reason != reason {
			t.Errorf("%s: %d %+v", body, status, results)
		}
	}
	if status, results, _ := call(t, a, `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`); status != 200 || len(results) != 0 {
		t.Errorf("test event: %d", status)
	}
}

// A bad image is refused for good, with its name and reason, and the next one
// is made.
//
// Seed: B30, B34, B35
func TestFailure_BadImagesAreDeadLettersWithAReason(t *testing.T) {
	good := phototest.JPEG(phototest.Scene(120, 80))
	store := new(s3test.Server)
	a := fresh(t, store)
	for key, c := range map[string]struct {
		file   []byte
		status int
		code   string
	}{
		"page.png": {phototest.HTML, 415, "unsupported_image"},
		"bomb.png": {phototest.ClaimedPNG(50_000, 50_000), 413, "image_too_large"},
		"cut.jpg":  {good[:len(good)/2], 422, "image_damaged"},
		"none.jpg": {nil, 415, "unsupported_image"},
	} {
		store.Add("uploads/"+key, "image/png", c.file)
		status, _, p := call(t, a, event("", "uploads/"+key))
		if status != c.status || p.Code != c.code || !strings.HasPrefix(p.Detail, "uploads/"+key+": ") {
			t.Errorf("%s: %d %+v", key, status, p)
		}
	}
	if n := len(store.Puts()); n != 0 {
		t.Errorf("%d writes of nothing", n)
	}
	store.Add("uploads/good.jpg", "", good)
	one(t, a, "uploads/good.jpg")
}

// Seed: B7, B13
func TestFailure_OneBadRecordDoesNotStopTheOthers(t *testing.T) {
	store := new(s3test.Server)
	store.Add("uploads/1.png", "", phototest.PNG(phototest.Scene(30, 20)))
	store.Add("uploads/2.png", "", phototest.HTML)
	store.Add("uploads/3.png", "", phototest.PNG(phototest.Scene(40, 20)))
	a := fresh(t, store)
	status, _, p := call(t, a, event("", "uploads/1.png", "uploads/2.png", "uploads/3.png"))
	if status != 415 || !strings.HasPrefix(p.Detail, "1 of 3 records failed: uploads/2.png: ") || len(store.Puts()) != 6 {
		t.Errorf("%d %+v after %d writes", status, p, len(store.Puts()))
	}
	// With one that may succeed later, the message comes again.
	store.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/4.png") {
			s3test.Answer(w, r, 503, "SlowDown")
			return true
		}
		return false
	}
	status, _, p = call(t, a, event("", "uploads/2.png", "uploads/4.png"))
	if status != 503 || !strings.Contains(p.Detail, "2 of 2") || len(store.Puts()) != 6 {
		t.Errorf("%d %+v after %d writes", status, p, len(store.Puts()))
	}
	if status, results, _ := call(t, a, event("", "uploads/1.png", "uploads/3.png")); status != 200 || len(results) != 2 {
		t.Errorf("%d %+v", status, results)
	}
}

// A secret that is missing at the start, wrong for a while or rotated is read
// again at each call; nothing but bad settings is remembered.
//
// Seed: R19, R22, B17, B18
func TestFailure_TheKeyIsReadAtUse(t *testing.T) {
	store := new(s3test.Server)
	store.Add("uploads/p.png", "", phototest.PNG(phototest.Scene(30, 20)))
	good := store.Start(t)
	key, err := "", fmt.Errorf("not mounted")
	a := fresh(t, store)
	a.store = s3.Mount(func() (string, error) { return key, err })
	try := func() string { _, _, p := call(t, a, event("", "uploads/p.png")); return p.Code }
	if code := try(); code != "no_s3_key" {
		t.Errorf("missing: %q", code)
	}
	if key, err = "http://nothing", nil; try() != "bad_s3_key" {
		t.Errorf("unreadable")
	}
	if key = strings.Replace(good, "key:", "old:", 1); try() != "s3_denied" {
		t.Errorf("rotated away")
	}
	if key = good; try() != "" {
		t.Error("the right key does not heal it")
	}
	first, _ := a.store.Client()
	if again, _ := a.store.Client(); again != first {
		t.Error("a client for each call")
	}
}

// Seed: R12
func TestFailure_Settings(t *testing.T) {
	env := map[string]string{"thumbnail_sources": "uploads/in, scans", "thumbnail_bucket": "small"}
	s, err := read(func(k string) string { return env[k] })
	if err != nil || s.output != "small" || !s.watches("uploads", "in/a") || s.watches("uploads", "out/a") || !s.watches("scans", "x") {
		t.Errorf("%+v, %v", s, err)
	}
	for k, v := range map[string]string{"thumbnail_sources": "uploads,,x", "thumbnail_bucket": "a/b"} {
		if _, err := read(func(n string) string { return map[string]string{k: v}[n] }); err == nil {
			t.Errorf("%s=%q was taken", k, v)
		}
	}
}

func TestFailure_MissingOutputBucketIsOurs(t *testing.T) {
	store := new(s3test.Server)
	store.Add("uploads/p.png", "", phototest.PNG(phototest.Scene(30, 20)))
	a := fresh(t, store)
	a.output = "nowhere"
	if status, _, p := call(t, a, event("", "uploads/p.png")); status != 503 || p.Code != "no_output_bucket" {
		t.Errorf("%d %+v", status, p)
	}
	if _, _, p := call(t, a, event("", "uploads/"+strings.Repeat("k", 1020))); p.Code != "key_too_long" {
		t.Errorf("%+v", p)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(event("e", "uploads/my photo é+.jpg", "b/x"))
	f.Add(`{"Event":"s3:TestEvent"}`)
	f.Add(`{"EventName":"s3:ObjectCreated:Put","Key":"b/k","Records":[{"eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a%2Fb","eTag":"\"x\""}}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		records, err := parse([]byte(body))
		if err != nil && fault.Of(err).Kind.Retriable() {
			t.Errorf("a bad event would come back for ever: %v", err)
		}
		for _, r := range records {
			if r.bucket == "" || r.key == "" || len(r.key) > maxKey {
				t.Errorf("%+v", r)
			}
		}
	})
}
