-- +goose Up

-- How often a message is tried is the function's policy, read at each delivery;
-- so a message carries no limit of its own. Every change below is one of the
-- catalogue alone, whatever the number of rows, but for the small indexes.
drop index queue.message_spent;
drop index queue.message_leased;
alter table queue.message
    drop column max_attempts,
    add column deliveries int         not null default 0,    -- begun, those that spent no attempt too
    add column first_at   timestamptz,                       -- when the first one began
    add column queued_at  timestamptz not null default now(), -- 14 days later the message is dead
    add column retried    int         not null default 0;    -- times it was a dead letter and sent again
-- Retention looks for old rows once an hour: an index of a few pages is enough.
create index message_queued on queue.message using brin (queued_at);

alter table queue.dead
    drop column max_attempts,
    add column deliveries int    not null default 0,
    add column first_at   timestamptz,
    add column retried    int    not null default 0,
    -- A message that is sent again keeps its id. Its fence goes on from here, so
    -- that a worker of its first life cannot finish it in its second.
    add column fence      bigint not null default 1000000;
create index dead_died on queue.dead (died_at, id);

-- worker has a row for each worker that joined, until it left or was found dead.
create table queue.worker (
    id        int primary key,
    joined_at timestamptz not null default now()
);

-- circuit has a row for each function whose messages wait because it fails, or
-- because an operator paused it. No row: messages flow.
create table queue.circuit (
    fn        text primary key,
    opened_at timestamptz not null default clock_timestamp(),
    operator  boolean     not null default false, -- paused by hand: no probes
    probe_at  timestamptz not null,               -- one message is delivered then, to see
    pause     interval    not null,               -- before the next probe
    code      text        not null,
    reason    text        not null
);

-- unused_body names the bodies in the object store that no message needs any
-- more. The row is written in the transaction that ends the message, the object
-- is deleted later: a crash in between loses nothing and leaves nothing.
create table queue.unused_body (
    ref text primary key,
    at  timestamptz not null default now()
);

-- job is a retry or a purge of many dead letters, done in small steps by
-- whichever worker runs.
create table queue.job (
    id         bigint generated always as identity primary key,
    kind       text        not null check (kind in ('retry', 'purge')),
    filter     jsonb       not null,
    rate       int         not null check (rate > 0), -- letters a second
    upto       timestamptz not null default clock_timestamp(), -- letters that died later are not touched
    last_id    bigint      not null default 0,        -- letters up to this one are dealt with
    total      bigint      not null,
    done       bigint      not null default 0,
    state      text        not null default 'running' check (state in ('running', 'done', 'cancelled')),
    created_at timestamptz not null default clock_timestamp(),
    step_at    timestamptz not null default clock_timestamp() -- the next step is not before
);
create index job_running on queue.job (step_at) where state = 'running';

-- add is enqueue with a body that may lie in the object store: in_body_ref names
-- it, and in_digest stands for it where duplicates are compared.
-- +goose StatementBegin
create function queue.add(
    in_fn text, in_method text, in_path text, in_headers jsonb, in_body bytea,
    in_body_ref text, in_digest bytea,
    in_call_id text, in_group text, in_trusted boolean,
    in_delay interval, in_deadline timestamptz, in_callback text,
    in_dedup_key text, in_dedup_window interval,
    out id bigint, out call_id text, out duplicate boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    fingerprint bytea;
    held queue.dedup;
begin
    duplicate := false;
    call_id := in_call_id;
    -- The transaction has its number before visible_at is taken: a claim that
    -- knows all older transactions to be over has then seen all earlier rows.
    perform pg_current_xact_id();
    if in_dedup_key is not null then
        fingerprint := sha256(convert_to(in_method || ' ' || in_path, 'UTF8') || '\x00'::bytea || coalesce(in_digest, in_body, ''::bytea));
        -- The row is claimed first; its message is named below. A second
        -- caller waits here until the first one's transaction ends.
        insert into queue.dedup as d (fn, key, message_id, call_id, digest, expires_at)
        values (in_fn, in_dedup_key, 0, in_call_id, fingerprint, clock_timestamp() + in_dedup_window)
        on conflict (fn, key) do update
            set message_id = 0, call_id = excluded.call_id, digest = excluded.digest, expires_at = excluded.expires_at
            where d.expires_at <= clock_timestamp();
        if not found then
            select * into held from queue.dedup d where d.fn = in_fn and d.key = in_dedup_key;
            if held.digest <> fingerprint then
                raise exception 'the key % was used for another message', in_dedup_key
                    using errcode = 'FN422';
            end if;
            id := held.message_id;
            call_id := held.call_id;
            duplicate := true;
            return;
        end if;
    end if;
    if in_group is not null then
        -- Held to the end of the transaction: ids of a group follow the order
        -- of their commits, and nobody finishes the one before meanwhile.
        perform pg_advisory_xact_lock(hashtextextended(in_fn || '/' || in_group, 0));
    end if;
    insert into queue.message (fn, grp, blocked, method, path, headers, body, body_ref, callback, call_id, trusted,
                               visible_at, deadline)
    values (in_fn, in_group,
            in_group is not null and exists (select from queue.message m where m.fn = in_fn and m.grp = in_group),
            in_method, in_path, in_headers, in_body, in_body_ref, in_callback, in_call_id, in_trusted,
            clock_timestamp() + in_delay, in_deadline)
    returning message.id into id;
    if in_dedup_key is not null then
        update queue.dedup d set message_id = add.id where d.fn = in_fn and d.key = in_dedup_key;
    end if;
end $$;
-- +goose StatementEnd
revoke all on function queue.add from public;

-- enqueue keeps its arguments for those who call it; in_max_attempts means
-- nothing any more, since the function's policy decides.
-- +goose StatementBegin
create or replace function queue.enqueue(
    in_fn text, in_method text, in_path text, in_headers jsonb, in_body bytea,
    in_call_id text, in_group text, in_trusted boolean, in_max_attempts int,
    in_delay interval, in_deadline timestamptz, in_callback text,
    in_dedup_key text, in_dedup_window interval,
    out id bigint, out call_id text, out duplicate boolean)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select id, call_id, duplicate from queue.add(in_fn, in_method, in_path, in_headers, in_body, null, null,
        in_call_id, in_group, in_trusted, in_delay, in_deadline, in_callback, in_dedup_key, in_dedup_window)
$$;
-- +goose StatementEnd

-- maintain makes the partitions of the days to come and drops those older than
-- keep, and forgets dedup keys past their window, finished jobs and dead letters
-- older than keep. It is safe to run at any time, by anyone, at once.
-- +goose StatementBegin
create or replace function queue.maintain(keep interval) returns void language plpgsql as $$
declare
    day date;
    part regclass;
begin
    perform pg_advisory_xact_lock(hashtextextended('queue.maintain', 0));
    for day in select generate_series(current_date, current_date + 2, '1 day')::date loop
        if to_regclass('queue.done_' || to_char(day, 'YYYYMMDD')) is null
           and not exists (select from queue.done_rest where finished_at >= day and finished_at < day + 1) then
            execute format('create table queue.%I partition of queue.done for values from (%L) to (%L)',
                           'done_' || to_char(day, 'YYYYMMDD'), day, day + 1);
        end if;
    end loop;
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'queue.done'::regclass loop
        if part::text ~ '^queue\.done_\d{8}$' and to_date(right(part::text, 8), 'YYYYMMDD') < current_date - keep then
            execute format('drop table %s', part);
        end if;
    end loop;
    delete from queue.done_rest where finished_at < now() - keep;
    delete from queue.dedup where expires_at < now();
    delete from queue.job where state <> 'running' and created_at < now() - keep;
    with gone as (delete from queue.dead where died_at < now() - keep returning body_ref)
    insert into queue.unused_body (ref) select body_ref from gone where body_ref is not null on conflict do nothing;
end $$;
-- +goose StatementEnd

-- +goose Down
drop schema queue cascade;
