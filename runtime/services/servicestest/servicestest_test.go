package servicestest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func TestServicestest_DatabasesAreFreshAndApart(t *testing.T) {
	ctx := context.Background()
	for _, url := range []string{Postgres(t), Postgres(t), Cluster(t)} {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "create table only_here (id int)"); err != nil {
			t.Errorf("a database that should be empty: %v", err)
		}
	}
}

func TestServicestest_RedisIsFresh(t *testing.T) {
	ctx := context.Background()
	for range 2 {
		opt, err := redis.ParseURL(Redis(t))
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(opt)
		defer client.Close()
		if set, err := client.SetNX(ctx, "only-here", 1, 0).Result(); err != nil || !set {
			t.Errorf("set in an empty Redis: %v, %v", set, err)
		}
	}
}
