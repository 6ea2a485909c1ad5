package s3

import (
	"context"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"

	"fnstore/runtime/migrate"
	"fnstore/runtime/objects"
	"fnstore/runtime/services/servicestest"
)

// embedded serves a store with a bucket, and a witness row for every event.
func embedded(t testing.TB) (*objects.Store, Target) {
	t.Helper()
	files, err := fs.Sub(objects.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	url := servicestest.Postgres(t)
	if _, err := migrate.Apply(t.Context(), url, []migrate.Source{{Name: "objects", FS: files}}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), `CREATE TABLE witness (sequencer text, name text, bucket text, key bytea, etag text)`); err != nil {
		t.Fatal(err)
	}
	admin := objects.Key{ID: "admin", Secret: "a-secret-of-the-suite", Admin: true}
	store, err := objects.Open(t.Context(), objects.Config{
		Pool: pool, Dir: t.TempDir(), Keys: []objects.Key{admin}, OrphanAge: time.Nanosecond,
		OnChange: func(ctx context.Context, tx pgx.Tx, ev objects.Event) error {
			_, err := tx.Exec(ctx, `INSERT INTO witness VALUES ($1, $2, $3, $4, $5)`, ev.Sequencer, ev.Name, ev.Bucket, []byte(ev.Key), ev.ETag)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.MakeBucket(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store.Handler())
	t.Cleanup(server.Close)
	return store, Target{Endpoint: strings.TrimPrefix(server.URL, "http://"), ID: admin.ID, Secret: admin.Secret, Exact: true}
}

// TestEmbeddedStore_Suite puts the embedded store through the suite, and holds that
// at its end every object has the event of its last change, and no event lacks
// its object.
func TestEmbeddedStore_Suite(t *testing.T) {
	store, target := embedded(t)
	target.Limit = func(t *testing.T, bucket, prefix string) (string, string) {
		limited := objects.Key{ID: "limited", Secret: "another-secret-of-it", Grants: []objects.Grant{
			{Verbs: []objects.Verb{objects.Read, objects.Write, objects.List, objects.Delete}, Bucket: bucket, Prefix: prefix},
		}}
		if err := store.SetKeys([]objects.Key{{ID: target.ID, Secret: target.Secret, Admin: true}, limited}); err != nil {
			t.Fatal(err)
		}
		return limited.ID, limited.Secret
	}
	Exercise(t, target)

	if _, err := client(t, target, target.ID, target.Secret).PutObject(t.Context(), "kept", "k", strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	var wrong, events int
	if err := store.Pool.QueryRow(t.Context(), `
		WITH last AS (SELECT DISTINCT ON (bucket, key) * FROM witness ORDER BY bucket, key, sequencer DESC)
		SELECT count(*) FILTER (WHERE (name LIKE 'ObjectCreated:%') <> (o.bucket IS NOT NULL) OR encode(o.etag, 'hex') <> last.etag), count(*)
		FROM last FULL JOIN objects.object o USING (bucket, key)`).Scan(&wrong, &events); err != nil {
		t.Fatal(err)
	}
	if wrong > 0 || events < 90 {
		t.Errorf("%d of %d keys do not agree with their last event", wrong, events)
	}
	if uploads, blobs, err := store.Sweep(t.Context()); err != nil || uploads+blobs != 0 {
		t.Errorf("the sweep found %d uploads, %d blobs, %v", uploads, blobs, err)
	}
	if err := store.SetKeys(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, target, target.ID, target.Secret).ListBuckets(t.Context()); code(err) != "InvalidAccessKeyId" {
		t.Errorf("without keys: %v", err)
	}
}

// TestEmbeddedStore_SecretRotation holds that while a key's secret is rotated both
// secrets are accepted, that afterwards the old one is refused, and that the
// overlap lets no third one in.
func TestEmbeddedStore_SecretRotation(t *testing.T) {
	store, target := embedded(t)
	put := func(secret string) error {
		_, err := client(t, target, target.ID, secret).PutObject(t.Context(), "kept", "k", strings.NewReader("x"), 1, minio.PutObjectOptions{})
		return err
	}
	rotate := func(now, previous string) {
		t.Helper()
		if err := store.SetKeys([]objects.Key{{ID: target.ID, Secret: now, Previous: previous, Admin: true}}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(secret string) {
		t.Helper()
		if code := minio.ToErrorResponse(put(secret)).Code; code != "SignatureDoesNotMatch" {
			t.Errorf("secret %q: code %q instead of SignatureDoesNotMatch", secret, code)
		}
	}

	rotate("a-secret-that-is-new", target.Secret)
	for _, secret := range []string{"a-secret-that-is-new", target.Secret} {
		if err := put(secret); err != nil {
			t.Errorf("secret %q in the overlap: %v", secret, err)
		}
	}
	refused("a-secret-of-nobody")

	rotate("a-secret-that-is-new", "")
	refused(target.Secret)
	if err := put("a-secret-that-is-new"); err != nil {
		t.Error(err)
	}
}
