-- +goose Up

-- Each owner of effects has a table of its own beside them, made by its own
-- migration: select idempotency.install('fn_users');
create schema idempotency;

-- The schemas that have the table, for migrations of this package to come.
create table idempotency.installed (schema text primary key);

-- +goose StatementBegin
create function idempotency.install(target name) returns void language plpgsql as $$
begin
    execute format('create table %I.idempotency (
        scope      text        not null,  -- who sent the key, and for what
        key        text        not null,
        digest     bytea       not null,  -- of the request
        answer     jsonb       not null,
        expires_at timestamptz not null,
        primary key (scope, key))', target);
    execute format('create index idempotency_expires on %I.idempotency (expires_at)', target);
    insert into idempotency.installed values (target);
end $$;
-- +goose StatementEnd
revoke all on function idempotency.install(name) from public;

-- +goose Down
drop schema idempotency cascade;
