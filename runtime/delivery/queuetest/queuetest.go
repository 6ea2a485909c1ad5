// Package queuetest gives tests an empty queue in a database of its own, and the
// few things that they all do with it. It does not know what a test is about.
package queuetest

import (
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// Open gives the URL of a database with an empty queue, and a pool on it.
func Open(t testing.TB) (url string, db *pgxpool.Pool) {
	t.Helper()
	url = servicestest.Postgres(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), url, []migrate.Source{{Name: "kit_queue", FS: dir}}); err != nil {
		t.Fatal(err)
	}
	if db, err = pgxpool.New(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return url, db
}

// Enqueue puts a message in, for the function f where it names none.
func Enqueue(t testing.TB, db queue.DB, n queue.New) queue.Accepted {
	t.Helper()
	if n.Function == "" {
		n.Function = "f"
	}
	a, err := queue.Enqueue(t.Context(), db, n)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Count gives the number of rows of a table in the schema queue.
func Count(t testing.TB, db queue.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "select count(*) from queue."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Expire lets every lease and delay run out.
func Expire(t testing.TB, db queue.DB) {
	t.Helper()
	if _, err := db.Exec(t.Context(), "update queue.message set visible_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
}
