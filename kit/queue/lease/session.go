package lease

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/queue"
)

// lockClass is the first key of the advisory locks that stand for sessions; the
// second is the session's number. The value is arbitrary and ours alone.
const lockClass = 0x666e73 // "fns"

// Session is one worker's presence. Its connection holds an advisory lock for
// as long as it lives, so that others see within a second when it is gone. The
// lease stays the truth: without sessions recovery takes longer and loses
// nothing.
type Session struct {
	ID   int32
	conn *pgx.Conn
}

// Join makes a session on a connection that it owns from now on.
func Join(ctx context.Context, conn *pgx.Conn) (*Session, error) {
	s := &Session{conn: conn}
	if err := conn.QueryRow(ctx, `select nextval('queue.session')::int`).Scan(&s.ID); err != nil {
		return nil, fmt.Errorf("join the queue: %w", err)
	}
	for _, statement := range []string{
		fmt.Sprintf(`select pg_advisory_lock(%d, %d)`, lockClass, s.ID),
		fmt.Sprintf(`insert into queue.worker (id) values (%d) on conflict do nothing`, s.ID),
		"listen " + queue.Channel,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("join the queue: %w", err)
		}
	}
	if err := queue.Notify(ctx, conn); err != nil { // those who thought that they were alone are not
		return nil, fmt.Errorf("join the queue: %w", err)
	}
	return s, nil
}

// Notify tells the other workers to look. This one is not woken by it.
func (s *Session) Notify(ctx context.Context, db queue.DB) error {
	_, err := db.Exec(ctx, "select pg_notify($1, $2)", queue.Channel, strconv.Itoa(int(s.ID)))
	return err
}

// Alone reports whether there is no other session. Whoever joins notifies, so
// the answer holds until Wait returns.
func (s *Session) Alone(ctx context.Context, db queue.DB) (alone bool, err error) {
	err = db.QueryRow(ctx, `
select not exists (
    select from pg_locks where locktype = 'advisory' and classid = $1 and objid <> $2::oid and objsubid = 2
      and database = (select oid from pg_database where datname = current_database()))`,
		lockClass, uint32(s.ID)).Scan(&alone)
	if err != nil {
		return false, fmt.Errorf("look for others at the queue: %w", err)
	}
	return alone, nil
}

// Wait returns when NOTIFY says that a message may be waiting, or ctx ends. Any
// other error means that the session is lost, and with it every lease it held.
// While it waits nothing runs, here or in the server.
func (s *Session) Wait(ctx context.Context) error {
	for {
		n, err := s.conn.WaitForNotification(ctx)
		if err != nil || n.Payload != strconv.Itoa(int(s.ID)) {
			return err
		}
	}
}

// Check asks the server whether the session still stands.
func (s *Session) Check(ctx context.Context) error { return s.conn.Ping(ctx) }

// Leave ends the session. Its row stays until Sweep has seen that it is gone:
// it may have leases still.
func (s *Session) Leave(ctx context.Context) error { return s.conn.Close(ctx) }

// Sweep makes visible at once what sessions that are gone have leased of these
// functions, and returns how many messages that were. It is what makes recovery
// take a second where the lease alone would take ten.
func (q *Queue) Sweep(ctx context.Context, functions []string) (int64, error) {
	tag, err := q.db.Exec(ctx, sweepSQL, lockClass, functions, Duration)
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	return tag.RowsAffected(), nil
}

const sweepSQL = `
with living as materialized (
    select objid::bigint as id from pg_locks where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted
      and database = (select oid from pg_database where datname = current_database())
),
forget as (delete from queue.worker where id not in (select id from living) and joined_at < now() - interval '1 minute'),
leased as materialized (
    select m.id from unnest($2::text[]) as want(fn)
    cross join lateral (
        select id, leased_by from queue.message
        where fn = want.fn and not blocked and visible_at > now() and visible_at <= now() + $3
    ) m
    where m.leased_by is not null and m.leased_by <> 0 and m.leased_by not in (select id from living)
)
update queue.message m set visible_at = clock_timestamp(), leased_by = 0
from leased where m.id = leased.id and m.leased_by not in (select id from living)`

// Workers counts the workers that are there now: those whose session is open.
func Workers(ctx context.Context, db queue.DB) (n int, err error) {
	err = db.QueryRow(ctx, `select count(*) from pg_locks where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted
		and database = (select oid from pg_database where datname = current_database())`, lockClass).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count workers: %w", err)
	}
	return n, nil
}
