-- +goose Up
create table fn_auth.account (
    id         uuid primary key default gen_random_uuid(),
    email      text        not null,
    email_key  text        not null unique,  -- the address in lower case
    password   text        not null,         -- argon2id in the PHC format; empty: the secret auth-admin
    roles      text[]      not null default '{user}',
    disabled   boolean     not null default false,
    created_at timestamptz not null default now()
);

-- A family is all refresh tokens that came from one login. It ends as a whole.
create table fn_auth.family (
    id         uuid primary key default gen_random_uuid(),
    account    uuid        not null references fn_auth.account on delete cascade,
    revoked    boolean     not null default false,
    created_at timestamptz not null default now()
);
create index family_account on fn_auth.family (account);

create table fn_auth.refresh (
    hash       bytea primary key,             -- SHA-256 of the token
    family     uuid        not null references fn_auth.family on delete cascade,
    used_at    timestamptz,
    expires_at timestamptz not null
);
create index refresh_family on fn_auth.refresh (family);
create index refresh_expires on fn_auth.refresh (expires_at);

create table fn_auth.api_key (
    id         text primary key,
    hash       bytea       not null unique,   -- SHA-256 of the key
    account    uuid        not null references fn_auth.account on delete cascade,
    name       text        not null,
    scopes     text[]      not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz
);
create index api_key_account on fn_auth.api_key (account);

-- key_of is how other functions check an API key: they need to execute this
-- function and to read no table.
-- +goose StatementBegin
create function fn_auth.key_of(in_hash bytea)
returns table (id text, account uuid, email text, roles text[], scopes text[])
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.id, a.id, a.email, a.roles, k.scopes
    from fn_auth.api_key k join fn_auth.account a on a.id = k.account
    where k.hash = in_hash and not a.disabled and (k.expires_at is null or k.expires_at > now())
$$;
-- +goose StatementEnd
revoke all on function fn_auth.key_of(bytea) from public;

-- +goose Down
drop function fn_auth.key_of(bytea);
drop table fn_auth.api_key, fn_auth.refresh, fn_auth.family, fn_auth.account;
