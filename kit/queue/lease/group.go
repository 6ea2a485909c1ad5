package lease

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// group is a function and the name of one of its groups.
type group struct{ Function, Name string }

// lockGroups takes the lock of every group that is touched, in one order, so that
// nobody puts a message into it meanwhile, and gives those that it has. Without
// wait that is not the groups into which an open transaction has put a message.
func lockGroups(ctx context.Context, tx pgx.Tx, outcomes []Outcome, wait bool) ([]group, error) {
	var groups []group
	for _, o := range outcomes {
		if o.Group != "" {
			groups = append(groups, group{o.Function, o.Group})
		}
	}
	if len(groups) == 0 {
		return nil, nil
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Name, b.Name))
	})
	groups = slices.Compact(groups)
	fns, names := groupColumns(groups)
	if wait {
		_, err := tx.Exec(ctx, `
select pg_advisory_xact_lock(hashtextextended(g.fn || '/' || g.grp, 0))
from unnest($1::text[], $2::text[]) with ordinality as g(fn, grp, n) order by n`, fns, names)
		return groups, err
	}
	rows, err := tx.Query(ctx, `
select g.fn, g.grp from unnest($1::text[], $2::text[]) as g(fn, grp)
where pg_try_advisory_xact_lock(hashtextextended(g.fn || '/' || g.grp, 0))`, fns, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[group])
}

// promoted is a message that waited for the one before it in its group.
type promoted struct {
	Function  string
	VisibleAt time.Time
}

// promote unblocks the oldest message left in each group.
func promote(ctx context.Context, tx pgx.Tx, groups []group) ([]promoted, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	fns, names := groupColumns(groups)
	rows, err := tx.Query(ctx, `
update queue.message m set blocked = false
from unnest($1::text[], $2::text[]) as g(fn, grp)
cross join lateral (
    select id from queue.message where fn = g.fn and grp = g.grp order by id limit 1
) head
where m.id = head.id and m.blocked
returning m.fn, m.visible_at`, fns, names)
	if err != nil {
		return nil, fmt.Errorf("unblock: %w", err)
	}
	ready, err := pgx.CollectRows(rows, pgx.RowToStructByPos[promoted])
	if err != nil {
		return nil, fmt.Errorf("unblock: %w", err)
	}
	return ready, nil
}

func groupColumns(groups []group) (fns, names []string) {
	for _, g := range groups {
		fns, names = append(fns, g.Function), append(names, g.Name)
	}
	return fns, names
}
