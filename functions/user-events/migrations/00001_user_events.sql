-- +goose Up

-- What arrived. Its source and id are its name: the same twice is one event.
create table fn_user_events.event (
    source       text        not null,
    id           text        not null,
    seq          bigint      not null generated always as identity unique,
    type         text        not null,
    known        boolean     not null,
    subject      text        not null,
    occurred_at  timestamptz not null,
    received_at  timestamptz not null default now(),
    content_type text        not null,
    data         bytea,
    expires_at   timestamptz not null,
    primary key (source, id)
);
create index event_expires on fn_user_events.event (expires_at);
create index event_unknown on fn_user_events.event (seq) where not known;

-- Who a user is after all that arrived.
create table fn_user_events.person (
    id         text primary key,
    email      text,
    name       text,
    removed    boolean     not null,
    events     bigint      not null,
    changed_at timestamptz not null
);

-- sweep_event is one of the clean-ups that maintenance runs: it removes at most
-- so many events whose time is over, and says how many.
-- +goose StatementBegin
create function fn_user_events.sweep_event(at_most int) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from fn_user_events.event where ctid in (
            select ctid from fn_user_events.event where expires_at <= now() order by expires_at limit at_most for update skip locked)
        returning 1)
    select count(*) from gone
$$;
-- +goose StatementEnd
revoke all on function fn_user_events.sweep_event(int) from public;

-- report_events is one of the reports that maintenance writes.
create view fn_user_events.report_events as
    select date_trunc('day', received_at)::date as day, type, known, count(*) as events
    from fn_user_events.event group by 1, 2, 3 order by 1, 2, 3;

-- +goose Down
drop view fn_user_events.report_events;
drop function fn_user_events.sweep_event(int);
drop table fn_user_events.event, fn_user_events.person;
