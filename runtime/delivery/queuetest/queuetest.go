// Package queuetest gives tests an empty queue in a database of its own, and the
// few things that they all do with it. It does not know what a test is about.
package queuetest

import (
	"io/fs"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// Open gives the URL of a database with an empty queue, and a pool on it. More are
// the migrations of other schemas that belong beside it, by name: each file system
// has a folder migrations.
func Open(t testing.TB, more ...map[string]fs.FS) (url string, db *pgxpool.Pool) {
	t.Helper()
	url = servicestest.Postgres(t)
	all := map[string]fs.FS{"kit_queue": queue.Migrations}
	for _, m := range more {
		maps.Copy(all, m)
	}
	var sources []migrate.Source
	for _, name := range slices.Sorted(maps.Keys(all)) {
		dir, err := fs.Sub(all[name], "migrations")
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, migrate.Source{Name: name, FS: dir})
	}
	if _, err := migrate.Apply(t.Context(), url, sources); err != nil {
		t.Fatal(err)
	}
	var err error
	if db, err = pgxpool.New(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return url, db
}

// Connectors gives a pool on a database with an empty queue and what connectors
// keep beside it. More is as with Open.
func Connectors(t testing.TB, more ...map[string]fs.FS) *pgxpool.Pool {
	t.Helper()
	_, db := Open(t, append(more, map[string]fs.FS{"connectors_hook": hook.Migrations})...)
	return db
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
