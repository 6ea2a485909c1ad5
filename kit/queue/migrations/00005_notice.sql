-- +goose Up

-- notice has a row for each function of whose dead letters somebody is told: the
-- message that tells it, while it waits, counts those that come meanwhile.
create table queue.notice (
    fn         text primary key,
    message_id bigint,
    due        timestamptz,               -- of that message: the next one is a minute later at least
    count      bigint      not null default 0,
    since      timestamptz                -- when the first of those it counts died
);

-- +goose Down
drop table queue.notice;
