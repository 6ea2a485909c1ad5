package hook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// Source is where a connector's events come from. One goroutine uses it.
type Source interface {
	// Name is short and stable, such as "cron". Checkpoints are kept under it.
	Name() string
	// Connect makes ready to read. It is called again after Read has failed.
	Connect(ctx context.Context) error
	// Read waits for the next event, at most until ctx ends. Ack must be called
	// once the event was dealt with: with nil after its messages were
	// committed, with ErrStale when another reader had dealt with it, else with
	// the reason why there are none. Only then may the source forget the event.
	Read(ctx context.Context) (ev Event, ack func(error), err error)
	Close() error
}

// Event is something that happened and the messages that come of it.
type Event struct {
	Messages []queue.New
	// Advance, when its source keeps a checkpoint, makes the event happen once: the
	// messages are written only while the checkpoint is still where the reader saw it.
	Advance Advance
	// Fill, when there is one, writes within the transaction what Messages
	// cannot say, and gives the position to advance to and how many messages it
	// wrote.
	Fill func(ctx context.Context, tx pgx.Tx) (to string, written int, err error)
	// SkipWhilePending drops a message while an earlier one of its group waits
	// or runs. The checkpoint advances all the same.
	SkipWhilePending bool
}

// Advance is the step of a checkpoint from one position to the next. The zero Advance
// keeps no checkpoint; the messages' dedup keys are then what makes a repeated event
// harmless.
type Advance struct{ Part, From, To string }

// ErrStale means that the checkpoint was not where the reader thought: another one
// has dealt with the event, or the part is paused or gone.
var ErrStale = errors.New("another reader has advanced the checkpoint, or it is paused")

// Reconnects are tried at these pauses, the second one growing into the first.
const (
	maxPause = 30 * time.Second
	minPause = time.Second
)

// Run reads src and writes its events into the queue until ctx ends. What fails
// is logged and tried again; no event is acknowledged before its messages are
// committed.
func Run(ctx context.Context, db queue.Beginner, src Source, m *Metrics) {
	log := slog.Default().With("part", "connector", "source", src.Name())
	pause := minPause
	for ctx.Err() == nil {
		err := src.Connect(ctx)
		if err == nil {
			m.connected(src.Name())
		}
		for err == nil {
			var ev Event
			var ack func(error)
			if ev, ack, err = src.Read(ctx); err != nil {
				break
			}
			if err = Deliver(ctx, db, src.Name(), ev, m); errors.Is(err, ErrStale) {
				ack(err)
				err = nil
				continue
			}
			ack(err)
			if err == nil {
				pause = minPause
			}
		}
		_ = src.Close() // what is lost with it was not acknowledged and comes again
		if ctx.Err() != nil {
			return
		}
		m.Failed(src.Name())
		log.Warn("the source failed and is read again", "cause", err, "after", pause)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPause)
	}
}

// Deliver writes an event's messages and advances its checkpoint, in one transaction,
// and then wakes the workers.
func Deliver(ctx context.Context, db queue.Beginner, source string, ev Event, m *Metrics) error {
	ctx = journey(ctx)
	tx, err := db.Begin(ctx)
	if err != nil {
		return fmt.Errorf("%s: write an event: %w", source, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	written := 0
	if ev.Fill != nil {
		if ev.Advance.To, written, err = ev.Fill(ctx, tx); err != nil {
			return fmt.Errorf("%s: write an event: %w", source, err)
		}
	}
	if ev.Advance != (Advance{}) {
		if err := advance(ctx, tx, source, ev.Advance); err != nil {
			return err
		}
	}
	for _, n := range ev.Messages {
		if ev.SkipWhilePending {
			pending, err := queue.Pending(ctx, tx, n.Function, n.Group)
			if err != nil {
				return err
			}
			if pending {
				m.skipped(source)
				continue
			}
		}
		a, err := queue.Enqueue(ctx, tx, n)
		if err != nil {
			return err
		}
		if !a.Duplicate {
			written++
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%s: write an event: %w", source, err)
	}
	m.delivered(source, written)
	if written > 0 {
		if err := queue.Notify(ctx, db); err != nil {
			slog.DebugContext(ctx, "notify the queue", "cause", err)
		}
	}
	return nil
}
