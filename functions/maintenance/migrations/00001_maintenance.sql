-- +goose Up

-- What was done, for 30 days.
create table fn_maintenance.run (
    id          bigint      primary key generated always as identity,
    kind        text        not null,
    started_at  timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    steps       jsonb       not null,
    expires_at  timestamptz not null default now() + interval '30 days'
);
create index run_expires on fn_maintenance.run (expires_at);

-- So much of something, reserved for a while.
create table fn_maintenance.reservation (
    id         text        primary key,
    item       text        not null,
    quantity   int         not null check (quantity > 0),
    state      text        not null default 'reserved' check (state in ('reserved', 'expired')),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index reservation_reserved on fn_maintenance.reservation (expires_at) where state = 'reserved';
create index reservation_expired on fn_maintenance.reservation (expires_at) where state = 'expired';

-- +goose StatementBegin
create function fn_maintenance.sweep_run(at_most int) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from fn_maintenance.run where ctid in (
            select ctid from fn_maintenance.run where expires_at <= now() order by expires_at limit at_most for update skip locked)
        returning 1)
    select count(*) from gone
$$;

-- Each reservation expires once, whoever looks; its row goes a week later.
create function fn_maintenance.sweep_reservation(at_most int) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from fn_maintenance.reservation where ctid in (
            select ctid from fn_maintenance.reservation where state = 'expired' and expires_at <= now() - interval '7 days'
            order by expires_at limit at_most for update skip locked)
        returning 1),
    expired as (
        update fn_maintenance.reservation set state = 'expired' where ctid in (
            select ctid from fn_maintenance.reservation where state = 'reserved' and expires_at <= now()
            order by expires_at limit at_most for update skip locked)
        returning 1)
    select greatest((select count(*) from expired), (select count(*) from gone))
$$;
-- +goose StatementEnd
revoke all on function fn_maintenance.sweep_run(int), fn_maintenance.sweep_reservation(int) from public;

create view fn_maintenance.report_reservations as
    select item, state, count(*) as reservations, sum(quantity) as quantity
    from fn_maintenance.reservation group by 1, 2 order by 1, 2;

-- +goose Down
drop view fn_maintenance.report_reservations;
drop function fn_maintenance.sweep_run(int), fn_maintenance.sweep_reservation(int);
drop table fn_maintenance.run, fn_maintenance.reservation;
