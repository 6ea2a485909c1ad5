package lease_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue/lease"
)

// A claim must stay as quick on a hundred thousand messages as on none. The
// planner has no statistics here, as on the day a queue fills up; with the
// settings that delivery uses, no statement may read the whole table for it.
func TestPlans_NoSequentialScan(t *testing.T) {
	db := open(t)
	if _, err := db.Exec(t.Context(), `
insert into queue.message (fn, method, path, headers, call_id, trusted)
select 'f' || i % 20, 'POST', '/', '{}', i::text, false from generate_series(1, 20000) i`); err != nil {
		t.Fatal(err)
	}
	cc := db.Config().ConnConfig.Copy()
	for _, s := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"} {
		cc.RuntimeParams[s] = "off"
	}
	conn, err := pgx.ConnectConfig(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	batch := []byte(`[{"id":1,"fence":1,"status":200,"delay_us":0,"free":false,"failure":{"code":"c","reason":"r"}}]`)
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"claim":   {lease.ClaimSQL, []any{[]string{"f1", "f2"}, []int32{10, 10}, int32(1), lease.Duration, make([]time.Time, 2)}},
		"foresee": {lease.ForeseeSQL, []any{[]string{"f1", "f2"}, int32(1), make([]time.Time, 2), lease.Duration}},
		"done":    {lease.FinishSQL[lease.Done], []any{batch}},
		"retry":   {lease.FinishSQL[lease.Retry], []any{batch}},
		"dead":    {lease.FinishSQL[lease.Dead], []any{batch}},
		"old":     {sql: `select id from queue.message where queued_at < now() - interval '14 days' and visible_at <= now() limit 100`},
		"sweep":   {sql: `select id from queue.message where fn = 'f1' and not blocked and visible_at > now() and leased_by in (select id from queue.worker)`},
		"late":    {sql: `select id from queue.message where deadline <= now() and visible_at <= now() limit 100`},
		"promote": {sql: `select id from queue.message where fn = 'f1' and grp = 'g' order by id limit 1`},
		"find":    {sql: `select id from queue.message where call_id = 'c'`},
	} {
		rows, err := conn.Query(t.Context(), "explain "+q.sql, q.args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text := strings.Join(plan, "\n")
		if strings.Contains(text, "Seq Scan on message") || strings.Contains(text, "Hash Join") {
			t.Errorf("%s is planned as\n%s", name, text)
		}
	}
}
