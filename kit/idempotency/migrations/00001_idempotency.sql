-- +goose Up

-- Each owner of effects has a table of its own beside them, made by its own
-- migration: select idempotency.install('fn_users'). It runs with the rights of
-- whoever calls it, who has to own the schema.
create schema idempotency;

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
end $$;
-- +goose StatementEnd
grant usage on schema idempotency to public;

-- +goose Down
drop schema idempotency cascade;
