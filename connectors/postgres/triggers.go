// Package postgres turns changes of rows into messages. Triggers write them in
// the change's own transaction, so there is no change without its message and no
// message without its change, in whatever order transactions commit. It does not
// know what the rows mean.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/queue"
)

// SourceName is the source of the copies' checkpoints.
const SourceName = "postgres"

// Apply makes the triggers those of the watches: what is new gets some, what
// nobody asks for any more loses them. It gives an error for each watch, nil where
// the table is watched: a table that is not there yet, or that the owner of the
// database may not put triggers on, does not stop the others.
func Apply(ctx context.Context, db queue.Beginner, watches []Watch) ([]error, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch tables: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// One at a time; and a busy table is tried again later, not waited for.
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('connector.row_watch', 0)); set local lock_timeout = '2s'`); err != nil {
		return nil, fmt.Errorf("watch tables: %w", err)
	}
	if err := drop(ctx, tx, watches); err != nil {
		return nil, fmt.Errorf("watch tables: %w", err)
	}
	failed := make([]error, len(watches))
	for i, w := range watches {
		if err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return add(ctx, tx, w) }); err != nil {
			failed[i] = fmt.Errorf("%s: watch %s.%s: %w", w.Function, w.Schema, w.Table, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("watch tables: %w", err)
	}
	return failed, nil
}

// ErrNoTable means that a table is not there (yet).
var ErrNoTable = errors.New("there is no such table")

func add(ctx context.Context, tx pgx.Tx, w Watch) error {
	var relation, columns string
	var triggers int
	err := tx.QueryRow(ctx, `select format('%I.%I', n.nspname, c.relname),
			coalesce((select array_agg(a.attname::text order by a.attnum) from pg_index i join pg_attribute a
				on a.attrelid = c.oid and a.attnum = any(i.indkey) where i.indrelid = c.oid and i.indisprimary), '{}')::text,
			(select count(*) from pg_trigger t where t.tgrelid = c.oid and t.tgname in ('fnstore_row_change', 'fnstore_truncate'))
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')`, w.Schema, w.Table).Scan(&relation, &columns, &triggers)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoTable
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into connector.row_watch (relation, function, events) values ($1, $2, $3)
		on conflict (relation, function) do update set events = excluded.events`, relation, w.Function, w.Events); err != nil {
		return err
	}
	if triggers == 2 {
		return nil
	}
	_, err = tx.Exec(ctx, `drop trigger if exists fnstore_row_change on `+relation+`;
		drop trigger if exists fnstore_truncate on `+relation+`;
		create trigger fnstore_row_change after insert or update or delete on `+relation+`
			for each row execute function connector.row_change(`+literal(relation)+`, `+literal(columns)+`);
		create trigger fnstore_truncate before truncate on `+relation+`
			for each statement execute function connector.refuse_truncate()`)
	return err
}

// drop removes the watches that are not asked for, and the triggers of tables
// that have none left.
func drop(ctx context.Context, tx pgx.Tx, watches []Watch) error {
	var keep []string
	for _, w := range watches {
		keep = append(keep, w.Schema+"."+w.Table+" "+w.Function)
	}
	if _, err := tx.Exec(ctx, `delete from connector.row_watch
		where not replace(relation, '"', '') || ' ' || function = any(coalesce($1::text[], '{}'))`, keep); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `select distinct format('%I.%I', n.nspname, c.relname)
		from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
		where t.tgname = 'fnstore_row_change' and not t.tgisinternal
		and not exists (select from connector.row_watch w where w.relation = format('%I.%I', n.nspname, c.relname))`)
	if err != nil {
		return err
	}
	idle, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, relation := range idle {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `drop trigger if exists fnstore_row_change on `+relation+`; drop trigger if exists fnstore_truncate on `+relation)
			return err
		})
		// A trigger that stays because its table is busy finds no watch and
		// writes nothing; it goes the next time.
		if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == lockNotAvailable {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lockNotAvailable is the SQLSTATE of a lock that was not had in time.
const lockNotAvailable = "55P03"

// literal quotes s for a statement that takes no parameters.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
