package queue

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
	"fnstore/kit/trace"
)

// New is a message to be: what to call, and when. How often it is tried is the
// function's own retry policy, which is read at each delivery.
type New struct {
	Function string
	Method   string // "" means POST
	Path     string // escaped, with the query; "" means /
	// Headers of the call. Those of a message that is written while a request is
	// served have the request's trace context, unless they say another (see kit/trace).
	Headers map[string][]string
	Body    []byte
	CallID  string // "" makes one
	Group   string // messages of one group are delivered one by one, in order; "" for none
	// Trusted says that the store itself made the message, so that it is
	// delivered with a signature. A message of a client never is.
	Trusted bool

	Delay    time.Duration // before the first delivery
	Deadline time.Time     // no delivery begins after it; zero means none
	Callback string        // URL that is told how the call ended; "" for none

	// DedupKey makes the second message with the same key and content the
	// first one, for DedupWindow (0 means DefaultDedupWindow).
	DedupKey    string
	DedupWindow time.Duration
}

// DefaultDedupWindow is how long a dedup key is remembered, as SQS does.
const DefaultDedupWindow = 5 * time.Minute

// Accepted is the queue's promise, once the transaction commits.
type Accepted struct {
	ID        int64
	CallID    string // the first one's, for a duplicate
	Duplicate bool
}

// reusedKey is the SQLSTATE that queue.add raises for a key that was used for
// another message.
const reusedKey = "FN422"

// Enqueue puts a message into the queue within db's transaction, if it has one.
// It returns fault.TooLarge for a body over MaxBody and fault.Unprocessable for
// a dedup key that was used for something else.
func Enqueue(ctx context.Context, db DB, n New) (Accepted, error) { return enqueue(ctx, db, n, "") }

// EnqueueLarge is Enqueue with a body that goes to bodies when it is longer than
// MaxInline. Message and body are there when, and only when, tx commits.
func EnqueueLarge(ctx context.Context, tx pgx.Tx, bodies Bodies, n New) (Accepted, error) {
	if bodies == nil || len(n.Body) <= MaxInline || len(n.Body) > MaxBody {
		return enqueue(ctx, tx, n, "")
	}
	ref, err := bodies.Put(ctx, tx, n.Body)
	if err != nil {
		return Accepted{}, fmt.Errorf("store the body of a message for %s: %w", n.Function, err)
	}
	a, err := enqueue(ctx, tx, n, ref)
	if err == nil && a.Duplicate { // the first one's body is there already
		_, err = tx.Exec(ctx, `insert into queue.unused_body (ref) values ($1) on conflict do nothing`, ref)
	}
	return a, err
}

func enqueue(ctx context.Context, db DB, n New, ref string) (Accepted, error) {
	if len(n.Body) > MaxBody {
		return Accepted{}, fault.New(fault.TooLarge, "message_too_large", "a message's body may have %d bytes", MaxBody)
	}
	n.Headers = trace.Keep(ctx, n.Headers)
	headers, err := n.headers()
	if err != nil {
		return Accepted{}, err
	}
	body, digest := n.Body, []byte(nil)
	if ref != "" {
		sum := sha256.Sum256(n.Body)
		body, digest = nil, sum[:]
	}
	var a Accepted
	err = db.QueryRow(ctx,
		`select id, call_id, duplicate from queue.add($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)`,
		n.Function, or(n.Method, "POST"), or(n.Path, "/"), headers, body, null(ref), digest, len(n.Body),
		or(n.CallID, CallID()), null(n.Group), n.Trusted,
		n.Delay, n.deadline(), null(n.Callback), null(n.DedupKey), or(n.DedupWindow, DefaultDedupWindow),
	).Scan(&a.ID, &a.CallID, &a.Duplicate)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == reusedKey {
		return Accepted{}, fault.New(fault.Unprocessable, "dedup_key_reused", "%s", pg.Message)
	}
	if err != nil {
		return Accepted{}, fmt.Errorf("enqueue for %s: %w", n.Function, err)
	}
	return a, nil
}

func (n New) headers() ([]byte, error) {
	if n.Headers == nil {
		return []byte("{}"), nil
	}
	headers, err := json.Marshal(n.Headers)
	if err != nil {
		return nil, fmt.Errorf("enqueue: headers: %w", err)
	}
	return headers, nil
}

func (n New) deadline() *time.Time {
	if n.Deadline.IsZero() {
		return nil
	}
	return &n.Deadline
}

// Notify tells waiting workers to look. Call it after the commit, outside the
// transaction: a NOTIFY inside one takes a lock that all commits share.
func Notify(ctx context.Context, db DB) error {
	_, err := db.Exec(ctx, "select pg_notify($1, '')", Channel)
	return err
}

// CallID makes a call id: a random UUID (RFC 9562, version 4).
func CallID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	id := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			id = append(id, '-')
		}
		id = hex.AppendEncode(id, []byte{c})
	}
	return string(id)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// null makes SQL's null of an empty string.
func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
