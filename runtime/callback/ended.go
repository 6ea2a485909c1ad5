package callback

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/kit/trace"
	"fnstore/kit/wire"
)

// Teller writes the messages that tell others how calls ended.
type Teller struct {
	// Notify gives who is told of a function's dead letters, a URL or a function;
	// "" for nobody. Nil for nobody at all.
	Notify func(function string) string
}

// end is how a call ended, for whom it may concern.
type end struct {
	id               int64
	function         string
	callback, callID string
	trace            string // Traceparent of what the callback belongs to
	status           int    // 0 when there was no answer
	code, reason     string
	answer           *lease.Answer
	diedAt           time.Time
}

// Ended is for lease.Queue.OnEnd.
func (t *Teller) Ended(ctx context.Context, tx pgx.Tx, outcomes []lease.Outcome) error {
	var dead []int64
	for _, o := range outcomes {
		if o.Verdict == lease.Dead {
			dead = append(dead, o.ID)
		}
	}
	letters, err := readDead(ctx, tx, dead)
	if err != nil {
		return err
	}
	var died []end
	for _, o := range outcomes {
		e := end{id: o.ID, function: o.Function, status: o.Status, answer: o.Answer}
		if o.Verdict == lease.Dead {
			l := letters[o.ID]
			e.callback, e.callID, e.trace, e.code, e.reason, e.diedAt = l.callback, l.callID, l.trace, l.code, l.reason, l.diedAt
			died = append(died, e)
		} else {
			e.callback, e.callID = o.Answer.Callback, o.Answer.CallID
		}
		if o.Answer != nil && o.Answer.Trace.Valid() {
			e.trace = o.Answer.Trace.String()
		}
		if e.callback != "" {
			if err := tell(ctx, tx, e); err != nil {
				return err
			}
		}
	}
	return t.warn(ctx, tx, died)
}

// warn tells of dead letters in a transaction within tx: that nobody is told is
// no reason to keep messages from ending.
func (t *Teller) warn(ctx context.Context, tx pgx.Tx, died []end) error {
	if t.Notify == nil || len(died) == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return t.notify(ctx, tx, died) })
	if err != nil && ctx.Err() == nil && !tx.Conn().IsClosed() {
		slog.WarnContext(ctx, "nobody is told of dead letters", "part", "callback", "cause", err)
		return nil
	}
	return err
}

func readDead(ctx context.Context, tx pgx.Tx, ids []int64) (map[int64]end, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select id, call_id, coalesce(callback, ''), coalesce(headers->'Traceparent'->>0, ''), code, reason, died_at from queue.dead where id = any($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	of := map[int64]end{}
	var e end
	if _, err := pgx.ForEachRow(rows, []any{&e.id, &e.callID, &e.callback, &e.trace, &e.code, &e.reason, &e.diedAt}, func() error {
		of[e.id] = e
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return of, nil
}

// tell writes the callback of a call.
func tell(ctx context.Context, tx pgx.Tx, e end) error {
	t, err := parse(e.callback)
	if err != nil { // no client could send it; somebody wrote it into the table
		slog.WarnContext(ctx, "a call ended and its callback cannot be called", "part", "callback", "call_id", e.callID, "cause", err)
		return nil
	}
	n := queue.New{Function: t.function(), Path: t.path, Headers: headers(e)}
	if e.answer != nil {
		n.Body = e.answer.Body
	}
	if _, err := queue.Enqueue(ctx, tx, n); err != nil {
		return fmt.Errorf("write the callback of call %s: %w", e.callID, err)
	}
	return nil
}

// What of an answer's headers does not travel: they are of its connection (RFC
// 9110 section 7.6.1), of its length, or ours to set.
var own = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Content-Length": true, "Host": true, "Expect": true,
	"Date": true, "X-Start-Time": true, "X-Served-By": true, "User-Agent": true, "Authorization": true, "Cookie": true,
}

// headers are those of the function's answer, and what OpenFaaS' queue worker
// adds. Without an answer the status is 503, as there.
func headers(e end) http.Header {
	h := http.Header{}
	status, took := e.status, time.Duration(0)
	if e.answer != nil {
		took = e.answer.Took
		named := map[string]bool{}
		for _, list := range e.answer.Header["Connection"] {
			for name := range strings.SplitSeq(list, ",") {
				named[textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))] = true
			}
		}
		for name, values := range e.answer.Header {
			if !own[name] && !named[name] && !strings.HasPrefix(name, "X-Fnstore-") {
				h[name] = values
			}
		}
		if e.answer.TooLong {
			h.Set("X-Fnstore-Body", "omitted: longer than 1 MiB")
		}
	}
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	h.Set(wire.CallID, e.callID)
	if delete(h, trace.HeaderState); e.trace == "" {
		e.trace = trace.OfCall(e.callID).String()
	}
	h.Set(trace.Header, e.trace)
	h.Set("X-Function-Name", e.function)
	h.Set("X-Function-Status", strconv.Itoa(status))
	h.Set("X-Duration-Seconds", strconv.FormatFloat(took.Seconds(), 'f', 6, 64))
	if e.code != "" {
		h.Set("X-Fnstore-Code", e.code) // of the dead letter
	}
	return h
}
