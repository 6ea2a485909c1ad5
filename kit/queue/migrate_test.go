package queue_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/runtime/delivery/queuetest"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// A queue of the first release that is full is upgraded whole: what waits is
// delivered, what was dead can be sent again. The table is not rewritten.
func TestMigrations_FullTable(t *testing.T) {
	url := servicestest.Postgres(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	first, err := fs.ReadFile(dir, "00001_queue.sql")
	if err != nil {
		t.Fatal(err)
	}
	apply := func(dir fs.FS) {
		t.Helper()
		if _, err := migrate.Apply(t.Context(), url, []migrate.Source{{Name: "kit_queue", FS: dir}}); err != nil {
			t.Fatal(err)
		}
	}
	apply(fstest.MapFS{"00001_queue.sql": {Data: first}})
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), `
insert into queue.message (fn, method, path, headers, body, call_id, trusted, max_attempts, attempt, leased_by, visible_at)
select 'f', 'POST', '/', '{}', 'body', i::text, false, 3, i % 4, case when i % 100 = 0 then 7 end, now() - interval '1 second' from generate_series(1, 20000) i;
insert into queue.dead (id, fn, method, path, headers, body, call_id, trusted, created_at, attempt, max_attempts, history, died_at, code, reason)
values (30001, 'f', 'POST', '/', '{}', 'body', 'dead', false, now(), 3, 3, '[]', now(), 'status_500', 'r')`); err != nil {
		t.Fatal(err)
	}
	file := func() (name string) {
		if err := db.QueryRow(t.Context(), "select pg_relation_filepath('queue.message')").Scan(&name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	before := file()
	apply(dir)
	if file() != before {
		t.Error("the table was written anew: a full one would take minutes")
	}
	if n := count(t, db, "message"); n != 20000 {
		t.Errorf("%d messages", n)
	}
	list := claim(t, db, 1, 20001)
	if len(list) != 20000 || list[0].Deliveries != 1 || string(list[0].Body) != "body" {
		t.Errorf("claimed %d", len(list))
	}
	if _, err := deadletter.Start(t.Context(), db, deadletter.Retry, deadletter.Filter{}, 0); err != nil {
		t.Fatal(err)
	}
	if moved, _, err := deadletter.Step(t.Context(), db); err != nil || moved != 1 {
		t.Errorf("sent %d again, %v", moved, err)
	}
	queuetest.Enqueue(t, db, queue.New{})
}
