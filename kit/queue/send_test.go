package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/services/servicestest"
)

// senders gives an owner's connection to a migrated queue in a server of its
// own, and the connections of functions that may send to these targets.
func senders(t *testing.T, targets map[string][]string) (owner *pgx.Conn, functions map[string]*pgx.Conn) {
	t.Helper()
	at := servicestest.Cluster(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Apply(t.Context(), at, []migrate.Source{{Name: "kit_queue", FS: dir}}); err != nil {
		t.Fatal(err)
	}
	connect := func(url string) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		return conn
	}
	functions = map[string]*pgx.Conn{}
	for name, list := range targets {
		f := migrate.Function{Name: name, Password: "p", More: func(ctx context.Context, tx pgx.Tx, role string) error {
			return queue.Allow(ctx, tx, role, name, list)
		}}
		for range 2 {
			if err := migrate.Provide(t.Context(), at, f); err != nil {
				t.Fatal(err)
			}
		}
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(migrate.RoleName(name), "p")
		functions[name] = connect(u.String())
	}
	return connect(at), functions
}

func TestSend_BelongsToTheTransaction(t *testing.T) {
	owner, f := senders(t, map[string][]string{"orders": {"payments", "f"}})
	tx, err := f["orders"].Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := queue.Outgoing{Target: "f", Path: "/a?b=c", Headers: map[string][]string{"X-A": {"1", "2"}}, Body: []byte("\x00body"), Group: "g"}
	a, err := queue.Send(t.Context(), tx, m)
	if err != nil {
		t.Fatal(err)
	}
	if got := claim(t, owner, 1, 5); len(got) != 0 {
		t.Fatal("claimed before the commit")
	}
	if err := errors.Join(tx.Commit(t.Context()), queue.Notify(t.Context(), f["orders"])); err != nil {
		t.Fatal(err)
	}
	got := one(t, owner, 1)
	if got.ID != a.ID || got.CallID != a.CallID || !got.Trusted || got.Path != m.Path || string(got.Body) != string(m.Body) ||
		got.Group != "g" || fmt.Sprint(got.Headers) != fmt.Sprint(m.Headers) {
		t.Errorf("claimed %+v", got)
	}
}

// A function's role can forge no event: whatever it tries, nothing reaches the
// queue but messages to its own targets.
func TestSend_NobodyForges(t *testing.T) {
	owner, f := senders(t, map[string][]string{"orders": {"payments"}, "notify": {"orders"}, "quiet": nil})
	for _, sql := range []string{
		"select queue.enqueue('users', 'POST', '/', '{}', null, 'c', null, true, 3, '0', null, null, null, '5 minutes')",
		"select queue.send('users', '/', '{}', null, null, null, null)",
		"select queue.send('orders', '/', '{}', null, null, null, null)", // itself, or another's target
		"select queue.send(null, '/', '{}', null, null, null, null)",
		"insert into queue.sender values ('fn_orders', 'orders', 'users')",
		"update queue.sender set target = 'users'",
		"select * from queue.sender",
		"insert into queue.message (fn, method, path, headers, call_id, trusted) values ('users', 'POST', '/', '{}', 'c', true)",
		"update queue.message set fn = 'users'",
		"select * from queue.message",
		"select queue.allow('fn_orders', 'orders', '{users}')",
		"select queue.maintain('1 day')",
		"set session authorization fn_notify; select queue.send('orders', '/', '{}', null, null, null, null)",
		"set role fn_notify; select queue.send('orders', '/', '{}', null, null, null, null)",
		"create or replace function queue.send(text) returns int language sql as 'select 1'",
		"alter function queue.send owner to fn_orders",
		"create function pg_temp.now() returns timestamptz language sql as 'select null::timestamptz'; select queue.send('users', '/', '{}', null, null, null, null)",
		"grant execute on function queue.send to public",
		"drop table queue.sender",
	} {
		for _, name := range []string{"orders", "quiet"} {
			_, err := f[name].Exec(t.Context(), sql)
			var pg *pgconn.PgError
			if sql == "grant execute on function queue.send to public" && err == nil {
				continue // a warning: nothing was granted
			}
			if !errors.As(err, &pg) || pg.Code != "42501" && pg.Code != "FN403" {
				t.Errorf("%s: %s: %v", name, sql, err)
			}
			if _, err := f[name].Exec(t.Context(), "reset role"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"orders", "quiet"} {
		_, err := queue.Send(t.Context(), f[name], queue.Outgoing{Target: "users"})
		if e := fault.Of(err); e.Kind != fault.Forbidden || e.Code != "send_not_allowed" || !strings.Contains(e.Detail, "fnstore.sends") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := count(t, owner, "message"); n != 0 {
		t.Fatalf("%d forged messages", n)
	}
	if _, err := queue.Send(t.Context(), f["orders"], queue.Outgoing{Target: "payments"}); err != nil {
		t.Error(err)
	}
	// What the annotation no longer names is refused at once.
	if err := queue.Allow(t.Context(), owner, "fn_orders", "orders", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Send(t.Context(), f["orders"], queue.Outgoing{Target: "payments"}); fault.Of(err).Code != "send_not_allowed" {
		t.Errorf("after the annotation went: %v", err)
	}
}

func TestSend_KeysAreTheSendersOwn(t *testing.T) {
	owner, f := senders(t, map[string][]string{"a": {"f"}, "b": {"f"}})
	m := queue.Outgoing{Target: "f", Body: []byte("x"), DedupKey: "k"}
	first, err := queue.Send(t.Context(), f["a"], m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := queue.Send(t.Context(), f["a"], m)
	if err != nil || !again.Duplicate || again.ID != first.ID {
		t.Errorf("%+v, %v", again, err)
	}
	other, err := queue.Send(t.Context(), f["b"], m)
	if err != nil || other.Duplicate {
		t.Errorf("another sender's: %+v, %v", other, err)
	}
	m.Body = []byte("y")
	if _, err := queue.Send(t.Context(), f["a"], m); fault.Of(err).Code != "dedup_key_reused" {
		t.Errorf("another message: %v", err)
	}
	if n := count(t, owner, "message"); n != 2 {
		t.Errorf("%d messages", n)
	}
}

func TestSend_BadMessages(t *testing.T) {
	owner, f := senders(t, map[string][]string{"a": {"f"}})
	for name, m := range map[string]queue.Outgoing{
		"path":         {Path: "x"},
		"control":      {Path: "/a\nb"},
		"space":        {Path: "/a b"},
		"long path":    {Path: "/" + strings.Repeat("a", 8192)},
		"delay":        {Delay: -time.Second},
		"long delay":   {Delay: 400 * 24 * time.Hour},
		"header name":  {Headers: map[string][]string{"a b": {"1"}}},
		"header value": {Headers: map[string][]string{"a": {"1\r\nb: 2"}}},
		"group":        {Group: strings.Repeat("g", 257)},
		"key":          {DedupKey: strings.Repeat("k", 257)},
		"body":         {Body: make([]byte, queue.MaxBody+1)},
	} {
		m.Target = "f"
		_, err := queue.Send(t.Context(), f["a"], m)
		if e := fault.Of(err); e.Code != "bad_message" && e.Code != "message_too_large" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, headers := range []string{`[]`, `"x"`, `{"a":"b"}`, `{"a":[1]}`, `{"a":null}`, `null`} {
		_, err := f["a"].Exec(t.Context(), "select queue.send('f', '/', $1::jsonb, null, null, null, null)", headers)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "FN400" {
			t.Errorf("headers %s: %v", headers, err)
		}
	}
	if n := count(t, owner, "message"); n != 0 {
		t.Errorf("%d messages", n)
	}
	if _, err := f["a"].Exec(t.Context(), "select queue.send('f', null, null, null, null, null, null)"); err != nil {
		t.Errorf("with nothing but a target: %v", err)
	}
}
