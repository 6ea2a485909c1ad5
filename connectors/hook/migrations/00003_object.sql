-- +goose Up

-- The objects of an S3 store that is not ours for which messages were written:
-- what a notification and a listing both tell of has one message a function.
create table connector.object (
    function text        not null,
    bucket   text        not null,
    key      text        collate "C" not null, -- in the order in which S3 lists
    identity text        not null,             -- of the content: version, or ETag and time
    seen_at  timestamptz not null default now(),
    primary key (function, bucket, key, identity)
);

-- +goose Down
drop table connector.object;
