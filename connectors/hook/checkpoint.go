package hook

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// Migrations is the schema connector, as goose reads it, in the folder migrations.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Checkpoint is how far a part of a source has been read.
type Checkpoint struct {
	Part     string
	Position string
	Paused   bool
}

func advance(ctx context.Context, tx queue.DB, source string, a Advance) error {
	tag, err := tx.Exec(ctx, `update connector.checkpoint set position = $4, moved_at = now()
		where source = $1 and part = $2 and position = $3 and not paused`, source, a.Part, a.From, a.To)
	if err != nil {
		return fmt.Errorf("%s: advance the checkpoint of %s: %w", source, a.Part, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrStale
	}
	return nil
}

// Checkpoints gives the checkpoints of a source, by part.
func Checkpoints(ctx context.Context, db queue.DB, source string) (map[string]Checkpoint, error) {
	rows, err := db.Query(ctx, `select part, position, paused from connector.checkpoint where source = $1`, source)
	if err != nil {
		return nil, fmt.Errorf("%s: read checkpoints: %w", source, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Checkpoint])
	if err != nil {
		return nil, fmt.Errorf("%s: read checkpoints: %w", source, err)
	}
	checkpoints := make(map[string]Checkpoint, len(list))
	for _, p := range list {
		checkpoints[p.Part] = p
	}
	return checkpoints, nil
}

// Begin makes a part have a checkpoint, at position when it is new, and returns
// where it is.
func Begin(ctx context.Context, db queue.DB, source, part, position string) (Checkpoint, error) {
	if _, err := db.Exec(ctx, `insert into connector.checkpoint (source, part, position) values ($1, $2, $3)
		on conflict do nothing`, source, part, position); err != nil {
		return Checkpoint{}, fmt.Errorf("%s: begin %s: %w", source, part, err)
	}
	p := Checkpoint{Part: part}
	err := db.QueryRow(ctx, `select position, paused from connector.checkpoint where source = $1 and part = $2`, source, part).
		Scan(&p.Position, &p.Paused)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%s: begin %s: %w", source, part, err)
	}
	return p, nil
}

// Forget removes the checkpoints of a source whose parts are not in keep: nobody
// reads them any more.
func Forget(ctx context.Context, db queue.DB, source string, keep []string) error {
	if _, err := db.Exec(ctx, `delete from connector.checkpoint where source = $1 and not part = any(coalesce($2::text[], '{}'))`, source, keep); err != nil {
		return fmt.Errorf("%s: forget checkpoints: %w", source, err)
	}
	return nil
}

// ErrNoPart means that a source has no part of that name.
var ErrNoPart = errors.New("no such part")

// Pause stops the reading of a part. No event of it is written after Pause has
// returned.
func Pause(ctx context.Context, db queue.DB, source, part string) error {
	return change(ctx, db, `update connector.checkpoint set paused = true where source = $1 and part = $2`, source, part)
}

// Resume reads a paused part on, from position.
func Resume(ctx context.Context, db queue.DB, source, part, position string) error {
	return change(ctx, db, `update connector.checkpoint set paused = false, moved_at = now(),
		position = case when paused then $3 else position end
		where source = $1 and part = $2`, source, part, position)
}

func change(ctx context.Context, db queue.DB, sql string, args ...any) error {
	tag, err := db.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("connector checkpoints: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNoPart
	}
	return nil
}
