-- +goose Up
create table fn_chain.record (
    id        text        primary key,
    content   text        not null, -- JSON, as the step store got it
    call_id   text        not null, -- of the run that wrote it
    stored_at timestamptz not null default now()
);

-- +goose Down
drop table fn_chain.record;
