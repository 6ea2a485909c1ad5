package migrate_test

import (
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

func file(sql string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(sql)} }

// dial connects as the URL says.
func dial(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// must runs statements.
func must(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestApply_RunsOnceWhoeverStartsIt(t *testing.T) {
	owner := servicestest.Cluster(t)
	sources := []migrate.Source{
		{Name: "one", FS: fstest.MapFS{"00001_a.sql": file("-- +goose Up\ncreate table a (n int); insert into a values (1);")}},
		{Name: "two", FS: fstest.MapFS{"00001_b.sql": file("-- +goose Up\ncreate table b (n int);")}},
		{Name: "none", FS: fstest.MapFS{}},
	}
	var all sync.WaitGroup
	ran := make([]int, 4)
	for i := range ran {
		all.Go(func() {
			var err error
			if ran[i], err = migrate.Apply(t.Context(), owner, sources); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sum := ran[0] + ran[1] + ran[2] + ran[3]; sum != 2 {
		t.Errorf("ran %v", ran)
	}
	sources[0].FS = fstest.MapFS{
		"00001_a.sql": sources[0].FS.(fstest.MapFS)["00001_a.sql"],
		"00002_c.sql": file("-- +goose Up\nalter table a add m int; select broken;"),
	}
	if _, err := migrate.Apply(t.Context(), owner, sources); err == nil {
		t.Error("a broken migration was accepted")
	}
	if _, err := dial(t, owner).Exec(t.Context(), "select m from a"); err == nil {
		t.Error("half of a broken migration stands")
	}
}
