package lease

// longHistory is a history with one more entry. It keeps the first ten and the
// last forty: a message that waits for two weeks must not grow without end.
const longHistory = `case when jsonb_array_length(m.history) >= 50 then m.history - 10 else m.history end
    || (o.failure || jsonb_build_object('attempt', m.attempt, 'delivery', m.deliveries))`

// finishSQL moves messages by verdict. Each statement changes only those whose
// lease is still the one that is named, and returns their keys: one batch may have
// outcomes of two leases of a message.
var finishSQL = map[Verdict]string{
	Done: `
with o as (select * from jsonb_to_recordset($1) as o(id bigint, fence bigint, status int)),
gone as (
    delete from queue.message m using o where m.id = o.id and m.fence = o.fence and m.leased_by is not null
    returning m.id, m.fn, m.grp, m.call_id, m.created_at, m.attempt, o.status, m.history, m.body_ref, m.fence
),
unused as (
    insert into queue.unused_body (ref) select body_ref from gone where body_ref is not null on conflict do nothing
),
kept as (
    insert into queue.done (id, fn, grp, call_id, created_at, finished_at, attempt, status, history)
    select id, fn, grp, call_id, created_at, clock_timestamp(), attempt, status, history from gone
)
select id, fence from gone`,
	Retry: `
with o as (select * from jsonb_to_recordset($1) as o(id bigint, fence bigint, delay_us bigint, free boolean, failure jsonb))
update queue.message m
set visible_at = clock_timestamp() + o.delay_us * interval '1 microsecond', leased_by = null,
    attempt = m.attempt - o.free::int, deliveries = m.deliveries - (o.failure->>'code' = '')::int,
    history = case when o.failure->>'code' = '' then m.history else ` + longHistory + ` end
from o where m.id = o.id and m.fence = o.fence and m.leased_by is not null
returning m.id, m.fence`,
	Dead: `
with o as (select * from jsonb_to_recordset($1) as o(id bigint, fence bigint, failure jsonb)),
gone as (
    delete from queue.message m using o where m.id = o.id and m.fence = o.fence and m.leased_by is not null
    returning m.*, ` + longHistory + ` as longer, o.failure
)
insert into queue.dead (id, fn, grp, method, path, headers, body, body_ref, body_size, callback, call_id, trusted, created_at,
                        deadline, attempt, deliveries, first_at, retried, fence, history, died_at, code, reason)
select id, fn, grp, method, path, headers, body, body_ref, body_size, callback, call_id, trusted, created_at,
       deadline, attempt, deliveries, first_at, retried, fence, longer,
       clock_timestamp(), failure->>'code', failure->>'reason' from gone
returning id, fence`,
}
