package queue

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
)

// New is a message to be: what to call, and how patiently.
type New struct {
	Function string
	Method   string // "" means POST
	Path     string // "" means /
	Headers  map[string][]string
	Body     []byte
	CallID   string // "" makes one
	Group    string
	Trusted  bool

	MaxAttempts int           // 0 means 3
	Delay       time.Duration // before the first delivery
	Deadline    time.Time     // zero means none
	Callback    string

	// DedupKey makes the second message with the same key and content the
	// first one, for DedupWindow (0 means 5 minutes).
	DedupKey    string
	DedupWindow time.Duration
}

// Accepted is the queue's promise, once the transaction commits.
type Accepted struct {
	ID        int64
	CallID    string // the first one's, for a duplicate
	Duplicate bool
}

const (
	defaultAttempts = 3
	defaultWindow   = 5 * time.Minute
	// reusedKey is the SQLSTATE that queue.enqueue raises for a key that was
	// used for another message.
	reusedKey = "FN422"
)

// Enqueue puts a message into the queue within db's transaction, if it has one.
// It returns fault.TooLarge for a body over MaxBody and fault.Unprocessable for
// a dedup key that was used for something else.
func Enqueue(ctx context.Context, db DB, n New) (Accepted, error) {
	if len(n.Body) > MaxBody {
		return Accepted{}, fault.New(fault.TooLarge, "message_too_large", "a message's body may have %d bytes", MaxBody)
	}
	if n.Headers == nil {
		n.Headers = map[string][]string{}
	}
	headers, err := json.Marshal(n.Headers)
	if err != nil {
		return Accepted{}, fmt.Errorf("enqueue: headers: %w", err)
	}
	var deadline *time.Time
	if !n.Deadline.IsZero() {
		deadline = &n.Deadline
	}
	var a Accepted
	err = db.QueryRow(ctx,
		`select id, call_id, duplicate from queue.enqueue($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)`,
		n.Function, or(n.Method, "POST"), or(n.Path, "/"), headers, n.Body,
		or(n.CallID, CallID()), null(n.Group), n.Trusted, or(n.MaxAttempts, defaultAttempts),
		n.Delay, deadline, null(n.Callback), null(n.DedupKey), or(n.DedupWindow, defaultWindow),
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
