-- +goose Up

-- The ledger: a row for each content of a key that was put, and what became of
-- it. ingest writes the row together with the message to process; process moves it:
--
--	received ──▶ processing ──▶ done        the rows are in the table
--	   failed ──▶    │      ├──▶ failed      it may succeed later; it comes again
--	     dead ──▶    │      ├──▶ dead        it cannot; its message is a dead letter
--	                 │      └──▶ replaced    the key holds another content now, which has a row of its own
--	                 └── lease over: whoever comes next takes it
--
-- Only done and replaced make process skip a file. The fence tells one lease from
-- the next: who holds an old one changes nothing.
create table fn_ingest.file (
    file_id            text        primary key,
    seq                bigint      not null generated always as identity unique,
    bucket             text        not null,
    key                text        not null,
    version            text        not null, -- '' where the bucket keeps none
    etag               text        not null,
    size               bigint      not null,
    sequencer          text        not null,
    content_type       text        not null,
    upload_time        timestamptz not null,
    received_at        timestamptz not null default now(),
    status             text        not null default 'received'
                       check (status in ('received', 'processing', 'done', 'failed', 'dead', 'replaced')),
    fence              bigint      not null default 0,
    lease_until        timestamptz,
    attempts           int         not null default 0, -- since it was received, or was dead
    target             text,
    record_count       bigint,
    ignored_fields     text[], -- of the file, for which the table has no column
    reject_count       bigint,
    processing_time_ms bigint,
    code               text,
    reason             text,
    finished_at        timestamptz,
    expires_at         timestamptz not null,
    check (status <> 'processing' or lease_until is not null)
);
create index file_expires on fn_ingest.file (expires_at);
create index file_open on fn_ingest.file (seq) where status not in ('done', 'replaced');

-- sweep_file is one of the clean-ups that maintenance runs. What is being worked
-- on stays.
-- +goose StatementBegin
create function fn_ingest.sweep_file(at_most int) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from fn_ingest.file where ctid in (
            select ctid from fn_ingest.file where expires_at <= now() and (status <> 'processing' or lease_until <= now())
            order by expires_at limit at_most for update skip locked)
        returning 1)
    select count(*) from gone
$$;
-- +goose StatementEnd
revoke all on function fn_ingest.sweep_file(int) from public;

-- report_files is one of the reports that maintenance writes.
create view fn_ingest.report_files as
    select received_at::date as day, status, count(*) as files, sum(size) as bytes, sum(record_count) as records, sum(reject_count) as rejects
    from fn_ingest.file group by 1, 2 order by 1, 2;

-- +goose Down
drop view fn_ingest.report_files;
drop function fn_ingest.sweep_file(int);
drop table fn_ingest.file;
