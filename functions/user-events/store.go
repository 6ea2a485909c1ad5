package function

import (
	"context"

	"fnstore/kit/pg"
)

// keep notes that an event came and, if it is the first time, does what it says.
// A second transaction with the same event waits for the first one.
func (a *api) keep(ctx context.Context, tx pg.Tx, e event, done *outcome) error {
	tag, err := tx.Exec(ctx, `insert into event (source, id, type, known, subject, occurred_at, content_type, data, expires_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9) on conflict (source, id) do nothing`,
		e.source, e.id, e.typ, e.known(), e.subject, e.at, e.contentType, e.data, a.retention)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		done.Duplicate++
		return nil
	}
	done.Accepted++
	if !e.known() {
		done.Unknown++
		return nil
	}
	// An older event that comes late counts, and changes nothing.
	_, err = tx.Exec(ctx, `insert into person as p (id, email, name, removed, events, changed_at) values ($1, $2, $3, $4, 1, $5)
		on conflict (id) do update set
			email = case when excluded.changed_at >= p.changed_at then coalesce(excluded.email, p.email) else coalesce(p.email, excluded.email) end,
			name = case when excluded.changed_at >= p.changed_at then coalesce(excluded.name, p.name) else coalesce(p.name, excluded.name) end,
			removed = case when excluded.changed_at >= p.changed_at then excluded.removed else p.removed end,
			events = p.events + 1,
			changed_at = greatest(p.changed_at, excluded.changed_at)`,
		e.change.user, e.change.email, e.change.name, e.change.removed, e.at)
	return err
}
