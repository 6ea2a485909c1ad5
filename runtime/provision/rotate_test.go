package provision_test

import (
	"context"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"fnstore/kit/fault"
	"fnstore/kit/limit"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
	"fnstore/runtime/migrate"
	"fnstore/runtime/provision"
	"fnstore/runtime/services/servicestest"
)

// Calls that begin a connection each, with what the secret says at the time, all
// succeed while the passwords change again and again; one that is over is refused.
//
// Seed: R87
func TestRotate_NoCallFails(t *testing.T) {
	owner, redisOwner, v := servicestest.Cluster(t), servicestest.Redis(t), vault(t)
	dir, err := fs.Sub(queue.Migrations, "migrations")
	must(t, err)
	_, err = migrate.Apply(t.Context(), owner, []migrate.Source{{Name: "kit_queue", FS: dir}})
	must(t, err)
	s := provision.New(v, &provision.Redis{Owner: redisOwner},
		&provision.Postgres{Owner: owner, SQL: func(context.Context, provision.Function) (fs.FS, error) { return fstest.MapFS{}, nil }})
	must(t, s.Provide(t.Context(), lists("rotating", "rotating-pg", "rotating-redis")))
	read := func(secret string) func() (string, error) {
		return func() (string, error) { b, err := v.Read(secret); return string(b), err }
	}
	policy := limit.Policy{Name: "p", Limit: 1_000_000, Window: time.Second, Closed: true}
	calls := []func(context.Context) error{
		func(ctx context.Context) error {
			db := pg.Open(read("rotating-pg"))
			defer db.Close()
			var one int
			return db.QueryRow(ctx, "select 1").Scan(&one)
		},
		func(ctx context.Context) error {
			l := limit.Open("rotating", read("rotating-redis"))
			l.Budget = 20 * time.Second
			defer l.Close()
			_, err := l.Take(ctx, policy, "x")
			return err
		},
	}
	var done atomic.Bool
	var counts [2]atomic.Int64
	var all sync.WaitGroup
	for i, call := range calls {
		for range 2 {
			all.Go(func() {
				for !done.Load() {
					if err := call(t.Context()); err != nil {
						t.Errorf("call %d of kind %d: %v", counts[i].Load(), i, err)
						return
					}
					counts[i].Add(1)
				}
			})
		}
	}
	defer all.Wait()
	defer done.Store(true)
	var before [2]string
	for round := range 5 {
		for i, secret := range []string{"rotating-pg", "rotating-redis"} {
			before[i] = secretOf(t, v, secret)
			from := counts[i].Load()
			must(t, s.Rotate(t.Context(), secret))
			if secretOf(t, v, secret) == before[i] {
				t.Fatalf("%s did not change", secret)
			}
			if err := s.Rotate(t.Context(), secret); fault.Of(err).Code != "secret_rotating" {
				t.Errorf("again at once: %v", err)
			}
			for end := time.Now().Add(30 * time.Second); counts[i].Load() < from+4 && time.Now().Before(end) && !t.Failed(); {
				time.Sleep(time.Millisecond)
			}
		}
		must(t, s.Retire(t.Context()))
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d connections of Postgres and %d of Redis during 5 rotations each, none failed", counts[0].Load(), counts[1].Load())
	if conn, err := pgx.Connect(t.Context(), before[0]); err == nil {
		conn.Close(t.Context())
		t.Error("the password before still opens the database")
	}
	o, err := redis.ParseURL(before[1])
	must(t, err)
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Error("the password before still opens Redis")
	}
}

// The password before holds for as long as a call may have it.
func TestRotate_RedisKnowsBothMeanwhile(t *testing.T) {
	v := vault(t)
	s := provision.New(v, &provision.Redis{Owner: servicestest.Redis(t)})
	must(t, s.Provide(t.Context(), lists("both", "both-redis")))
	old := secretOf(t, v, "both-redis")
	must(t, s.Rotate(t.Context(), "both-redis"))
	for _, url := range []string{old, secretOf(t, v, "both-redis")} {
		o, err := redis.ParseURL(url)
		must(t, err)
		c := redis.NewClient(o)
		must(t, c.Ping(t.Context()).Err())
		_ = c.Close()
	}
}

func TestRotate_OfWhatIsNotTheStores(t *testing.T) {
	v := vault(t)
	s := provision.New(v, &provision.Redis{Owner: servicestest.Redis(t)})
	must(t, v.Put("mine-redis", []byte("redis://somebody:else@127.0.0.1:1")))
	must(t, s.Provide(t.Context(), lists("mine", "mine-redis")))
	if err := s.Rotate(t.Context(), "mine-redis"); fault.Of(err).Code != "secret_not_ours" {
		t.Errorf("%v", err)
	}
	if err := s.Rotate(t.Context(), "nobody-redis"); fault.Of(err).Code != "secret_not_rotatable" {
		t.Errorf("%v", err)
	}
}
