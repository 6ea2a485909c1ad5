-- +goose Up
-- The index of the object store. Keys are bytes: they are compared and listed
-- as memcmp does, whatever the database's locale. A blob is a file's name.
CREATE SCHEMA objects;

CREATE TABLE objects.bucket (
    name       text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Grows with every change, so two events of one key can be put in order.
CREATE SEQUENCE objects.sequencer;

CREATE TABLE objects.object (
    bucket      text COLLATE "C" NOT NULL REFERENCES objects.bucket (name),
    key         bytea NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 1024),
    blob        uuid NOT NULL UNIQUE,
    size        bigint NOT NULL CHECK (size >= 0),
    etag        bytea NOT NULL,
    meta        jsonb NOT NULL,
    modified_at timestamptz NOT NULL DEFAULT now(),
    sequencer   bigint NOT NULL,
    PRIMARY KEY (bucket, key)
);

-- An upload in parts. A finished one keeps its ETag for a while, so that a
-- client which missed the answer can ask again.
CREATE TABLE objects.upload (
    id         uuid PRIMARY KEY,
    bucket     text COLLATE "C" NOT NULL REFERENCES objects.bucket (name) ON DELETE CASCADE,
    key        bytea NOT NULL,
    meta       jsonb NOT NULL,
    etag       bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    touched_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX upload_by_key ON objects.upload (bucket, key, id);

CREATE TABLE objects.part (
    upload      uuid NOT NULL REFERENCES objects.upload (id) ON DELETE CASCADE,
    number      int NOT NULL CHECK (number BETWEEN 1 AND 10000),
    blob        uuid NOT NULL UNIQUE,
    size        bigint NOT NULL,
    etag        bytea NOT NULL,
    modified_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (upload, number)
);

-- +goose Down
DROP SCHEMA objects CASCADE;
