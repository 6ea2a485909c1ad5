-- +goose Up
-- Bodies that belong to rows elsewhere and are too long for them. A body is a
-- blob like an object's; it is in no bucket, so no client of S3 can see it.
CREATE TABLE objects.body (
    blob       uuid PRIMARY KEY,
    size       bigint NOT NULL CHECK (size >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE objects.body;
