-- +goose Up

-- What has been published: a sender who delivers twice is told so, and nothing
-- happens twice. Rows go after a week.
create table fn_webhook.delivery (
    source      text        not null,
    id          text        not null,
    received_at timestamptz not null default now(),
    primary key (source, id)
);
create index delivery_received on fn_webhook.delivery (received_at);

-- +goose Down
drop table fn_webhook.delivery;
