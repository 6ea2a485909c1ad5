-- +goose Up

-- Rows of files whose folder names no table: line is where the row begins in the
-- file, and data the row.
create table fn_process.records (
    file_id text   not null default current_setting('process.file_id', true),
    line    bigint not null,
    data    jsonb  not null
);
create index records_file on fn_process.records (file_id);

-- A table of the example in the README. The file's id is there without the
-- file's doing; leave the column out where nobody asks for it.
create table fn_process.readings (
    sensor  text        not null,
    at      timestamptz not null,
    value   numeric,
    file_id text        not null default current_setting('process.file_id', true)
);

-- Rows of files that could not be used.
create table fn_process.reject (
    file_id    text        not null,
    "row"      bigint      not null,
    line       bigint      not null,
    "column"   bigint      not null,
    field      text        not null,
    code       text        not null,
    detail     text        not null,
    expires_at timestamptz not null
);
create index reject_file on fn_process.reject (file_id, "row");
create index reject_expires on fn_process.reject (expires_at);

-- sweep_reject is one of the clean-ups that maintenance runs.
-- +goose StatementBegin
create function fn_process.sweep_reject(at_most int) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from fn_process.reject where ctid in (
            select ctid from fn_process.reject where expires_at <= now() order by expires_at limit at_most for update skip locked)
        returning 1)
    select count(*) from gone
$$;
-- +goose StatementEnd
revoke all on function fn_process.sweep_reject(int) from public;

-- +goose Down
drop function fn_process.sweep_reject(int);
drop table fn_process.records, fn_process.readings, fn_process.reject;
