-- +goose Up

-- The queue: every call that must not be lost is a row of message before anyone
-- says yes. A row leaves message in one of two ways, each one statement: it is
-- done (its record goes to done, without the body) or it is dead (the whole of
-- it goes to dead, with the reason).
create schema queue;

-- visible_at is three things at once: the delay of a new message, the pause
-- before a retry, and the end of a lease. So nothing has to rescue a message
-- whose worker died: it becomes visible by itself.
create table queue.message (
    id           bigint generated always as identity primary key,
    fn           text        not null,
    grp          text,                              -- one at a time, in order of id
    blocked      boolean     not null default false, -- an older one of its group is still here
    method       text        not null,
    path         text        not null,              -- what the function sees, with the query
    headers      jsonb       not null,
    body         bytea,
    body_ref     text,                              -- where a large body was left instead
    callback     text,
    call_id      text        not null,
    trusted      boolean     not null,              -- put here by the event plane: delivered signed
    created_at   timestamptz not null default now(),
    deadline     timestamptz,                       -- no attempt starts after it
    visible_at   timestamptz not null default now(),
    attempt      int         not null default 0,    -- deliveries started
    max_attempts int         not null check (max_attempts > 0),
    fence        bigint      not null default 0,    -- of the lease; every later write names it
    leased_by    int,                               -- the session whose advisory lock stands behind the lease
    history      jsonb       not null default '[]'  -- one entry per failed attempt
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, fillfactor = 70);

create index message_visible on queue.message (fn, visible_at) where not blocked;
create index message_group on queue.message (fn, grp, id) where grp is not null;
create index message_leased on queue.message (leased_by, fn) where leased_by is not null;
create index message_spent on queue.message (visible_at) where attempt >= max_attempts;
create index message_deadline on queue.message (deadline) where deadline is not null;
create index message_call on queue.message (call_id);

-- done is partitioned by day, so that forgetting is dropping a table.
create table queue.done (
    id          bigint      not null,
    fn          text        not null,
    grp         text,
    call_id     text        not null,
    created_at  timestamptz not null,
    finished_at timestamptz not null,
    attempt     int         not null,
    status      int         not null, -- the function's HTTP status
    history     jsonb       not null
) partition by range (finished_at);
create table queue.done_rest partition of queue.done default;
create index done_call on queue.done (call_id);

create table queue.dead (
    id           bigint primary key,
    fn           text        not null,
    grp          text,
    method       text        not null,
    path         text        not null,
    headers      jsonb       not null,
    body         bytea,
    body_ref     text,
    callback     text,
    call_id      text        not null,
    trusted      boolean     not null,
    created_at   timestamptz not null,
    deadline     timestamptz,
    attempt      int         not null,
    max_attempts int         not null,
    history      jsonb       not null,
    died_at      timestamptz not null,
    code         text        not null, -- stable, for programs
    reason       text        not null  -- a sentence, for people
);
create index dead_fn on queue.dead (fn, died_at);
create index dead_call on queue.dead (call_id);

-- The same key from the same caller within the window is the same message.
create table queue.dedup (
    fn         text        not null,
    key        text        not null,
    message_id bigint      not null,
    call_id    text        not null,
    digest     bytea       not null,
    expires_at timestamptz not null,
    primary key (fn, key)
);
create index dedup_expires on queue.dedup (expires_at);

create sequence queue.session as int cycle;

-- enqueue is the one way in, for Go, for triggers and for any language. It runs
-- as its owner, so a function's role needs EXECUTE on it and nothing else. It
-- takes part in the caller's transaction: the message exists when, and only
-- when, what it speaks of exists.
-- +goose StatementBegin
create function queue.enqueue(
    in_fn text, in_method text, in_path text, in_headers jsonb, in_body bytea,
    in_call_id text, in_group text, in_trusted boolean, in_max_attempts int,
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
    if in_dedup_key is not null then
        fingerprint := sha256(convert_to(in_method || ' ' || in_path, 'UTF8') || '\x00'::bytea || coalesce(in_body, ''::bytea));
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
    insert into queue.message (fn, grp, blocked, method, path, headers, body, callback, call_id, trusted,
                               max_attempts, visible_at, deadline)
    values (in_fn, in_group,
            in_group is not null and exists (select from queue.message m where m.fn = in_fn and m.grp = in_group),
            in_method, in_path, in_headers, in_body, in_callback, in_call_id, in_trusted,
            in_max_attempts, clock_timestamp() + in_delay, in_deadline)
    returning message.id into id;
    if in_dedup_key is not null then
        update queue.dedup d set message_id = enqueue.id where d.fn = in_fn and d.key = in_dedup_key;
    end if;
end $$;
-- +goose StatementEnd
revoke all on function queue.enqueue from public;

-- maintain makes the partitions of the days to come, drops those older than
-- keep, and forgets dedup keys past their window. It is safe to run at any
-- time, by anyone, at once.
-- +goose StatementBegin
create function queue.maintain(keep interval) returns void language plpgsql as $$
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
end $$;
-- +goose StatementEnd

-- +goose Down
drop schema queue cascade;
