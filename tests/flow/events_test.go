package flow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
	"fnstore/tests/storetest"
)

// ends are how the messages of a function ended: a status for each.
func ends(t *testing.T, url, function string) (list []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `select status::text from queue.done where fn = $1 union all select code from queue.dead where fn = $1`, function)
	if err != nil {
		t.Fatal(err)
	}
	if list, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	return list
}

// awaitEnds waits until the messages of the function have ended like this.
func awaitEnds(t *testing.T, s *storetest.Store, url, function string, want ...string) {
	t.Helper()
	var got []string
	for late := time.Now().Add(2 * time.Minute); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		if got = ends(t, url, function); len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s: messages ended as %v, want %v\n%s", function, got, want, s.Logs())
	}
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// The worked examples of the README: a schedule, a table and a topic. Seed rows
// 14, 15, 17, 40, 71.
func TestEvents_ScheduleTableTopic(t *testing.T) {
	fits(t)
	execute(t, shared.Postgres, `create schema shop`, `create table shop.orders (id int primary key, total int)`)
	greeter(t, "on-time", map[string]string{"topic": "cron-function", "schedule": "@every 1s", "fnstore.cron.path": "/tick"})
	greeter(t, "on-rows", map[string]string{"fnstore.postgres.watch": "shop.orders:INSERT|REMOVE"})
	greeter(t, "on-orders", map[string]string{"topic": "orders", "fnstore.topic.filter": `{"type":["paid"]}`})

	out := must(t, ".", "", []string{"schedules", "list"}, "on-time", "@every 1s", "/tick")
	if !strings.Contains(out, "once") {
		t.Errorf("schedules list:\n%s", out)
	}
	for late := time.Now().Add(2 * time.Minute); len(ends(t, shared.Postgres, "on-time")) < 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("no tick in two minutes\n%s", shared.Logs())
		}
	}
	must(t, ".", "", []string{"schedules", "pause", "on-time"})
	must(t, ".", "", []string{"schedules", "list"}, "paused")
	must(t, ".", "", []string{"schedules", "resume", "on-time"})

	// The triggers come with the deployment, a moment after it.
	watching := func() bool {
		conn, err := pgx.Connect(t.Context(), shared.Postgres)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		var n int
		if err := conn.QueryRow(t.Context(), `select count(*) from pg_trigger where tgname = 'fnstore_row_change' and tgrelid = 'shop.orders'::regclass`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	for late := time.Now().Add(time.Minute); !watching(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the table is not watched\n%s", shared.Logs())
		}
	}
	execute(t, shared.Postgres, `insert into shop.orders values (1, 10), (2, 20)`, `update shop.orders set total = 30`, `delete from shop.orders where id = 1`)
	awaitEnds(t, shared, shared.Postgres, "on-rows", "bad_json", "bad_json", "bad_json") // which hello answers to what it does not know

	for _, kind := range []string{"paid", "sent", "paid"} {
		must(t, ".", `{"name":"topic"}`, []string{"publish", "orders", "-a", `{"type":"` + kind + `"}`})
	}
	awaitEnds(t, shared, shared.Postgres, "on-orders", "200", "200")
	must(t, ".", "", []string{"events", "graph"}, "schedule:@every 1s → function:on-time", "table:shop.orders → function:on-rows", "topic:orders → function:on-orders", "bucket:uploads/ → function:thumbnail")

	if code := deployed(t, "POST", "bad", status(t, shared, "hello").Image, nil, map[string]string{"topic": "cron-function", "schedule": "never"}); code != http.StatusBadRequest {
		t.Errorf("a schedule that cannot be read: %d", code)
	}
}

// ownDatabase makes one more database beside the store's own.
func ownDatabase(t *testing.T) (address string) {
	t.Helper()
	name := fmt.Sprintf("events_%d", time.Now().UnixNano())
	execute(t, shared.Postgres, `create database `+name)
	u, err := url.Parse(shared.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// stateBeside is a state folder of connectors that run beside the store.
func stateBeside(t *testing.T) (state string) {
	t.Helper()
	state = t.TempDir()
	if err := os.MkdirAll(filepath.Join(state, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(state, "secrets", "event-key"), secretNow("event-key"))
	return state
}

// beside runs connectors and delivery alone for the store's functions, with the
// queue in that database.
func beside(t *testing.T, state, postgres string, env ...string) *os.Process {
	t.Helper()
	cmd := shared.Command("--state", state, "events", "--gateway", shared.Env["OPENFAAS_URL"], "--password-file", shared.Env["OPENFAAS_PASSWORD_FILE"])
	cmd.Env = append(append(cmd.Env, "FNSTORE_POSTGRES_URL="+postgres), env...)
	said := filepath.Join(t.TempDir(), "said")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b, err := os.ReadFile(said); err == nil && t.Failed() {
			t.Logf("connectors beside the store:\n%s", b)
		}
	})
	until(t, "connectors beside the store run", func() bool {
		b, err := os.ReadFile(said)
		return err == nil && strings.Contains(string(b), "messages delivered")
	})
	return cmd.Process
}

// Connectors and delivery alone, beside a gateway that is not theirs: here the
// store's, with a queue in another database.
func TestEvents_BesideAnotherGateway(t *testing.T) {
	fits(t)
	queued := ownDatabase(t)
	greeter(t, "far", map[string]string{"topic": "distant"})
	beside(t, stateBeside(t), queued)
	conn, err := pgx.Connect(t.Context(), queued)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, function := range []string{"hello", "topic:distant"} {
		if _, err := queue.Enqueue(t.Context(), conn, queue.New{Function: function, Body: []byte(`{"name":"far"}`), Trusted: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := queue.Notify(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	awaitEnds(t, shared, queued, "hello", "200")
	awaitEnds(t, shared, queued, "far", "200")
}
