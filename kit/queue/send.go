package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/fault"
	"fnstore/kit/trace"
)

// Outgoing is a message that a function sends to another one.
type Outgoing struct {
	Target  string              // the function; the sender's annotation fnstore.sends must name it
	Path    string              // escaped, with the query; "" means /
	Headers map[string][]string // of the call; the trace context of the request that ctx is of is added
	Body    []byte              // at most MaxBody bytes
	Group   string              // messages of one group are delivered one at a time, in order
	Delay   time.Duration       // before the first delivery
	// DedupKey makes the second message with the same key and content within 5
	// minutes the first one. Each sender has its own keys.
	DedupKey string
}

// SQLSTATEs that queue.send raises.
const (
	sendForbidden = "FN403"
	sendInvalid   = "FN400"
	noPrivilege   = "42501" // insufficient_privilege: the role may not call send at all
)

// Send puts a message into the queue with a function's own login, within db's
// transaction if it has one: the message is there when, and only when, what the
// function wrote is. It is delivered signed. Call Notify after the commit, or
// the message waits until a worker looks by itself.
//
// It returns fault.Forbidden (send_not_allowed) for a target that the sender's
// annotation fnstore.sends does not name, fault.Invalid (bad_message) for a
// message that cannot be delivered, fault.TooLarge for a body over MaxBody, and
// fault.Unprocessable for a dedup key that was used for something else.
func Send(ctx context.Context, db DB, m Outgoing) (Accepted, error) {
	if len(m.Body) > MaxBody {
		return Accepted{}, fault.New(fault.TooLarge, "message_too_large", "a message's body may have %d bytes", MaxBody)
	}
	if m.Headers = trace.Keep(ctx, m.Headers); m.Headers == nil {
		m.Headers = map[string][]string{}
	}
	headers, err := json.Marshal(m.Headers)
	if err != nil {
		return Accepted{}, fmt.Errorf("send to %s: headers: %w", m.Target, err)
	}
	var a Accepted
	err = db.QueryRow(ctx, `select id, call_id, duplicate from queue.send($1, $2, $3, $4, $5, $6, $7)`,
		m.Target, or(m.Path, "/"), headers, m.Body, null(m.Group), m.Delay, null(m.DedupKey),
	).Scan(&a.ID, &a.CallID, &a.Duplicate)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if err != nil {
			return Accepted{}, fmt.Errorf("send to %s: %w", m.Target, err)
		}
		return a, nil
	}
	switch pg.Code {
	case sendForbidden:
		return Accepted{}, fault.New(fault.Forbidden, "send_not_allowed", "%s", pg.Message)
	case noPrivilege:
		return Accepted{}, fault.New(fault.Forbidden, "send_not_allowed", "this function may not send: it has no annotation fnstore.sends").Because(err)
	case sendInvalid:
		return Accepted{}, fault.New(fault.Invalid, "bad_message", "%s", pg.Message)
	case reusedKey:
		return Accepted{}, fault.New(fault.Unprocessable, "dedup_key_reused", "%s", pg.Message)
	}
	return Accepted{}, fmt.Errorf("send to %s: %w", m.Target, err)
}

// Allow makes the targets that a role may send to exactly these, and lets the
// role call Send when there is one. Only the queue's owner can.
func Allow(ctx context.Context, db DB, role, sender string, targets []string) error {
	if targets == nil {
		targets = []string{}
	}
	if _, err := db.Exec(ctx, `select queue.allow($1, $2, $3)`, role, sender, targets); err != nil {
		return fmt.Errorf("allow %s to send: %w", sender, err)
	}
	return nil
}
