package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
)

// The copy of a table reads so many rows at once, in the order of its primary key.
const copyBatch = 200

// copied is the position of a copy that has reached the end of its table.
const copied = "copied"

// DefaultRefresh is how often a Source looks which functions are deployed.
const DefaultRefresh = 30 * time.Second

// Source keeps the triggers those of the deployed functions, and sends the rows
// that were there before for those that ask for them. It is a hook.Source.
type Source struct {
	DB        queue.Beginner
	Functions hook.Functions
	Refresh   time.Duration // 0 means DefaultRefresh
	// Changed, when there is one, says that functions were deployed or removed.
	Changed <-chan struct{}
	// Failed is told what could not be watched, by function; nil clears it.
	Failed func(error)

	watches   []Watch
	copies    map[string]string // positions, by part
	refreshed time.Time
}

// Name implements hook.Source.
func (*Source) Name() string { return SourceName }

// Connect makes the triggers.
func (s *Source) Connect(ctx context.Context) error { return s.refresh(ctx) }

// Close implements hook.Source.
func (*Source) Close() error { return nil }

// Read waits for the next rows to be copied.
func (s *Source) Read(ctx context.Context) (hook.Event, func(error), error) {
	for {
		if time.Since(s.refreshed) >= s.every() {
			if err := s.refresh(ctx); err != nil {
				return hook.Event{}, nil, err
			}
		}
		for _, w := range s.watches {
			part := w.part()
			position, there := s.copies[part]
			if !there || position == copied {
				continue
			}
			ev := hook.Event{Advance: hook.Advance{Part: part, From: position}}
			to := ""
			ev.Fill = func(ctx context.Context, tx pgx.Tx) (string, int, error) {
				var n int
				var err error
				to, n, err = w.copyRows(ctx, tx, position)
				return to, n, err
			}
			return ev, func(err error) {
				if err != nil {
					s.refreshed = time.Time{} // somebody else copies as well, or the table is gone
					return
				}
				s.copies[part] = to
			}, nil
		}
		select {
		case <-time.After(time.Until(s.refreshed.Add(s.every()))):
		case <-s.Changed:
			s.refreshed = time.Time{}
		case <-ctx.Done():
			return hook.Event{}, nil, ctx.Err()
		}
	}
}

func (s *Source) refresh(ctx context.Context) error {
	functions, err := s.Functions(ctx)
	if err != nil {
		return fmt.Errorf("postgres: which functions there are: %w", err)
	}
	var watches []Watch
	var failed []error
	for _, f := range functions {
		list, err := Watches(f)
		if err != nil {
			failed = append(failed, err)
		}
		watches = append(watches, list...)
	}
	watching, err := Apply(ctx, s.DB, watches)
	if err != nil {
		return err
	}
	s.copies = map[string]string{}
	parts := []string{}
	s.watches = nil
	for i, w := range watches {
		parts = append(parts, w.part()) // also of a table that is only busy
		if watching[i] != nil {
			failed = append(failed, watching[i])
			continue
		}
		s.watches = append(s.watches, w)
		if w.Copy {
			c, err := hook.Begin(ctx, s.DB, SourceName, w.part(), "")
			if err != nil {
				return err
			}
			if !c.Paused {
				s.copies[w.part()] = c.Position
			}
		}
	}
	if err := hook.Forget(ctx, s.DB, SourceName, parts); err != nil {
		return err
	}
	s.refreshed = time.Now()
	if s.Failed != nil {
		s.Failed(errors.Join(failed...))
	}
	return nil
}

func (s *Source) every() time.Duration {
	if s.Refresh > 0 {
		return s.Refresh
	}
	return DefaultRefresh
}

func (w Watch) part() string { return w.Function + " " + w.Schema + "." + w.Table }

// copyRows writes a message for each of the next rows. They cannot change before
// the messages are committed, so the message of a later change comes after.
func (w Watch) copyRows(ctx context.Context, tx pgx.Tx, position string) (to string, written int, err error) {
	var relation string
	var columns []string
	err = tx.QueryRow(ctx, `select format('%I.%I', n.nspname, c.relname),
			coalesce((select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) from pg_index i join pg_attribute a
				on a.attrelid = c.oid and a.attnum = any(i.indkey) where i.indrelid = c.oid and i.indisprimary), '{}')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relname = $2`, w.Schema, w.Table).Scan(&relation, &columns)
	if err != nil {
		return "", 0, fmt.Errorf("copy %s.%s: %w", w.Schema, w.Table, err)
	}
	if len(columns) == 0 {
		return "", 0, fmt.Errorf("copy %s: a table without a primary key cannot be copied", relation)
	}
	var list, after, keys []string
	for _, c := range columns {
		ident := pgx.Identifier{c}.Sanitize()
		list = append(list, "t."+ident)
		after = append(after, "p."+ident)
		keys = append(keys, literal(c)+", t."+ident)
	}
	row, object := strings.Join(list, ", "), "jsonb_build_object("+strings.Join(keys, ", ")+")"
	where := ""
	args := []any{w.Function, relation, copyBatch}
	if position != "" {
		where = fmt.Sprintf(` where (%s) > (select %s from jsonb_populate_record(null::%s, $4::jsonb) p)`, row, strings.Join(after, ", "), relation)
		args = append(args, position)
	}
	rows, err := tx.Query(ctx, `with next as materialized (
			select `+object+` as keys, to_jsonb(t) as image from `+relation+` t`+where+` order by `+row+` limit $3 for share)
		select keys::text, connector.row_message($1, $2, 'INSERT', keys, image, null, true)::text from next`, args...)
	if err != nil {
		return "", 0, fmt.Errorf("copy %s: %w", relation, err)
	}
	sent, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (key string, err error) {
		var none string
		return key, row.Scan(&key, &none)
	})
	if err != nil {
		return "", 0, fmt.Errorf("copy %s: %w", relation, err)
	}
	if len(sent) < copyBatch {
		return copied, len(sent), nil
	}
	return sent[len(sent)-1], len(sent), nil
}
