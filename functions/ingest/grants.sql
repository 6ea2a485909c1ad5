grant usage on schema fn_ingest to :role;
grant select, insert on fn_ingest.file to :role;

-- process moves a file from state to state, and changes nothing else.
grant usage on schema fn_ingest to :role(process);
grant select on fn_ingest.file to :role(process);
grant update (status, fence, lease_until, attempts, target, record_count, ignored_fields, reject_count, processing_time_ms, code, reason, finished_at, expires_at)
    on fn_ingest.file to :role(process);

-- maintenance removes what has expired, and reports.
grant usage on schema fn_ingest to :role(maintenance);
grant execute on function fn_ingest.sweep_file(int) to :role(maintenance);
grant select on fn_ingest.report_files to :role(maintenance);
