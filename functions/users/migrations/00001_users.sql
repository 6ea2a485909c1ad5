-- +goose Up
create table fn_users.users (
    id         uuid primary key,
    name       text        not null check (name <> ''),
    email      text        not null,
    email_key  text        not null constraint users_email unique,  -- the address in lower case
    version    bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

select idempotency.install('fn_users');

-- +goose Down
drop table fn_users.users, fn_users.idempotency;
