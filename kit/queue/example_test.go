package queue_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// A function writes its row and the message in one transaction: either both are
// there or none. stack.yml allows the target with the annotation fnstore.sends.
func ExampleSend() {
	order := func(ctx context.Context, db queue.Beginner) error {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "insert into orders (id) values ('17')"); err != nil {
				return err
			}
			_, err := queue.Send(ctx, tx, queue.Outgoing{Target: "notify", Body: []byte(`{"order":"17"}`), DedupKey: "order-17"})
			return err
		})
		if err != nil {
			return err
		}
		return queue.Notify(ctx, db)
	}
	_ = order // needs a database, which an example does not have
}

// Call ids are random UUIDs.
func ExampleCallID() {
	first, second := queue.CallID(), queue.CallID()
	fmt.Println(len(first), first == second)
	// Output: 36 false
}
