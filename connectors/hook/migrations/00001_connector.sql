-- +goose Up

-- What the connectors remember. It is theirs alone: no function has rights here.
create schema connector;

-- A checkpoint is how far a source has been read. The row moves in the transaction
-- that writes the messages of what was read, and only from the position that
-- the reader knew: of two replicas that read the same event, one writes it.
create table connector.checkpoint (
    source   text        not null, -- cron, minio, ...
    part     text        not null, -- what the source reads on its own: a schedule, a bucket
    position text        not null, -- the source's own words
    paused   boolean     not null default false,
    moved_at timestamptz not null default now(),
    primary key (source, part)
);

-- +goose Down
drop schema connector cascade;
