package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
	"fnstore/runtime/delivery"
	"fnstore/runtime/migrate"
	"fnstore/runtime/provision"
	"fnstore/runtime/secrets"
	"fnstore/runtime/services/servicestest"
)

// An upgrade loses nothing: each file in testdata/upgrade is the database of a
// store of an older version with data in it (make.sh there makes one). This test
// stays for every later change of a schema. A migration that moves rows to other
// tables or columns says here where they are found; no row may be left out. At
// each tag, add a file of that version.
func TestUpgrade_KeepsEveryRow(t *testing.T) {
	dumps, err := filepath.Glob("testdata/upgrade/*.sql")
	if err != nil || len(dumps) == 0 {
		t.Fatalf("no old databases: %v", err)
	}
	for _, dump := range dumps {
		t.Run(strings.TrimSuffix(filepath.Base(dump), ".sql"), func(t *testing.T) { upgrade(t, dump) })
	}
}

func upgrade(t *testing.T, dump string) {
	owner := servicestest.Cluster(t)
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	text, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), string(text)); err != nil {
		t.Fatalf("load the old database: %v", err)
	}
	before := rowsOf(t, conn)
	for _, table := range []string{"queue.message", "queue.done", "queue.dead", "queue.dedup", "objects.object", "objects.bucket", "app.entry", "app.notes"} {
		if len(before[table]) == 0 {
			t.Errorf("the old database has nothing in %s", table)
		}
	}

	vault, err := secrets.Open(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	// The function ledger was migrated by the old version; its second migration is new.
	ledger := fstest.MapFS{
		"migrations/00001_app.sql": {Data: []byte("-- +goose Up\nselect 1/0;")}, // applied before
		"migrations/00002_new.sql": {Data: []byte("-- +goose Up\nalter table app.entry add note text;")},
		"grants.sql":               {Data: []byte("grant usage, create on schema app to :role; grant select, insert on app.entry to :role;")},
	}
	for range 2 {
		if _, err := migrateStore(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		if err := migrate.ClosePublic(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		set := provision.New(vault, &provision.Postgres{Owner: owner, SQL: func(_ context.Context, f provision.Function) (fs.FS, error) {
			if f.Name == "ledger" {
				return ledger, nil
			}
			return fstest.MapFS{}, nil
		}})
		for _, name := range []string{"hello", "thumbnail", "ledger"} {
			if err := set.Provide(t.Context(), provision.Function{Name: name, Secrets: []string{name + "-pg"}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := set.WithdrawExcept(t.Context(), []string{"ledger"}); err != nil {
			t.Fatal(err)
		}
		kept(t, conn, before)
	}
	login, err := vault.Read("ledger-pg")
	if err != nil {
		t.Fatal(err)
	}
	fn, err := pgx.Connect(t.Context(), string(login))
	if err != nil {
		t.Fatal(err)
	}
	defer fn.Close(context.WithoutCancel(t.Context()))
	if _, err := fn.Exec(t.Context(), "insert into app.notes select 6, note from app.entry where id = 1"); err != nil {
		t.Errorf("the function and its tables: %v", err)
	}
	delivers(t, owner, conn, before["queue.message"])
}

// rowsOf gives every row of the database as JSON, by table. Those of a
// partition are its parent's.
func rowsOf(t *testing.T, conn *pgx.Conn) map[string][]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "select to_jsonb(t)::text from "+table+" t")
		if err != nil {
			t.Fatal(err)
		}
		if found[table], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// dropped are columns that a later version has no use for. Their rows are there.
var dropped = map[string][]string{
	"queue.message": {"max_attempts"}, // it becomes the function's policy
	"queue.dead":    {"max_attempts"},
}

// kept complains about each row that is gone. A table may have got more columns.
func kept(t *testing.T, conn *pgx.Conn, before map[string][]string) {
	t.Helper()
	for table, rows := range before {
		for _, row := range rows {
			var n int
			if err := conn.QueryRow(t.Context(), "select count(*) from "+table+" t where to_jsonb(t) @> ($1::jsonb - $2::text[])", row, append([]string{}, dropped[table]...)).Scan(&n); err != nil || n != 1 {
				t.Errorf("%s: %d rows are %.200s, %v", table, n, row, err)
			}
		}
	}
}

// delivers lets the messages that waited become due, and every one must arrive.
func delivers(t *testing.T, owner string, conn *pgx.Conn, waiting []string) {
	t.Helper()
	var mu sync.Mutex
	bodies := map[string]int{}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies[fmt.Sprintf("%s %s %x", r.Header.Get("X-Call-Id"), r.URL, b)]++
	}))
	defer gateway.Close()
	if _, err := conn.Exec(t.Context(), "update queue.message set visible_at = now()"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := delivery.Open(ctx, delivery.Config{
		Postgres: owner, Gateway: gateway.URL,
		EventKey: func() (string, error) { return strings.Repeat("k", 64), nil },
		Functions: func(context.Context) ([]delivery.Function, error) {
			return []delivery.Function{{Name: "hello", Concurrency: 4}, {Name: "thumbnail", Concurrency: 4}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { d.Run(running); close(done) }()
	defer func() { stop(); <-done }()
	for left := -1; left != 0; time.Sleep(20 * time.Millisecond) {
		if err := conn.QueryRow(ctx, "select count(*) from queue.message").Scan(&left); err != nil {
			t.Fatalf("%d messages are left: %v", left, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(bodies) != len(waiting) {
		t.Errorf("%d of %d messages arrived: %v", len(bodies), len(waiting), bodies)
	}
	for i := 1; i <= 10; i++ {
		if want := fmt.Sprintf("waiting-%d /function/hello/n?i=%d 00ff01%08x", i, i, i); bodies[want] != 1 {
			t.Errorf("%q arrived %d times", want, bodies[want])
		}
	}
	if p, err := queue.Find(ctx, conn, "waiting-1"); err != nil || p.State != queue.Succeeded {
		t.Errorf("a message of the old version: %+v, %v", p, err)
	}
}
