-- +goose Up

-- Who wants to hear of a topic.
create table fn_notify.subscription (
    id         uuid        primary key default gen_random_uuid(),
    topic      text        not null,
    protocol   text        not null check (protocol in ('function', 'webhook', 'email')),
    endpoint   text        not null,
    filter     text        not null,
    created_at timestamptz not null default now(),
    unique (topic, protocol, endpoint)
);

-- What was published. An id that comes twice is one notification.
create table fn_notify.notification (
    id         text        primary key,
    topic      text        not null,
    type       text        not null,
    content    text        not null, -- JSON, as subscribers get it
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index notification_expires on fn_notify.notification (expires_at);

-- What became of it, for each subscriber: written with the notification, claimed
-- by the call that sends it, done when it was taken.
create table fn_notify.delivery (
    notification  text not null references fn_notify.notification on delete cascade,
    subscription  uuid not null,
    protocol      text not null,
    endpoint      text not null,
    attempts      int  not null default 0,
    claimed_until timestamptz,
    done_at       timestamptz,
    last_error    text,
    primary key (notification, subscription)
);

-- sweep_notification is one of the clean-ups that maintenance runs.
-- +goose StatementBegin
create function fn_notify.sweep_notification(at_most int) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from fn_notify.notification where ctid in (
            select ctid from fn_notify.notification where expires_at <= now() order by expires_at limit at_most for update skip locked)
        returning 1)
    select count(*) from gone
$$;
-- +goose StatementEnd
revoke all on function fn_notify.sweep_notification(int) from public;

-- report_notifications is one of the reports that maintenance writes.
create view fn_notify.report_notifications as
    select n.created_at::date as day, n.topic, n.type, d.protocol,
           count(d.*) as deliveries, count(d.done_at) as done, count(d.last_error) filter (where d.done_at is null) as failing
    from fn_notify.notification n left join fn_notify.delivery d on d.notification = n.id
    group by 1, 2, 3, 4 order by 1, 2, 3, 4;

-- +goose Down
drop view fn_notify.report_notifications;
drop function fn_notify.sweep_notification(int);
drop table fn_notify.delivery, fn_notify.notification, fn_notify.subscription;
