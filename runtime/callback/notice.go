package callback

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// noticeEvery is how often somebody is told of a function's dead letters at most.
const noticeEvery = time.Minute

// notice is what is told, as JSON.
type notice struct {
	Type     string    `json:"type"` // fnstore.dead_letters
	Function string    `json:"function"`
	Count    int64     `json:"count"` // dead letters since Since that nobody was told of
	Since    time.Time `json:"since"`
	Last     lastDead  `json:"last"`
}

type lastDead struct {
	ID     int64     `json:"id"`
	CallID string    `json:"call_id"`
	Code   string    `json:"code"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// notify tells of dead letters: at once of the first, and then once a minute of
// those that came meanwhile. What an operator cancelled is no news.
func (t *Teller) notify(ctx context.Context, tx pgx.Tx, died []end) error {
	of := map[string][]end{}
	for _, e := range died {
		if e.code != "cancelled" {
			of[e.function] = append(of[e.function], e)
		}
	}
	functions := make([]string, 0, len(of))
	for fn := range of {
		functions = append(functions, fn)
	}
	slices.Sort(functions) // two workers lock the rows in one order
	for _, fn := range functions {
		who := t.Notify(fn)
		if who == "" {
			continue
		}
		n, err := addressed(who)
		if err != nil {
			slog.WarnContext(ctx, "dead letters cannot be told of", "part", "callback", "function", fn, "cause", err)
			continue
		}
		if n.Function == fn { // it would tell of itself, for ever
			continue
		}
		if err := count(ctx, tx, n, fn, of[fn]); err != nil {
			return fmt.Errorf("tell of dead letters of %s: %w", fn, err)
		}
	}
	return nil
}

// addressed gives a message to a URL or a function.
func addressed(who string) (queue.New, error) {
	n := queue.New{Headers: http.Header{"Content-Type": {"application/json"}}}
	if !strings.Contains(who, "://") {
		n.Function, n.Trusted = who, true
		return n, nil
	}
	t, err := parse(who)
	n.Function, n.Path = t.function(), t.path
	return n, err
}

// count adds dead letters to the message that waits, or writes one. The row in
// queue.notice is locked until the transaction ends.
func count(ctx context.Context, tx pgx.Tx, n queue.New, fn string, died []end) error {
	var (
		message *int64
		due     *time.Time
		news    = notice{Type: "fnstore.dead_letters", Function: fn}
		since   *time.Time
		now     time.Time
	)
	if err := tx.QueryRow(ctx, `
insert into queue.notice as n (fn) values ($1) on conflict (fn) do update set fn = excluded.fn
returning message_id, due, count, since, clock_timestamp()`, fn).Scan(&message, &due, &news.Count, &since, &now); err != nil {
		return err
	}
	last := died[len(died)-1]
	news.Last = lastDead{last.id, last.callID, last.code, last.reason, last.diedAt}
	if message != nil && since != nil {
		news.Since = *since
		news.Count += int64(len(died))
		body, err := json.Marshal(news)
		if err != nil {
			return err
		}
		// A claim that passes over the row while it is locked finds it later where it
		// is now: it must not lie before what was read to the end.
		tag, err := tx.Exec(ctx, `
update queue.message set body = $2, body_size = $4, visible_at = greatest(visible_at, clock_timestamp())
where id = $1 and fn = $3 and leased_by is null`, *message, body, n.Function, len(body))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 1 {
			_, err = tx.Exec(ctx, `update queue.notice set count = $2 where fn = $1`, fn, news.Count)
			return err
		}
	}
	news.Count, news.Since = int64(len(died)), died[0].diedAt
	body, err := json.Marshal(news)
	if err != nil {
		return err
	}
	n.Body = body
	if due != nil {
		n.Delay = max(due.Add(noticeEvery).Sub(now), 0)
	}
	a, err := queue.Enqueue(ctx, tx, n)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update queue.notice set message_id = $2, due = $3, count = $4, since = $5 where fn = $1`,
		fn, a.ID, now.Add(n.Delay), news.Count, news.Since)
	return err
}
