package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnstore/kit/failpoint"
)

// Limits bound what waits for one function. A message beyond is refused with
// fault.TooMany before it is accepted.
type Limits struct {
	Messages int64 // 0 means DefaultMaxMessages
	Bytes    int64 // of bodies; 0 means DefaultMaxBytes
}

// Defaults of Limits.
const (
	DefaultMaxMessages = 2_000_000
	DefaultMaxBytes    = 4 << 30
)

const (
	// maxTogether is how many messages of concurrent callers go into one
	// transaction, and maxTogetherBytes how long their bodies may be.
	maxTogether      = 200
	maxTogetherBytes = 8 << 20
	// maxWriters is how many such transactions there are at once.
	maxWriters = 2
)

// Sender enqueues for many callers at once. What comes while a transaction
// commits goes together into the next one, so that a busy sender commits less
// often than it accepts and an idle one does not wait.
type Sender struct {
	db     Beginner
	bodies Bodies
	depth  *depth

	mu      sync.Mutex
	waiting []*sending
	writers int
}

// NewSender gives a Sender. bodies may be nil: then every body is in its row.
func NewSender(db Beginner, bodies Bodies, limits Limits) *Sender {
	return &Sender{db: db, bodies: bodies, depth: newDepth(db, limits)}
}

// sending is a message on its way, and its caller.
type sending struct {
	New
	headers []byte
	done    chan error // one value
	got     Accepted
}

// Send commits a message. When it returns without an error the message is
// durable; when ctx ends before, it may be or not. Errors are those of Enqueue,
// and fault.TooMany when too much waits for the function.
func (s *Sender) Send(ctx context.Context, n New) (Accepted, error) {
	if err := s.depth.admit(ctx, n.Function, int64(len(n.Body))); err != nil {
		return Accepted{}, err
	}
	if n.Group != "" || n.DedupKey != "" || len(n.Body) > MaxInline {
		return s.alone(ctx, n)
	}
	headers, err := n.headers()
	if err != nil {
		return Accepted{}, err
	}
	n.CallID = or(n.CallID, CallID())
	p := &sending{New: n, headers: headers, done: make(chan error, 1)}
	s.mu.Lock()
	s.waiting = append(s.waiting, p)
	start := s.writers < maxWriters
	if start {
		s.writers++
	}
	s.mu.Unlock()
	if start {
		go s.write()
	}
	select {
	case err := <-p.done:
		return p.got, err
	case <-ctx.Done():
		return Accepted{}, fmt.Errorf("enqueue for %s: %w", n.Function, context.Cause(ctx))
	}
}

// alone gives a message a transaction of its own: it may have to wait for
// others of its group or with its key.
func (s *Sender) alone(ctx context.Context, n New) (a Accepted, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		a, err = EnqueueLarge(ctx, tx, s.bodies, n)
		return err
	})
	failpoint.Hit(failpoint.Inserted)
	return a, err
}

// next takes what goes into one transaction; nothing ends the writer.
func (s *Sender) next() (list []*sending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := 0
	for len(s.waiting) > 0 && len(list) < maxTogether && (len(list) == 0 || bytes+len(s.waiting[0].Body) <= maxTogetherBytes) {
		list = append(list, s.waiting[0])
		bytes += len(s.waiting[0].Body)
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
	}
	if len(list) == 0 {
		s.writers--
		s.waiting = nil
	}
	return list
}

// writeTime bounds one transaction of several callers.
const writeTime = 10 * time.Second

func (s *Sender) write() {
	for list := s.next(); len(list) > 0; list = s.next() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTime)
		err := s.insert(ctx, list)
		if refused(err) && len(list) > 1 { // nothing was written: one of them is at fault
			for _, p := range list {
				p.done <- s.insert(ctx, []*sending{p})
			}
		} else {
			for _, p := range list {
				p.done <- err
			}
		}
		cancel()
	}
}

// refused reports whether the server has said no to what a statement contains.
// Any other error leaves it open whether the transaction was committed.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "54"))
}

// insert writes messages that have neither a group nor a key. As in queue.add,
// the transaction has its number before visible_at is taken.
const insertSQL = `
with number as materialized (select pg_current_xact_id())
insert into queue.message (fn, method, path, headers, body, body_size, callback, call_id, trusted, visible_at, deadline)
select u.fn, u.method, u.path, u.headers::jsonb, u.body, octet_length(u.body), nullif(u.callback, ''), u.call_id, u.trusted,
       clock_timestamp() + u.delay * interval '1 microsecond', u.deadline
from number, unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::bool[], $9::bigint[], $10::timestamptz[])
     with ordinality as u(fn, method, path, headers, body, callback, call_id, trusted, delay, deadline, n)
order by u.n
returning id`

func (s *Sender) insert(ctx context.Context, list []*sending) error {
	n := len(list)
	var (
		fns, methods, paths, headers = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		bodies                       = make([][]byte, n)
		callbacks, callIDs           = make([]string, n), make([]string, n)
		trusted                      = make([]bool, n)
		delays                       = make([]int64, n)
		deadlines                    = make([]*time.Time, n)
	)
	for i, p := range list {
		fns[i], methods[i], paths[i], headers[i] = p.Function, or(p.Method, "POST"), or(p.Path, "/"), string(p.headers)
		if bodies[i] = p.Body; bodies[i] == nil {
			bodies[i] = []byte{}
		}
		callbacks[i], callIDs[i], trusted[i], delays[i], deadlines[i] = p.Callback, p.CallID, p.Trusted, p.Delay.Microseconds(), p.deadline()
	}
	rows, err := s.db.Query(ctx, insertSQL, fns, methods, paths, headers, bodies, callbacks, callIDs, trusted, delays, deadlines)
	if err != nil {
		return fmt.Errorf("enqueue %d messages: %w", n, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("enqueue %d messages: %w", n, err)
	}
	for i, p := range list {
		p.got = Accepted{ID: ids[i], CallID: p.CallID}
	}
	failpoint.Hit(failpoint.Inserted)
	return nil
}
