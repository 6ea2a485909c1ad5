package provision_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/provision"
	"fnstore/runtime/secrets"
	"fnstore/runtime/services/servicestest"
)

func secretOf(t *testing.T, v *secrets.Store, name string) string {
	t.Helper()
	b, err := v.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A function that lists NAME-pg has its tables, its login, and those it may send
// to; its annotation is followed.
func TestPostgres_LoginTablesAndTargets(t *testing.T) {
	owner := servicestest.Cluster(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	must(t, err)
	_, err = migrate.Apply(t.Context(), owner, []migrate.Source{{Name: "kit_queue", FS: dir}})
	must(t, err)
	files := fstest.MapFS{
		"migrations/00001_t.sql": {Data: []byte("-- +goose Up\ncreate table t (n int);")},
		"grants.sql":             {Data: []byte("grant select, insert on t to :role")},
	}
	v := vault(t)
	s := provision.New(v, &provision.Postgres{Owner: owner, SQL: func(context.Context, provision.Function) (fs.FS, error) { return files, nil }})
	f := lists("orders", "orders-pg")
	f.Annotations = map[string]string{provision.AnnotationSends: "payments, notify"}
	must(t, s.Provide(t.Context(), f))
	conn, err := pgx.Connect(t.Context(), secretOf(t, v, "orders-pg"))
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), "insert into t values (1)")
	must(t, err)
	for target, want := range map[string]string{"payments": "", "notify": "", "users": "send_not_allowed"} {
		_, err := queue.Send(t.Context(), conn, queue.Outgoing{Target: target})
		if got := fault.Of(err).Code; (err != nil) != (want != "") || want != "" && got != want {
			t.Errorf("send to %s: %v", target, err)
		}
	}
	f.Annotations = nil
	must(t, s.Provide(t.Context(), f))
	if _, err := queue.Send(t.Context(), conn, queue.Outgoing{Target: "payments"}); fault.Of(err).Code != "send_not_allowed" {
		t.Errorf("after the annotation went: %v", err)
	}
	f.Annotations = map[string]string{provision.AnnotationSends: "no name"}
	if err := s.Provide(t.Context(), f); fault.Of(err).Code != "bad_annotation" {
		t.Errorf("a bad annotation: %v", err)
	}
	must(t, s.Withdraw(t.Context(), "orders"))
	if conn, err := pgx.Connect(t.Context(), owner); err != nil {
		t.Error(err)
	} else {
		defer conn.Close(context.WithoutCancel(t.Context()))
		var n, senders int
		err := conn.QueryRow(t.Context(), "select (select count(*) from fn_orders.t), (select count(*) from queue.sender)").Scan(&n, &senders)
		if err != nil || n != 1 || senders != 0 {
			t.Errorf("%d rows and %d targets left, %v", n, senders, err)
		}
	}
}

// A function's Redis user sees its own keys and runs its own scripts, and can
// neither find nor touch what is another's.
func TestRedis_KeysOfItsOwn(t *testing.T) {
	owner := servicestest.Redis(t)
	v := vault(t)
	kind := &provision.Redis{Owner: owner}
	s := provision.New(v, kind)
	for range 2 {
		must(t, s.Provide(t.Context(), lists("users", "users-redis")))
		must(t, s.Provide(t.Context(), lists("auth", "auth-redis")))
	}
	opt, err := redis.ParseURL(secretOf(t, v, "users-redis"))
	must(t, err)
	c := redis.NewClient(opt)
	defer c.Close()
	script := `redis.call('time'); redis.call('set', KEYS[1], ARGV[1], 'PX', 60000); return redis.call('incr', KEYS[1])`
	ctx := t.Context()
	for name, args := range map[string][]any{
		"set": {"set", "users:a", "1"}, "hash": {"hset", "users:h", "f", "1"}, "list": {"lpush", "users:l", "1"}, "sorted set": {"zadd", "users:z", "1", "m"},
		"script": {"eval", script, "1", "users:s", "41"}, "load": {"script", "load", script}, "time": {"time"}, "ping": {"ping"}, "expire": {"pexpire", "users:a", "1000"},
	} {
		if err := c.Do(ctx, args...).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "users:t", 1, 0).Err() }); err != nil {
		t.Errorf("transaction: %v", err)
	}
	if _, err := redis.NewScript(script).Run(ctx, c, []string{"users:s2"}, 1).Result(); err != nil {
		t.Errorf("evalsha: %v", err)
	}
	for _, line := range []string{
		"get auth:a", "set auth:a 1", "set other 1", "keys *", "scan 0", "randomkey", "dbsize", "flushall", "flushdb", "config get *", "acl list",
		"client list", "client kill x", "shutdown", "info", "monitor", "publish c m", "subscribe c", "sort users:l by auth:*", "select 1", "swapdb 0 1",
		"function flush", "script flush", "script kill", "slowlog get", "replicaof no one", "copy users:a auth:a", "rename users:a auth:a", "migrate h 1 users:a 0 1", "bgsave", "eval x",
	} {
		var args []any
		for _, w := range strings.Fields(line) {
			args = append(args, w)
		}
		if line == "eval x" {
			args = []any{"eval", "return redis.call('get', 'auth:a')", "0"}
		}
		if err := c.Do(ctx, args...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "can't access") {
			t.Errorf("%s: %v", line, err)
		}
	}
	// Redis was restarted without a memory for users.
	admin, err := redis.ParseURL(owner)
	must(t, err)
	a := redis.NewClient(admin)
	defer a.Close()
	must(t, a.Do(ctx, "acl", "deluser", "fn-users").Err())
	if lost, err := kind.Lost(ctx, []string{"users", "auth"}); err != nil || len(lost) != 1 || lost[0] != "users" {
		t.Errorf("lost %v, %v", lost, err)
	}

	must(t, s.Withdraw(ctx, "auth"))
	if v.Has("auth-redis") {
		t.Error("the secret is left")
	}
	if n, err := a.Exists(ctx, "users:h").Result(); err != nil || n != 1 {
		t.Errorf("data: %d, %v", n, err)
	}
}

func FuzzTargets(f *testing.F) {
	for _, s := range []string{"a", "a, b", ",,", "A", "a;drop table", "\xff", strings.Repeat("a", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := provision.Targets(s)
		if err != nil {
			return
		}
		for _, name := range list {
			if name == "" || len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Errorf("%q gave %q", s, name)
			}
		}
	})
}
