// Package deadletter keeps the messages that nobody delivers any more by itself:
// what they were, how each attempt ended and why the last one was the last. They
// can be listed, sent again and deleted, one by one or many at once in a job
// that goes on after a crash. The package does not know when a message dies.
package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
)

// Letter is a dead letter.
type Letter struct {
	ID        int64       `json:"id"`
	Function  string      `json:"function"`
	Group     string      `json:"group,omitempty"`
	CallID    string      `json:"call_id"`
	Method    string      `json:"method"`
	Path      string      `json:"path"`    // secrets in the query are redacted
	Headers   http.Header `json:"headers"` // credentials are redacted
	CreatedAt time.Time   `json:"created_at"`
	DiedAt    time.Time   `json:"died_at"`
	Attempts  int         `json:"attempts"`
	Retried   int         `json:"retried"` // times it was a dead letter before
	Code      string      `json:"code"`    // stable word for why it died
	Reason    string      `json:"reason"`  // sentence for a person
	History   []Attempt   `json:"history"` // oldest first; of many, the first 10 and the last 40
	BodySize  int         `json:"body_size"`
	Body      []byte      `json:"body,omitempty"` // base64 in JSON; only of Get
}

// Attempt is one attempt that failed, or what ended the message without one.
type Attempt struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Status  int       `json:"status,omitempty"` // the function's HTTP status, 0 when it gave none
	Code    string    `json:"code"`
	Reason  string    `json:"reason"`
	Cause   string    `json:"cause,omitempty"`   // how the function's process ended, if it did
	Version string    `json:"version,omitempty"` // the image that was deployed
	Digest  string    `json:"digest,omitempty"`  // and its digest
}

// Filter chooses dead letters: those to which all that is set applies.
type Filter struct {
	IDs         []int64       `json:"ids,omitempty"`
	Function    string        `json:"function,omitempty"`
	Code        string        `json:"code,omitempty"`
	OlderThan   time.Duration `json:"older_than,omitempty"`   // since it died; nanoseconds
	YoungerThan time.Duration `json:"younger_than,omitempty"` // since it died; nanoseconds
}

// where is the filter as SQL, with $1 to $5 for its fields; see args.
const where = `($1::bigint[] is null or id = any($1)) and ($2 = '' or fn = $2) and ($3 = '' or code = $3)
  and ($4 = interval '0' or died_at <= now() - $4::interval) and ($5 = interval '0' or died_at > now() - $5::interval)`

func (f Filter) args(more ...any) []any {
	return append([]any{f.IDs, f.Function, f.Code, f.OlderThan, f.YoungerThan}, more...)
}

// MaxList is the most letters that List gives at once.
const MaxList = 1000

// List gives dead letters without their bodies, newest first, at most limit.
// after is "" for the first page, and then the id of the last letter of the page
// before.
func List(ctx context.Context, db queue.DB, f Filter, after int64, limit int) ([]Letter, error) {
	limit = max(min(limit, MaxList), 1)
	rows, err := db.Query(ctx, `select `+columns+`, null::bytea, null from queue.dead
where `+where+` and ($6 = 0 or (died_at, id) < (select died_at, id from queue.dead where id = $6))
order by died_at desc, id desc limit $7`, f.args(after, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Letter, error) { l, _, err := scan(row); return l, err })
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return list, nil
}

// Get gives one dead letter with its body, or fault.NotFound. bodies may be nil
// where no body is kept outside of the queue.
func Get(ctx context.Context, db queue.DB, bodies queue.Bodies, id int64) (Letter, error) {
	rows, err := db.Query(ctx, `select `+columns+`, body, body_ref from queue.dead where id = $1`, id)
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter %d: %w", id, err)
	}
	var ref string
	l, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (l Letter, err error) { l, ref, err = scan(row); return l, err })
	if errors.Is(err, pgx.ErrNoRows) {
		return Letter{}, fault.New(fault.NotFound, "no_dead_letter", "there is no dead letter %d", id)
	}
	if err == nil && ref != "" && bodies != nil {
		l.Body, err = bodies.Get(ctx, ref)
		l.BodySize = len(l.Body)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter %d: %w", id, err)
	}
	return l, nil
}

// Count gives how many dead letters a job with this filter would deal with.
func Count(ctx context.Context, db queue.DB, f Filter) (n int64, err error) {
	if err = db.QueryRow(ctx, `select count(*) from queue.dead where `+where, f.args()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

const columns = `id, fn, coalesce(grp, ''), call_id, method, path, headers, created_at, died_at, attempt, retried, code, reason, history,
    coalesce(octet_length(body), 0)`

func scan(row pgx.CollectableRow) (l Letter, ref string, err error) {
	var headers, history []byte
	var where *string
	err = row.Scan(&l.ID, &l.Function, &l.Group, &l.CallID, &l.Method, &l.Path, &headers, &l.CreatedAt, &l.DiedAt,
		&l.Attempts, &l.Retried, &l.Code, &l.Reason, &history, &l.BodySize, &l.Body, &where)
	if err != nil {
		return l, "", err
	}
	if where != nil {
		ref = *where
	}
	if err := errors.Join(json.Unmarshal(headers, &l.Headers), json.Unmarshal(history, &l.History)); err != nil {
		return l, "", fmt.Errorf("dead letter %d: %w", l.ID, err)
	}
	redact(&l)
	return l, ref, nil
}
