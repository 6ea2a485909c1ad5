package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// database makes one of a test's own, with the index and the witness in it.
func database(t testing.TB) (url string, pool *pgxpool.Pool) {
	t.Helper()
	files, err := fs.Sub(Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	url = servicestest.Postgres(t)
	if _, err := migrate.Apply(t.Context(), url, []migrate.Source{{Name: "objects", FS: files}}); err != nil {
		t.Fatal(err)
	}
	if pool, err = pgxpool.New(context.Background(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), witness); err != nil {
		t.Fatal(err)
	}
	return url, pool
}

// witness is what follows from a change in these tests: a row per event.
const witness = `CREATE TABLE witness (sequencer text, name text, bucket text, key text, etag text)`

func record(ctx context.Context, tx pgx.Tx, ev Event) error {
	_, err := tx.Exec(ctx, `INSERT INTO witness VALUES ($1, $2, $3, $4, $5)`, ev.Sequencer, ev.Name, ev.Bucket, ev.Key, ev.ETag)
	return err
}

func openStore(t testing.TB, edit ...func(*Config)) *Store {
	t.Helper()
	_, pool := database(t)
	c := Config{Pool: pool, Dir: t.TempDir(), OnChange: record, MinFree: 1, OrphanAge: time.Nanosecond, Log: slog.New(slog.DiscardHandler)}
	for _, e := range edit {
		e(&c)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.MakeBucket(t.Context(), "box"); err != nil {
		t.Fatal(err)
	}
	return s
}

// putIf stores an object if the condition holds; nil holds.
func putIf(s *Store, ctx context.Context, bucket, key string, meta map[string]string, body io.Reader, size int64, when condition) (object, error) {
	return s.put(ctx, bucket, key, meta, body, size, change{name: Put, when: when})
}

func put(t testing.TB, s *Store, key, value string) object {
	t.Helper()
	o, err := putIf(s, t.Context(), "box", key, nil, strings.NewReader(value), int64(len(value)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func get(t testing.TB, s *Store, key string) string {
	t.Helper()
	_, f, err := s.openObject(t.Context(), "box", key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func blobs(t testing.TB, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func events(t testing.TB, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT name || ' ' || key FROM witness ORDER BY sequencer`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCommit_EventWithChange(t *testing.T) {
	s := openStore(t)
	put(t, s, "a", "one")
	put(t, s, "a", "two")
	if _, err := s.copyObject(t.Context(), "box", "a", "box", "b", nil, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds nothing, and says nothing
		if err := s.removeObject(t.Context(), "box", "a", nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"ObjectCreated:Put a", "ObjectCreated:Put a", "ObjectCreated:Copy b", "ObjectRemoved:Delete a"}
	if got := events(t, s.Pool); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := get(t, s, "b"); got != "two" {
		t.Errorf("the copy holds %q", got)
	}
	if n := blobs(t, s.Dir); n != 1 {
		t.Errorf("%d blobs for one object", n)
	}
}

func TestCommit_OnChangeFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("no room in the queue") },
		"panic": func() error { panic("no room in the queue") },
	} {
		t.Run(name, func(t *testing.T) {
			var failing atomic.Bool
			s := openStore(t, func(c *Config) {
				c.OnChange = func(ctx context.Context, tx pgx.Tx, ev Event) error {
					if err := record(ctx, tx, ev); err != nil || !failing.Load() {
						return err
					}
					return fail()
				}
			})
			put(t, s, "a", "old")
			failing.Store(true)
			try := func(what string, do func() error) {
				defer func() { _ = recover() }()
				if err := do(); err == nil {
					t.Errorf("%s succeeded", what)
				}
			}
			try("put", func() error {
				_, err := putIf(s, t.Context(), "box", "a", nil, strings.NewReader("new"), 3, nil)
				return err
			})
			try("first put", func() error {
				_, err := putIf(s, t.Context(), "box", "b", nil, strings.NewReader("new"), 3, nil)
				return err
			})
			try("remove", func() error { return s.removeObject(t.Context(), "box", "a", nil) })
			if got := get(t, s, "a"); got != "old" {
				t.Errorf("the object is %q now", got)
			}
			if _, err := s.stat(t.Context(), "box", "b"); !errors.Is(err, errNoSuchKey) {
				t.Errorf("stat b: %v", err)
			}
			if got := events(t, s.Pool); len(got) != 1 {
				t.Errorf("events %q", got)
			}
			if n := blobs(t, s.Dir); n != 1 {
				t.Errorf("%d blobs for one object", n)
			}
		})
	}
}

func TestOpenObject_WhileReplaced(t *testing.T) {
	s := openStore(t)
	value := func(i int) string { return strings.Repeat(fmt.Sprintf("%08d", i), 10_000) }
	put(t, s, "k", value(0))
	done := make(chan struct{})
	var readers sync.WaitGroup
	var reads atomic.Int64
	for range 4 {
		readers.Go(func() {
			for {
				_, f, err := s.openObject(context.Background(), "box", "k")
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(f)
				f.Close()
				if err != nil || len(b) != 80_000 || !bytes.Equal(b, bytes.Repeat(b[:8], 10_000)) {
					t.Errorf("read %d bytes of a mixture, %v", len(b), err)
					return
				}
				reads.Add(1)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 100 {
		put(t, s, "k", value(i+1))
	}
	close(done)
	readers.Wait()
	if reads.Load() < 4 || blobs(t, s.Dir) != 1 {
		t.Errorf("%d reads, %d blobs", reads.Load(), blobs(t, s.Dir))
	}
}

func TestCommit_OneCreatorWins(t *testing.T) {
	s := openStore(t)
	var wins atomic.Int64
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, err := putIf(s, context.Background(), "box", "k", nil, strings.NewReader(fmt.Sprint(i)), -1, func(old *object) error {
				if old != nil {
					return errPrecondition
				}
				return nil
			})
			if err == nil {
				wins.Add(1)
			} else if !errors.Is(err, errPrecondition) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if wins.Load() != 1 || len(events(t, s.Pool)) != 1 || blobs(t, s.Dir) != 1 {
		t.Errorf("%d winners, events %q, %d blobs", wins.Load(), events(t, s.Pool), blobs(t, s.Dir))
	}
}

func TestSweep_OrphansOnly(t *testing.T) {
	s := openStore(t)
	put(t, s, "kept", "kept")
	u, err := s.beginMultipart(t.Context(), "box", "up", map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.storePart(t.Context(), u, 1, strings.NewReader("part"), 4, nil); err != nil {
		t.Fatal(err)
	}
	orphan, err := s.write(t.Context(), strings.NewReader("orphan"), 6)
	if err != nil {
		t.Fatal(err)
	}
	if uploads, orphans, err := s.Sweep(t.Context()); err != nil || uploads+orphans != 0 {
		t.Fatalf("a pending blob: swept %d, %d, %v", uploads, orphans, err)
	}
	s.pending.Delete(orphan.id)
	if uploads, orphans, err := s.Sweep(t.Context()); err != nil || uploads != 0 || orphans != 1 {
		t.Errorf("an orphan: swept %d, %d, %v", uploads, orphans, err)
	}
	if _, err := s.Pool.Exec(t.Context(), `UPDATE objects.upload SET touched_at = now() - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	if uploads, orphans, err := s.Sweep(t.Context()); err != nil || uploads != 1 || orphans != 1 {
		t.Errorf("a left upload: swept %d, %d, %v", uploads, orphans, err)
	}
	if got := get(t, s, "kept"); got != "kept" {
		t.Errorf("kept is %q", got)
	}
}

func TestMultipart_Restart(t *testing.T) {
	s := openStore(t)
	u, err := s.beginMultipart(t.Context(), "box", "big", map[string]string{"Content-Type": "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.storePart(t.Context(), u, 2, strings.NewReader("world"), 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if s, err = Open(t.Context(), s.Config); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if u, err = s.findMultipart(t.Context(), u.ID, "box", "big"); err != nil {
		t.Fatal(err)
	}
	one, err := s.storePart(t.Context(), u, 1, strings.NewReader("hello "), 6, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.complete(t.Context(), u, completion{parts: []part{two, one}, size: -1}); !errors.Is(err, errPartOrder) {
		t.Errorf("parts out of order: %v", err)
	}
	if _, err := s.complete(t.Context(), u, completion{parts: []part{{Number: 1, md5: two.md5}}, size: -1}); !errors.Is(err, errInvalidPart) {
		t.Errorf("another part's ETag: %v", err)
	}
	etag, err := s.complete(t.Context(), u, completion{parts: []part{one, two}, size: -1})
	if err != nil {
		t.Fatal(err)
	}
	if u, err = s.findMultipart(t.Context(), u.ID, "box", "big"); err != nil {
		t.Fatal(err)
	}
	again, err := s.complete(t.Context(), u, completion{parts: []part{one, two}, size: -1})
	if err != nil || again != etag {
		t.Errorf("asked again: %q, %v; want %q", again, err, etag)
	}
	if got := get(t, s, "big"); got != "hello world" {
		t.Errorf("the object is %q", got)
	}
	if got := events(t, s.Pool); !slices.Equal(got, []string{"ObjectCreated:CompleteMultipartUpload big"}) {
		t.Errorf("events %q", got)
	}
	if n := blobs(t, s.Dir); n != 1 {
		t.Errorf("%d blobs for one object", n)
	}
}

func TestOpen_FolderInUse(t *testing.T) {
	s := openStore(t)
	if _, err := Open(t.Context(), s.Config); !errors.Is(err, ErrInUse) {
		t.Errorf("second store: %v", err)
	}
}

func TestPut_Limits(t *testing.T) {
	s := openStore(t, func(c *Config) { c.MaxObject = 10 })
	_, err := putIf(s, t.Context(), "box", "k", nil, strings.NewReader("eleven bytes"), -1, nil)
	var e *apiError
	if !errors.As(err, &e) || e.Code != "EntityTooLarge" {
		t.Errorf("a long body: %v", err)
	}
	s.MinFree = 1 << 62
	if _, err := putIf(s, t.Context(), "box", "k", nil, strings.NewReader("x"), 1, nil); !errors.Is(err, ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
	if n := blobs(t, s.Dir); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	s.MinFree = 1
	if _, err := putIf(s, t.Context(), "nowhere", "k", nil, strings.NewReader("x"), 1, nil); !errors.Is(err, errNoSuchBucket) {
		t.Errorf("no bucket: %v", err)
	}
	if err := s.MakeBucket(t.Context(), "box"); err != nil {
		t.Errorf("made again: %v", err)
	}
	for _, name := range []string{"", "ab", "A-Bucket", "127.0.0.1", "a..b", strings.Repeat("x", 64)} {
		if err := s.MakeBucket(t.Context(), name); err == nil {
			t.Errorf("a bucket named %q was made", name)
		}
	}
}

func TestOpenObject_LostBlob(t *testing.T) {
	s := openStore(t)
	o := put(t, s, "k", "value")
	stored, err := s.stat(t.Context(), "box", "k")
	if err != nil || stored.ETag() != o.ETag() {
		t.Fatal(stored, err)
	}
	s.remove(stored.blob)
	if _, _, err := s.openObject(t.Context(), "box", "k"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoSuchKey) {
		t.Errorf("open: %v", err)
	}
}
