package queue

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
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
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1, $2)`, lockClass, s.ID); err != nil {
		return nil, fmt.Errorf("join the queue: %w", err)
	}
	if _, err := conn.Exec(ctx, "listen "+Channel); err != nil {
		return nil, fmt.Errorf("join the queue: %w", err)
	}
	if err := Notify(ctx, conn); err != nil { // those who thought that they were alone are not
		return nil, fmt.Errorf("join the queue: %w", err)
	}
	return s, nil
}

// Alone reports whether there is no other session. Whoever joins notifies, so
// the answer holds until Wait returns.
func (s *Session) Alone(ctx context.Context, db DB) (alone bool, err error) {
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
	_, err := s.conn.WaitForNotification(ctx)
	return err
}

// Check asks the server whether the session still stands.
func (s *Session) Check(ctx context.Context) error { return s.conn.Ping(ctx) }

// Leave ends the session.
func (s *Session) Leave(ctx context.Context) error { return s.conn.Close(ctx) }

// Sweep makes visible at once what sessions that are gone had leased, and
// returns how many messages that were. It is what makes recovery take a second
// where the lease alone would take ten.
func Sweep(ctx context.Context, db DB) (int64, error) {
	tag, err := db.Exec(ctx, `
update queue.message m set visible_at = now(), leased_by = null
where leased_by = any(array(
    select leased_by from (select distinct leased_by from queue.message where leased_by is not null) held
    where not exists (
        select from pg_locks l where l.locktype = 'advisory' and l.classid = $1 and l.objid = held.leased_by::oid
          and l.objsubid = 2 and l.granted
          and l.database = (select oid from pg_database where datname = current_database()))))
and visible_at > now()`, lockClass)
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	return tag.RowsAffected(), nil
}

// Release gives leases back unused, without spending an attempt: a worker that
// stops calls it for what it did not begin or could not finish.
func Release(ctx context.Context, db DB, held []Key) error {
	ids, fences := columns(held)
	_, err := db.Exec(ctx, `
update queue.message m set visible_at = now(), leased_by = null, attempt = attempt - 1
from unnest($1::bigint[], $2::bigint[]) as k(id, fence)
where m.id = k.id and m.fence = k.fence and m.leased_by is not null`, ids, fences)
	if err != nil {
		return fmt.Errorf("release leases: %w", err)
	}
	return nil
}
