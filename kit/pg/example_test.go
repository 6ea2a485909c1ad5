package pg_test

import (
	"context"
	"fmt"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
)

// A function opens its database once. What Postgres says becomes an error that a
// caller may read.
func ExampleFault() {
	db := pg.Open(func() (string, error) { return "postgres://nobody@127.0.0.1:1/none?connect_timeout=1", nil })
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	type user struct {
		Name string `db:"name"`
	}
	_, err := pg.One[user](ctx, db, "select name from users where id = $1", 7)
	f := fault.Of(pg.Fault(err))
	fmt.Println(f.Kind == fault.Unavailable, f.Code)
	// Output: true database_unavailable
}
