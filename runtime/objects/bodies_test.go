package objects

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// putBody stores a body in a transaction that ends with end.
func putBody(t *testing.T, s *Store, body []byte, end func(pgx.Tx, context.Context) error) string {
	t.Helper()
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ref, err := s.Bodies().Put(t.Context(), tx, body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bodies().Get(t.Context(), ref); !errors.Is(err, ErrNoBody) {
		t.Errorf("before the transaction ended: %v", err)
	}
	if err := end(tx, t.Context()); err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestBodies_FollowTheirTransaction holds that a body is there when its
// transaction committed, and that nothing is left of one that did not.
func TestBodies_FollowTheirTransaction(t *testing.T) {
	s := openStore(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	kept := putBody(t, s, large, pgx.Tx.Commit)
	empty := putBody(t, s, nil, pgx.Tx.Commit)
	lost := putBody(t, s, []byte("lost"), pgx.Tx.Rollback)
	if n := blobs(t, s.Dir); n != 3 {
		t.Errorf("%d blobs", n)
	}
	if _, n, err := s.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	for ref, want := range map[string][]byte{kept: large, empty: {}} {
		if got, err := s.Bodies().Get(t.Context(), ref); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
		}
	}
	if _, err := s.Bodies().Get(t.Context(), lost); !errors.Is(err, ErrNoBody) {
		t.Errorf("rolled back: %v", err)
	}
	for range 2 {
		if err := s.Bodies().Delete(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Bodies().Get(t.Context(), kept); !errors.Is(err, ErrNoBody) {
		t.Errorf("deleted: %v", err)
	}
	if n := blobs(t, s.Dir); n != 1 {
		t.Errorf("%d blobs for one body", n)
	}
}

// TestBodies_Hidden holds that clients of S3 cannot see a body, and that it
// neither makes an event nor keeps a bucket from being removed.
func TestBodies_Hidden(t *testing.T) {
	s := openStore(t, withKey)
	ref := putBody(t, s, []byte("body"), pgx.Tx.Commit)
	h := s.Handler()
	for _, path := range []string{"/", "/box?list-type=2", "/box?versions", "/box?uploads"} {
		if w := answerOf(t, h, "127.0.0.1", "GET", path, ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), ref) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/box/" + ref, "/body/" + ref, "/blobs/" + ref[:2] + "/" + ref} {
		if status, _ := send(t, h, "GET", path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	if got := events(t, s.Pool); len(got) != 0 {
		t.Errorf("events %q", got)
	}
	if err := s.RemoveBucket(t.Context(), "box"); err != nil {
		t.Error(err)
	}
	if got, err := s.Bodies().Get(t.Context(), ref); err != nil || string(got) != "body" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBodies_Failures(t *testing.T) {
	s := openStore(t)
	ref := putBody(t, s, []byte("body"), pgx.Tx.Commit)
	id, err := parseBlobID(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.path(id), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bodies().Get(t.Context(), ref); err == nil || errors.Is(err, ErrNoBody) {
		t.Errorf("half a body: %v", err)
	}
	s.remove(id)
	if _, err := s.Bodies().Get(t.Context(), ref); err == nil || errors.Is(err, ErrNoBody) {
		t.Errorf("a lost body: %v", err)
	}
	for _, ref := range []string{"", "../lock", strings.Repeat("z", 32), strings.Repeat("0", 33), strings.Repeat("0", 31)} {
		if _, err := s.Bodies().Get(t.Context(), ref); !errors.Is(err, ErrNoBody) {
			t.Errorf("get %q: %v", ref, err)
		}
		if err := s.Bodies().Delete(t.Context(), ref); !errors.Is(err, ErrNoBody) {
			t.Errorf("delete %q: %v", ref, err)
		}
	}
	s.MinFree = 1 << 62
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // nothing was written
	if _, err := s.Bodies().Put(t.Context(), tx, []byte("x")); !errors.Is(err, ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
}
