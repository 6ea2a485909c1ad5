package hook

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

func TestHook_Places(t *testing.T) {
	got, err := Places(" uploads, data/incoming/ ,")
	if err != nil || len(got) != 2 || got[0] != (Place{"uploads", ""}) || got[1] != (Place{"data", "incoming/"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"Up", "a", "/x", "-abc", "abc.", "a b c", strings.Repeat("a", 64), "ok,../x"} {
		if _, err := Places(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if p := (Place{"data", "incoming/"}); !p.Has("data", "incoming/x") || p.Has("data", "incoming") || p.Has("other", "incoming/x") {
		t.Error("a place is its bucket and its prefix")
	}
}

// What a function reads is what S3 would have sent, with the key escaped once.
//
// Seed: R14, B11
func TestHook_TheMessageIsAnS3Event(t *testing.T) {
	o := Object{Event: "ObjectCreated:Put", Source: "fnstore:s3", Bucket: "uploads", Key: "dir a/my photo é+.jpg", ETag: "e", Size: 7,
		Sequencer: "01", At: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), CallID: "c-1"}
	m := o.message("thumbnail")
	var n notification
	if err := json.Unmarshal(m.Body, &n); err != nil || len(n.Records) != 1 {
		t.Fatalf("%s: %v", m.Body, err)
	}
	r := n.Records[0]
	key, err := url.QueryUnescape(r.S3.Object.Key)
	if err != nil || key != o.Key || strings.ContainsAny(r.S3.Object.Key, " /é") {
		t.Errorf("key %q", r.S3.Object.Key)
	}
	if r.EventName != o.Event || r.EventTime != "2026-01-02T03:04:05.678Z" || r.S3.Bucket.Name != "uploads" || r.S3.Object.Size != 7 {
		t.Errorf("%+v", r)
	}
	if !m.Trusted || m.CallID != "c-1" || m.Function != "thumbnail" {
		t.Errorf("%+v", m)
	}
	for _, bad := range []string{"a b", "x\r\nX-Evil: 1", strings.Repeat("a", 65)} {
		o.CallID = bad
		if got := o.message("f").CallID; got != "" {
			t.Errorf("a writer chose the call id %q", got)
		}
	}
}

// Each function that watches the place gets one message, and only if the
// transaction commits.
func TestHook_Emit(t *testing.T) {
	db := servicestest.Postgres(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), db, []migrate.Source{{Name: "kit_queue", FS: dir}}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	watchers := []Watcher{
		{Function: "both", Places: []Place{{"uploads", ""}, {"uploads", "a/"}}},
		{Function: "prefix", Places: []Place{{"uploads", "a/"}}},
		{Function: "other", Places: []Place{{"data", ""}}},
	}
	for key, want := range map[string]int{"a/x": 2, "b/x": 1} {
		n, err := Emit(t.Context(), conn, watchers, Object{Event: "ObjectCreated:Put", Bucket: "uploads", Key: key})
		if err != nil || n != want {
			t.Errorf("%s: %d messages, %v; want %d", key, n, err, want)
		}
	}
	claimed, err := lease.Open(conn).Claim(t.Context(), 1, []lease.Want{{Function: "both", Max: 9}, {Function: "prefix", Max: 9}, {Function: "other", Max: 9}})
	if err != nil || len(claimed) != 3 {
		t.Errorf("claimed %d, %v", len(claimed), err)
	}
}

func FuzzPlaces(f *testing.F) {
	for _, s := range []string{"uploads", "a/b,c/d", ",,", "uploads/é", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := Places(s)
		if err != nil {
			return
		}
		for _, p := range list {
			if !bucketName(p.Bucket) {
				t.Errorf("%q gave the bucket %q", s, p.Bucket)
			}
		}
	})
}
