package queue

import (
	"context"
	"fmt"
)

// Pending reports whether a message of the function's group waits or runs.
func Pending(ctx context.Context, db DB, function, group string) (bool, error) {
	var pending bool
	err := db.QueryRow(ctx, `select exists (select from queue.message where fn = $1 and grp = $2)`, function, group).Scan(&pending)
	if err != nil {
		return false, fmt.Errorf("look for pending messages of %s: %w", function, err)
	}
	return pending, nil
}
