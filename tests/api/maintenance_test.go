package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/cron"
	"fnstore/connectors/hook"
	maintenance "fnstore/functions/maintenance"
	"fnstore/kit/s3"
	"fnstore/runtime/migrate"
	"fnstore/runtime/objects"
	"fnstore/runtime/provision"
	"fnstore/runtime/stackfile"
)

// maintainer is maintenance with its database and a real object store.
func (r *rig) maintainer(t *testing.T) (string, http.Handler, *s3.Client) {
	t.Helper()
	mountEventKey(t)
	for _, fn := range []string{"maintenance", "user-events", "notify"} {
		r.provide(provision.Function{Name: fn, Secrets: []string{fn + "-pg"}})
	}
	at, client := r.objectStore(t, "reports")
	r.set("maintenance-s3", at)
	h, err := maintenance.Open(r.getenv, r.read)
	return serve(t, h, err), h, client
}

// objectStore is a real one with these buckets, by its URL and a client with its
// operator's key.
func (r *rig) objectStore(t testing.TB, buckets ...string) (url string, client *s3.Client) {
	t.Helper()
	sub, err := fs.Sub(objects.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), r.owner, []migrate.Source{{Name: "objects", FS: sub}}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(context.Background(), r.owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store, err := objects.Open(t.Context(), objects.Config{Pool: pool, Dir: t.TempDir(), MinFree: 1, Log: slog.New(slog.DiscardHandler), Keys: []objects.Key{{ID: "admin", Secret: "sixteen-bytes-or-more", Admin: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, bucket := range buckets {
		if err := store.MakeBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(store.Handler())
	t.Cleanup(srv.Close)
	at := strings.Replace(srv.URL, "http://", "http://admin:sixteen-bytes-or-more@", 1)
	if client, err = s3.Open(at); err != nil {
		t.Fatal(err)
	}
	return at, client
}

func (r *rig) exec(sql string) {
	r.t.Helper()
	if _, err := r.admin.Exec(r.t.Context(), sql); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// What is past its time goes, whoever owns it, once; what is not stays. A
// clean-up that was not granted, runs with its caller's rights or fails stops no
// other.
// Seed: R17, B48, B86
func TestMaintenance_Sweeps(t *testing.T) {
	r := newRig(t)
	r.env["sweep_batch"] = "7"
	url, _, _ := r.maintainer(t)
	r.exec(`insert into fn_user_events.event (source, id, type, known, subject, occurred_at, content_type, expires_at)
		select 's', n::text, 't', false, '', now(), 'text/plain', now() + case when n <= 20 then interval '-1 s' else interval '1 day' end from generate_series(1, 25) n`)
	r.exec(`insert into fn_notify.notification (id, topic, type, content, expires_at) values ('old', 't', 't', '{}', now()), ('new', 't', 't', '{}', now() + interval '1 day')`)
	for _, c := range []struct {
		body string
		want int
		code string
	}{
		{`{"id":"r1","item":"lamp","quantity":2,"seconds":60}`, 201, ""}, {`{"id":"r1","item":"lamp","quantity":2}`, 200, ""}, {`{"id":"r1","item":"chair"}`, 409, "reservation_exists"},
		{`{"id":"r2","item":"lamp"}`, 201, ""}, {`{"id":"","item":"lamp"}`, 400, "bad_reservation"}, {`{"id":"r3","item":"lamp","quantity":0}`, 400, "bad_reservation"}, {`{"id":"r3","item":"lamp","seconds":99999999}`, 400, "bad_reservation"},
	} {
		callSigned(t, "POST", url+"/reservations", c.body).want(t, c.body, c.want, c.code)
	}
	r.exec(`update fn_maintenance.reservation set expires_at = now() where id = 'r1'`)
	var all sync.WaitGroup
	var mu sync.Mutex
	swept := map[string]int64{}
	for range 3 {
		all.Go(func() {
			a, err := trySigned("POST", url+"/sweep", "")
			if err != nil || a.status != 200 {
				t.Errorf("%d %s %v", a.status, a.body, err)
				return
			}
			var got struct {
				Sweep []struct {
					Name string
					Rows int64
				}
			}
			if err := json.Unmarshal(a.body, &got); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, s := range got.Sweep {
				swept[s.Name] += s.Rows
			}
		})
	}
	all.Wait()
	for name, want := range map[string]int64{"user-events/event": 20, "notify/notification": 1, "maintenance/reservation": 1, "maintenance/run": 0} {
		if got, there := swept[name]; got != want || !there {
			t.Errorf("%s: %d rows went in three runs at once, want %d", name, got, want)
		}
	}
	if got := callSigned(t, "GET", url+"/reservations/r1", ""); got.get("state") != "expired" {
		t.Errorf("%s", got.body)
	}
	if got := callSigned(t, "GET", url+"/reservations/r2", ""); got.get("state") != "reserved" {
		t.Errorf("%s", got.body)
	}
	left := strings.Join(r.column(`select count(*)::text from fn_user_events.event union all select count(*)::text from fn_notify.notification`), " ")
	if left != "5 1" {
		t.Errorf("left: %s", left)
	}

	r.exec(`create function fn_users.sweep_private(at_most int) returns bigint language sql security definer as 'select 0::bigint';
		create function fn_user_events.sweep_invoker(at_most int) returns bigint language sql as 'select 0::bigint';
		create function fn_user_events.sweep_broken(at_most int) returns bigint language sql security definer as 'select 1::bigint / 0';
		create function fn_user_events."sweep_a""); drop table x; --"(at_most int) returns bigint language sql security definer as 'select 0::bigint';
		update fn_user_events.event set expires_at = now()`)
	callSigned(t, "POST", url+"/sweep", "").want(t, "with one that fails", 503, "maintenance_failed")
	var runs struct {
		Runs []struct {
			Steps []struct{ Name, Error string }
		}
	}
	if err := json.Unmarshal(callSigned(t, "GET", url+"/runs", "").body, &runs); err != nil || len(runs.Runs) != 4 {
		t.Fatalf("%+v, %v", runs, err)
	}
	var names []string
	for _, s := range runs.Runs[0].Steps {
		names = append(names, strings.TrimSpace(s.Name+" "+s.Error))
	}
	if got := strings.Join(names, ", "); got != `maintenance/reservation, maintenance/run, notify/notification, user-events/a"); drop table x; --, user-events/broken bad_value, user-events/event` {
		t.Errorf("steps: %s", got)
	}
	if n := r.column(`select count(*)::text from fn_user_events.event`)[0]; n != "0" {
		t.Errorf("%s events are left behind the one that fails", n)
	}
}

// Reports are CSV that no spreadsheet computes and pages without markup of
// others, under the day; a second run writes over the first.
// Seed: R17
func TestMaintenance_Reports(t *testing.T) {
	r := newRig(t)
	url, _, client := r.maintainer(t)
	for _, item := range []string{"lamp", `=cmd|'/c\ calc'!A1`, "+1", "-1", "@SUM(1)", " =1", "\u00a0=1", "a,\"b\"", "<script>alert(1)</script>", "＝1", "'quoted"} {
		r.exec(`insert into fn_maintenance.reservation (id, item, quantity, expires_at) values (md5(random()::text), '` + strings.ReplaceAll(item, "'", "''") + `', 3, now() + interval '1 day')`)
	}
	r.exec(`create view fn_maintenance.report_numbers as select -5 as minus, null::text as nothing, '-5'::text as "=text", 1.50::numeric as n; grant select on fn_maintenance.report_numbers to fn_maintenance`)
	read := func(key string) []byte {
		t.Helper()
		o, err := client.Get(t.Context(), "reports", key, "")
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		defer o.Close()
		b, err := o.Bytes(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for range 2 {
		callSigned(t, "POST", url+"/", "").want(t, "a tick", 200, "")
	}
	day := time.Now().UTC().Format(time.DateOnly)
	records, err := csv.NewReader(bytes.NewReader(read(day + "/maintenance/reservations.csv"))).ReadAll()
	if err != nil || len(records) != 12 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, rec := range records[1:] {
		if first := []rune(strings.TrimLeft(rec[0], " \u00a0"))[0]; strings.ContainsRune("=+-@＝", first) {
			t.Errorf("a cell is a formula: %q", rec[0])
		}
		if rec[3] != "3" {
			t.Errorf("a number is %q", rec[3])
		}
	}
	if got, want := string(read(day+"/maintenance/numbers.csv")), "minus,nothing,'=text,n\r\n-5,,'-5,1.50\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	page := string(read(day + "/maintenance/reservations.html"))
	if strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;") || !strings.Contains(page, "11 rows") {
		t.Errorf("%s", page)
	}
	for _, key := range []string{"/user-events/events.csv", "/user-events/events.html", "/notify/notifications.csv"} {
		read(day + key)
	}
	if info, err := client.Stat(t.Context(), "reports", day+"/notify/notifications.csv"); err != nil || info.ContentType != "text/csv; charset=utf-8" {
		t.Errorf("%+v, %v", info, err)
	}
	r.set("maintenance-s3", "not a URL")
	callSigned(t, "POST", url+"/report", "").want(t, "without a store", 503, "bad_s3_key")
	call(t, "POST", url+"/", "").want(t, "unsigned", 401, "unsigned_call")
}

// The schedules of the stack file are ones that the cron connector reads.
// Seed: R17
func TestMaintenance_Schedules(t *testing.T) {
	f, err := stackfile.Parse("../../stack.yml", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	fn := f.Function("maintenance")
	list, err := cron.Entries(hook.Function{Name: fn.Name, Annotations: fn.Annotations})
	if err != nil || len(list) != 2 || list[0].Path != "/sweep" || list[1].Path != "/report" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestMaintenance_Readme(t *testing.T) {
	r := newRig(t)
	_, h, _ := r.maintainer(t)
	out := walk(t, "maintenance", map[string]http.Handler{"maintenance": h})
	for _, want := range []string{`"state":"reserved"`, `"name":"user-events/event"`, `"kind":"report"`, `/maintenance/reservations.csv`} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %s:\n%s", want, out)
		}
	}
}
